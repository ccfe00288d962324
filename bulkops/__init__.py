"""Roll one change out over a whole HCP Terraform or Terraform Enterprise organization.

Data flows one way::

    job → selection → inventory → plan → journal → runner ⇄ client → journal → verify → report

``job``, ``selection``, ``plan``, ``outcome``, ``reconcile``, ``verify``, ``operations`` and
``report`` only decide: no clock, no file, no network in them. ``client`` talks to the API,
``journal`` to the disk, ``runner`` and its ``worker`` join the two, ``waves`` says which operations
and what comes after, ``execution`` starts them;
``public`` is the door for Python, ``cli`` the one for a shell.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.client.endpoints import RunTaskChange
    from bulkops.errors import BulkopsError
    from bulkops.job import Job, parse_job
    from bulkops.plan import Plan
    from bulkops.public import (
        apply_plan,
        load_job,
        plan_job,
        plan_undo,
        read_report,
        resume_journal,
        select_workspaces,
        verify_journal,
    )
    from bulkops.report.model import Report

__version__ = "0.1.0"

# A library says nothing on its own, warnings included: whoever wants them adds a handler.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_PLACES = {
    "BulkopsError": "bulkops.errors",
    "Client": "bulkops.client.api",
    "Job": "bulkops.job",
    "Plan": "bulkops.plan",
    "Report": "bulkops.report.model",
    "RunTaskChange": "bulkops.client.endpoints",
    "apply_plan": "bulkops.public",
    "load_job": "bulkops.public",
    "parse_job": "bulkops.job",
    "plan_job": "bulkops.public",
    "plan_undo": "bulkops.public",
    "read_report": "bulkops.public",
    "resume_journal": "bulkops.public",
    "select_workspaces": "bulkops.public",
    "verify_journal": "bulkops.public",
}

__all__ = [
    "BulkopsError",
    "Client",
    "Job",
    "Plan",
    "Report",
    "RunTaskChange",
    "apply_plan",
    "load_job",
    "parse_job",
    "plan_job",
    "plan_undo",
    "read_report",
    "resume_journal",
    "select_workspaces",
    "verify_journal",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is used: the command line starts without aiohttp."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
