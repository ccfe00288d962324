"""Roll out a change across an entire HCP Terraform or Terraform Enterprise organization.

Data flows in one direction::

    job → selection → inventory → plan → journal → runner ⇄ client → journal → verify → report

The packages, from the bottom up: ``api``, ``operations``, ``job``, ``client``, ``journal``,
``inventory``, ``plan``, ``runner``, ``report``, ``coverage``, ``events``. Each imports only those
before it. ``library`` is the interface for Python, ``cli`` the one for a shell. Each package's
docstring states its purpose; a *pure* package or module makes decisions and uses no clock, file
or network.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would slow the start
if TYPE_CHECKING:
    from bulkops.api.endpoints import RunTaskChange
    from bulkops.api.resources import GlobalConfiguration
    from bulkops.client.api import Client
    from bulkops.coverage.matrix import Coverage
    from bulkops.coverage.reading import read_coverage
    from bulkops.errors import (
        ApiError,
        BulkopsError,
        JobError,
        JournalError,
        NoResponse,
        PlanStale,
        RequestRejected,
        RetriesSpent,
        RunTaskGone,
        ServerBroken,
        Unauthorized,
    )
    from bulkops.events.schema import events_schema
    from bulkops.inventory.model import Selected
    from bulkops.inventory.workspaces import select_workspaces
    from bulkops.job.file import load_job
    from bulkops.job.job import Job, parse_job
    from bulkops.job.schema import job_schema
    from bulkops.journal.records import Result, Verified, WaveReached
    from bulkops.library import (
        apply_plan,
        load_plan,
        plan_job,
        plan_undo,
        read_report,
        resume_journal,
        save_plan,
        verify_journal,
    )
    from bulkops.operations.model import Operation
    from bulkops.plan.model import Plan
    from bulkops.report.model import Report
    from bulkops.runner.assignment import OnResult, OnWave

__version__ = "0.2.0"

_ORIGINS = {
    "ApiError": "bulkops.errors",
    "BulkopsError": "bulkops.errors",
    "Client": "bulkops.client.api",
    "Coverage": "bulkops.coverage.matrix",
    "GlobalConfiguration": "bulkops.api.resources",
    "Job": "bulkops.job.job",
    "JobError": "bulkops.errors",
    "JournalError": "bulkops.errors",
    "NoResponse": "bulkops.errors",
    "OnResult": "bulkops.runner.assignment",
    "OnWave": "bulkops.runner.assignment",
    "Operation": "bulkops.operations.model",
    "Plan": "bulkops.plan.model",
    "PlanStale": "bulkops.errors",
    "Report": "bulkops.report.model",
    "RequestRejected": "bulkops.errors",
    "Result": "bulkops.journal.records",
    "RetriesSpent": "bulkops.errors",
    "RunTaskChange": "bulkops.api.endpoints",
    "RunTaskGone": "bulkops.errors",
    "Selected": "bulkops.inventory.model",
    "ServerBroken": "bulkops.errors",
    "Unauthorized": "bulkops.errors",
    "Verified": "bulkops.journal.records",
    "WaveReached": "bulkops.journal.records",
    "apply_plan": "bulkops.library",
    "events_schema": "bulkops.events.schema",
    "job_schema": "bulkops.job.schema",
    "load_job": "bulkops.job.file",
    "load_plan": "bulkops.library",
    "parse_job": "bulkops.job.job",
    "plan_job": "bulkops.library",
    "plan_undo": "bulkops.library",
    "read_coverage": "bulkops.coverage.reading",
    "read_report": "bulkops.library",
    "resume_journal": "bulkops.library",
    "save_plan": "bulkops.library",
    "select_workspaces": "bulkops.inventory.workspaces",
    "verify_journal": "bulkops.library",
}

__all__ = [
    "ApiError",
    "BulkopsError",
    "Client",
    "Coverage",
    "GlobalConfiguration",
    "Job",
    "JobError",
    "JournalError",
    "NoResponse",
    "OnResult",
    "OnWave",
    "Operation",
    "Plan",
    "PlanStale",
    "Report",
    "RequestRejected",
    "Result",
    "RetriesSpent",
    "RunTaskChange",
    "RunTaskGone",
    "Selected",
    "ServerBroken",
    "Unauthorized",
    "Verified",
    "WaveReached",
    "apply_plan",
    "events_schema",
    "job_schema",
    "load_job",
    "load_plan",
    "parse_job",
    "plan_job",
    "plan_undo",
    "read_coverage",
    "read_report",
    "resume_journal",
    "save_plan",
    "select_workspaces",
    "verify_journal",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that the command line starts without aiohttp."""
    if name not in _ORIGINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ORIGINS[name]), name)
