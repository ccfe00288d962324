"""The lines that ``--json`` prints: one Struct per value of ``"type"``. Pure.

This is a public interface. ``jobs/events.md`` lists its guarantees; that file and
``jobs/events.schema.json`` are generated from the ``Attributes`` of these Structs. A journal's
records are a separate format: ``bulkops.journal.records``.
"""

from bulkops.events.examined import (
    Copied,
    Differing,
    Fleet,
    Job,
    Journal,
    Listed,
    Selection,
    Verified,
    Workspace,
)
from bulkops.events.executed import Progress, Rest, Result, Wave
from bulkops.events.fleets import FleetPlan, FleetReport, FleetStatus, FleetVerify
from bulkops.events.model import Event
from bulkops.events.planned import Operation, Plan, Skip
from bulkops.events.reported import Report, Status
from bulkops.events.tasks import Deleted, Detached, RunTask, WorkspaceTask

EVENTS: tuple[type[Event], ...] = (
    Workspace,
    Selection,
    Job,
    Fleet,
    Operation,
    Skip,
    Plan,
    FleetPlan,
    Result,
    Wave,
    Rest,
    Progress,
    Report,
    FleetReport,
    Status,
    FleetStatus,
    Differing,
    Verified,
    FleetVerify,
    Listed,
    Journal,
    Copied,
    RunTask,
    Deleted,
    WorkspaceTask,
    Detached,
)
"""All events, in the order in which a user meets them."""

__all__ = [
    "EVENTS",
    "Copied",
    "Deleted",
    "Detached",
    "Differing",
    "Event",
    "Fleet",
    "FleetPlan",
    "FleetReport",
    "FleetStatus",
    "FleetVerify",
    "Job",
    "Journal",
    "Listed",
    "Operation",
    "Plan",
    "Progress",
    "Report",
    "Rest",
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
