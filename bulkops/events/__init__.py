"""What ``--json`` prints: one type a kind of line, told apart by ``"type"``. Pure.

This is an interface: ``jobs/events.md`` says what is promised of it, and is written from the
``Attributes`` of these Structs, as ``jobs/events.schema.json`` is. A journal's records are
something else: ``bulkops.journal.records``.
"""

from bulkops.events.examined import Differing, Job, Journal, Selection, Verified, Workspace
from bulkops.events.executed import Progress, Report, Result, Status, Wave
from bulkops.events.model import Event
from bulkops.events.planned import Operation, Plan, Skip
from bulkops.events.tasks import Deleted, Detached, RunTask, WorkspaceTask

EVENTS: tuple[type[Event], ...] = (
    Workspace,
    Selection,
    Job,
    Operation,
    Skip,
    Plan,
    Result,
    Wave,
    Progress,
    Report,
    Status,
    Differing,
    Verified,
    Journal,
    RunTask,
    Deleted,
    WorkspaceTask,
    Detached,
)
"""All of them, in the order in which somebody meets them."""

__all__ = [
    "EVENTS",
    "Deleted",
    "Detached",
    "Differing",
    "Event",
    "Job",
    "Journal",
    "Operation",
    "Plan",
    "Progress",
    "Report",
    "Result",
    "RunTask",
    "Selection",
    "Skip",
    "Status",
    "Verified",
    "Wave",
    "Workspace",
    "WorkspaceTask",
]
