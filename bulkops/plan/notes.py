"""What a careful reader of a plan should know, in words; its kind adds what only it knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bulkops.checking import shown
from bulkops.inventory.model import Inventory
from bulkops.inventory.selection import unmatched
from bulkops.job.job import Job
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation


def notes(
    job: Job, kind: Kind, operations: Sequence[Operation], inventory: Inventory
) -> Iterator[str]:
    """Yield the notes on a plan with these operations."""
    for entry in unmatched(job.select, inventory.targets):
        yield f"select: {shown(entry)} selects no workspace"
    if operations:
        yield from _one_call(job, kind, inventory)
    yield from kind.notes(operations)
    yield from _locked(operations, inventory)
    yield from _mandatory(operations, inventory)


def _one_call(job: Job, kind: Kind, inventory: Inventory) -> Iterator[str]:
    """Yield the one call that would do, where the job goes over all there is in one place."""
    select = job.select
    given = set(msgspec.to_builtins(select)) - {"allow_empty"}
    if inventory.version or inventory.entitlements is None or given not in ({"all"}, {"project"}):
        return
    call = kind.one_call(inventory.entitlements)
    if call:
        organization = f"organization {job.organization}"
        place = f"project {select.project}" if select.project else organization
        yield f"this is every workspace of {place}: {call}"


def _locked(operations: Sequence[Operation], inventory: Inventory) -> Iterator[str]:
    # "Locking a workspace temporarily prevents new plans and applies" and nothing else:
    # HashiCorp's page on workspace settings. What writes the lock itself says so already.
    others = (o.target.id for o in operations if "locked" not in (o.wanted or {}))
    if locked := sum(ident in inventory.locked for ident in others):
        yield (
            f"locked workspaces among these: {locked}, by somebody or by a run under way; that "
            "holds back Terraform runs, not this change"
        )


def _mandatory(operations: Sequence[Operation], inventory: Inventory) -> Iterator[str]:
    limit = inventory.entitlements and inventory.entitlements.run_task_mandatory_enforcement_limit
    if limit is None:
        return
    if any((o.wanted or {}).get("enforcement-level") == "mandatory" for o in operations):
        # Nothing says what is counted, run tasks or attachments: too little to refuse on.
        yield f"this organization's plan allows {limit} mandatory enforcements of run tasks"
