"""The notes on a plan: facts to know before confirming it; each kind adds its own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bulkops.inventory.model import Inventory
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout, Targets
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation
from bulkops.text import counted


def notes(
    job: Job, kind: Kind, operations: Sequence[Operation], inventory: Inventory
) -> Iterator[str]:
    """Yield the notes on a plan with these operations."""
    yield from inventory.notes
    if operations:
        yield from _one_call(job, kind, inventory)
    yield from kind.notes(operations)
    yield from _locked(operations, inventory)
    yield from _mandatory(operations, inventory)


def _one_call(job: Job, kind: Kind, inventory: Inventory) -> Iterator[str]:
    """Yield the single API call that does the same, if the job covers a whole project or all."""
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
    # "Locking a workspace temporarily prevents new plans and applies" and nothing else, according
    # to HashiCorp's page on workspace settings. An operation that writes the lock needs no note.
    others = (o.target.id for o in operations if "locked" not in (o.desired or {}))
    if locked := sum(ident in inventory.locked for ident in others):
        are = "is" if locked == 1 else "are"
        yield (
            f"{locked} of these workspaces {are} locked by a user or a run in progress; a lock "
            "holds back Terraform runs, not this change"
        )


def _mandatory(operations: Sequence[Operation], inventory: Inventory) -> Iterator[str]:
    entitlements = inventory.entitlements
    limit = entitlements.run_task_mandatory_enforcement_limit if entitlements else None
    if limit is None:
        return
    if any((o.desired or {}).get("enforcement-level") == "mandatory" for o in operations):
        # It isn't documented whether run tasks or attachments count: too little to refuse on.
        enforcements = counted(limit, "mandatory run-task enforcement")
        yield f"this organization's plan allows {enforcements}"


def strict_notes(
    rollout: Rollout,
    operations: int,
    targets: Targets | None = None,
    *,
    most: int,
    rate: float | None,
    latency: float,
) -> list[str]:
    """Return notes on the waves that ``strict``, not the rate limit, will slow down.

    Args:
        targets: those of the operations, for a job of several steps.
        most: operations in flight without ``strict``.
        rate: requests per second that are allowed, ``None`` if unlimited.
        latency: seconds until an answer, 0 if it is unknown yet.
    """
    needed = float(most) if rate is None else min(most, rate * latency)
    slow: dict[int, list[str]] = {}
    noted = rollout.strict and operations and latency
    waves = rollout.steps(operations, targets) if noted else []
    for wave in waves:
        tolerated = rollout.tolerated(operations if targets is None else len(targets))
        tolerated = tolerated if wave.tolerated is None else min(tolerated, wave.tolerated)
        if min(tolerated + 1, wave.size) < min(needed, wave.size):
            slow.setdefault(tolerated + 1, []).append(str(wave.number))
    fewer = rate is None or most < rate * latency
    limit = f"the usual {most} in flight" if fewer else f"the limit of {rate:.3g} per second"
    return [
        f"strict{f' in wave {_listed(numbers)}' if len(waves) > 1 else ''}: at most {in_flight} in "
        f"flight; with the measured latency of {latency * 1000:.0f} ms this, not {limit}, sets the "
        f"pace: about {in_flight / latency:.3g} per second"
        for in_flight, numbers in slow.items()
    ]


def _listed(numbers: list[str]) -> str:
    *others, last = numbers
    return f"{', '.join(others)} and {last}" if others else last
