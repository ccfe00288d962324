"""Inventory and job → the operations to carry out and the skips, in order of name. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.inventory.model import Inventory
from bulkops.inventory.selection import unmatched
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout, rest_seconds
from bulkops.operations import bind, kind_named, wording
from bulkops.operations.kinds.attach import Attach
from bulkops.operations.model import Binding, Kind, Operation, Over, Skip

SHOWN_STATES = 4
"""Different levels and stages of what will be lost that a note spells out."""


class Plan(msgspec.Struct, frozen=True):
    """What an apply would do.

    Attributes:
        operations, skips: by name of the target.
        notes: in words, what a careful reader should know before saying yes.
        undo_of: run id of the journal that this takes back, empty for a job's own plan.
        saved: SHA-256 of the file it was read from, empty where it was made just now.
        projects: name, or else id, of a project → operations in it, most first; empty where it is
            not known.
        rate: requests a second at which it would go, ``None`` where nothing limits it or it is
            not known.
    """

    job: Job
    binding: Binding
    operations: Sequence[Operation]
    skips: Sequence[Skip]
    notes: Sequence[str] = ()
    undo_of: str = ""
    saved: str = ""
    projects: Mapping[str, int] = {}
    rate: float | None = None

    @property
    def digest(self) -> str:
        """What a journal that goes on with this plan must have in its header."""
        if self.saved:
            return f"plan {self.saved}"
        return f"undo of {self.undo_of}" if self.undo_of else self.job.digest

    @property
    def rollout(self) -> Rollout:
        """In which steps it goes: an undo goes at once."""
        return self.job.rollout.taking_back(self.undo_of)

    @property
    def counts(self) -> dict[str, int]:
        """Verb → how many operations do that; see ``Kind.verbs``."""
        return counts(self.operations, kind_named(self.job.operation_kind).verbs)

    @property
    def seconds(self) -> float | None:
        """How long it takes, rests between waves included, ``None`` where nobody knows."""
        operations = len(self.operations)
        rests = (len(self.rollout.steps(operations)) - 1) * rest_seconds(self.rollout)
        return operations / self.rate + rests if self.rate else None

    @property
    def blocked(self) -> list[Skip]:
        """Skips where the job's wish stays unfulfilled."""
        return [skip for skip in self.skips if skip.blocked]


def make_plan(job: Job, inventory: Inventory, source: str = "job") -> Plan:
    """Decide every target.

    Raises:
        JobError: the organization's entitlements have no room for the result.
    """
    kind = bind(job.operation_kind, job.wish, inventory.binding)
    operations, skips = _decide_all(kind, inventory)
    if kind.over is Over.EVERY and any(skip.blocked for skip in skips):
        # Some of it would cost what all of it costs, and bring nothing.
        operations = []
    _check_entitlements(operations, inventory, source)
    return Plan(
        job,
        inventory.binding,
        operations,
        skips,
        [*_notes(job, operations, inventory), *kind.notes(operations)],
        projects=_projects(operations, inventory.projects),
    )


def _decide_all(kind: Kind, inventory: Inventory) -> tuple[list[Operation], list[Skip]]:
    operations: list[Operation] = []
    skips: list[Skip] = []
    for target in inventory.targets:
        for decision in kind.decide(target, inventory.showing):
            if isinstance(decision, Skip):
                skips.append(decision)
            elif target.id in inventory.forbidden:
                skips.append(Skip(target, kind.right.value, blocked=True))
                break
            else:
                operations.append(decision)
    if any(operation.after for operation in operations):
        operations = list(_in_order(operations, skips))
    return operations, skips


def _projects(operations: Sequence[Operation], projects: Mapping[str, str]) -> dict[str, int]:
    found = Counter(projects[o.target.id] for o in operations if o.target.id in projects)
    return dict(found.most_common())


def _in_order(operations: Sequence[Operation], skips: list[Skip]) -> Iterator[Operation]:
    """Yield the operations, but for those that come after what is not planned: a skip each."""
    planned: set[str] = set()
    for operation in operations:
        missing = [key for key in operation.after if key not in planned]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            reason = f"{missing[0]}{more} must come first, and can't be done"
            skips.append(Skip(operation.target, reason, blocked=True))
        else:
            planned.add(operation.key)
            yield operation


def _lost(operations: Sequence[Operation], binding: Binding) -> Iterator[str]:
    """Yield what is gone afterwards: of which run task, on how many workspaces, which states."""
    removed = [
        o.before.attributes
        for o in operations
        if o.before and o.wanted is None and wording.is_attachment(o)
    ]
    if removed and binding.task:
        states = Counter(map(wording.attachment, removed)).most_common()
        said = ", ".join(f"{number} {state}" for state, number in states[:SHOWN_STATES])
        more = f", {len(states) - SHOWN_STATES} more" if len(states) > SHOWN_STATES else ""
        places = f"{len(removed)} workspace{'s' if len(removed) > 1 else ''}"
        yield f"{binding.task.name} will be lost on {places}: {said}{more}"


def _one_call(job: Job, inventory: Inventory) -> Iterator[str]:
    """Yield the one call that would do, where the job attaches to all there is in one place."""
    allowed, select = inventory.entitlements, job.select
    given = set(msgspec.to_builtins(select)) - {"allow_empty"}
    if job.operation_kind != Attach.name or not (allowed and allowed.global_run_tasks):
        return
    if inventory.version or given not in ({"all"}, {"project"}):
        return
    place = f"project {select.project}" if select.project else f"organization {job.organization}"
    yield (
        f"this is every workspace of {place}: one call can give them all this run task, those to "
        f"come included: POST /organizations/{job.organization}/task-configs"
    )


def _notes(job: Job, operations: Sequence[Operation], inventory: Inventory) -> Iterator[str]:
    for entry in unmatched(job.select, inventory.targets):
        yield f"select: {shown(entry)} selects no workspace"
    if operations:
        yield from _one_call(job, inventory)
    if kind_named(job.operation_kind).destroys:
        yield from _lost(operations, inventory.binding)
    if locked := sum(operation.target.id in inventory.locked for operation in operations):
        # "Locking a workspace temporarily prevents new plans and applies" and nothing else:
        # HashiCorp's page on workspace settings.
        yield (
            f"locked workspaces among these: {locked}, by somebody or by a run under way; that "
            "holds back Terraform runs, not this change"
        )
    limit = inventory.entitlements and inventory.entitlements.run_task_mandatory_enforcement_limit
    mandatory = any((o.wanted or {}).get("enforcement-level") == "mandatory" for o in operations)
    if mandatory and limit is not None:
        # Nothing says what is counted, run tasks or attachments: too little to refuse on.
        yield f"this organization's plan allows {limit} mandatory enforcements of run tasks"


def _check_entitlements(operations: Sequence[Operation], inventory: Inventory, source: str) -> None:
    """Refuse what can't fit, by a lower bound: other run tasks' attachments aren't counted."""
    allowed = inventory.entitlements
    created = Counter(o.aspect for o in operations if o.before is None)
    if allowed is None or not created:
        return
    place = f"{source}: {created.total()} workspaces to attach"
    if allowed.run_tasks is False:
        raise JobError(
            f"{place}: this organization's plan has no run tasks (entitlement run-tasks)"
        )
    for aspect, number in created.items():
        _check_limits(place, allowed, len(inventory.showing[aspect]) + number)


def _check_limits(place: str, allowed: Entitlements, attached: int) -> None:
    limit = allowed.run_task_workspace_limit
    if limit is not None and attached > limit:
        raise JobError(
            f"{place}: {attached} workspaces would have the run task, this organization's plan "
            f"allows {limit} (entitlement run-task-workspace-limit): select fewer"
        )


def counts(operations: Sequence[Operation], always: Sequence[str] = ()) -> dict[str, int]:
    """Return verb → how many operations do that.

    Args:
        always: verbs that are in it, and first, whether they occur or not.
    """
    counted = Counter[str](wording.verb(operation) for operation in operations)
    return {name: counted[name] for name in dict.fromkeys((*always, *counted))}
