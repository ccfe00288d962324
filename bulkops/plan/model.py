"""Inventory and job → the operations and skips of a plan, sorted by target name. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.errors import JobError
from bulkops.inventory.model import Inventory
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout, Targets, Wave, wave_pause_seconds
from bulkops.journal.identity import digest_of_plan, digest_of_undo
from bulkops.operations.aspects.base import Attached
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation, Resolved, Right, Scope, Skip, Target
from bulkops.operations.named_steps import NamedStep, named_steps
from bulkops.operations.steps import bind, verbs_of
from bulkops.operations.values import differing, in_words
from bulkops.plan.notes import notes

HIDDEN = "its run tasks are unknown: this token can't read them"
"""Why a selected workspace has no operation: unknown doesn't mean that it has no run tasks."""


class Plan(msgspec.Struct, frozen=True):
    """What an apply would do.

    Attributes:
        operations, skips: sorted by name of the target.
        notes: human-readable facts to know before confirming the plan.
        undo_of: run id of the journal that this plan undoes, empty for a job's own plan.
        saved: SHA-256 of the file from which it was read, empty for a new plan.
        rate: requests per second at which it would run, ``None`` if unlimited or unknown.
        address: address of the server for which it was made, empty if it may be any.
        denied: the right that this token lacks on every selected workspace, in words, so that
            nothing can be done; empty if something can, or there is nothing to do.
    """

    job: Job
    resolved: Resolved
    operations: Sequence[Operation]
    skips: Sequence[Skip]
    notes: Sequence[str] = ()
    undo_of: str = ""
    saved: str = ""
    rate: float | None = None
    address: str = ""
    denied: str = ""

    @property
    def digest(self) -> str:
        """The digest in the header of a journal that applies this plan."""
        if self.saved:
            return digest_of_plan(self.saved)
        return digest_of_undo(self.undo_of) if self.undo_of else self.job.digest

    @property
    def steps(self) -> tuple[NamedStep, ...]:
        """The steps of its job, with the run tasks they are about."""
        return named_steps((step.kind for step in self.job.steps), self.resolved)

    @property
    def rollout(self) -> Rollout:
        """Its rollout; an undo has a single wave."""
        return self.job.rollout.effective(self.undo_of)

    @property
    def targets(self) -> Targets | None:
        """The targets of the operations, for a job of several steps; otherwise ``None``."""
        if len(self.job.steps) == 1:
            return None
        return Targets(operation.target.id for operation in self.operations)

    @property
    def waves(self) -> list[Wave]:
        """The waves of its rollout."""
        return self.rollout.steps(len(self.operations), self.targets)

    @property
    def units(self) -> int:
        """How many may fail: operations or, in a job of several steps, targets."""
        targets = self.targets
        return len(self.operations) if targets is None else len(targets)

    @property
    def tolerated(self) -> int:
        """The number of failures that are tolerated; one more stops the job."""
        return self.rollout.tolerated(self.units)

    @property
    def counts(self) -> dict[str, int]:
        """Verb → number of operations with it (see ``Kind.verbs``)."""
        counted = Counter(operation.verb for operation in self.operations)
        always = verbs_of(self.job.steps)
        return {verb: counted[verb] for verb in dict.fromkeys((*always, *counted))}

    @property
    def projects(self) -> dict[str, int]:
        """Project → number of workspaces to change in it, largest first; without unknown ones."""
        # Several operations may be about one workspace: those of a replace are.
        of = {operation.target.id: operation.target.project for operation in self.operations}
        return dict(Counter(project for project in of.values() if project).most_common())

    @property
    def seconds(self) -> float | None:
        """Estimated duration, with the pauses between waves; ``None`` if the rate is unknown."""
        operations = len(self.operations)
        pauses = (len(self.waves) - 1) * wave_pause_seconds(self.rollout)
        return operations / self.rate + pauses if self.rate else None

    @property
    def values(self) -> dict[str, int]:
        """Values per workspace, in words → number of selected workspaces, the most first.

        Empty if all workspaces have the same, and for an undo, which restores former ones.
        """
        steps = [] if self.undo_of else [step for step in self.job.steps if step.values]
        targets = {one.id: one for one in self._targets} if steps else {}
        found: Counter[str] = Counter()
        for step in steps:
            named = f"{step.words}: " if len(self.job.steps) > 1 else ""
            own = dict[str, str]()
            for one, changes in zip(step.values, differing(step.values), strict=True):
                own |= dict.fromkeys(one.workspaces, f"{named}{in_words(changes)}")
            words = (own.get(target.id) or own.get(target.name) for target in targets.values())
            found.update(text for text in words if text)
        return dict(found.most_common())

    @property
    def _targets(self) -> Iterator[Target]:
        yield from (operation.target for operation in self.operations)
        yield from (skip.target for skip in self.skips)

    @property
    def blocked(self) -> list[Skip]:
        """Skips of targets that don't get their desired state."""
        return [skip for skip in self.skips if skip.blocked]


def make_plan(job: Job, inventory: Inventory, source: str = "job") -> Plan:
    """Decide every target.

    Raises:
        JobError: the result would exceed the organization's entitlements.
    """
    kind = bind(job.steps, inventory.resolved)
    operations, skips = _decide_all(kind, inventory)
    if kind.scope is Scope.EVERY and any(skip.blocked for skip in skips):
        # A part of it would be as destructive as all of it, and achieve nothing.
        operations = []
    _check_entitlements(kind, operations, inventory, source)
    return Plan(
        job,
        inventory.resolved,
        operations,
        skips,
        list(notes(job, kind, operations, inventory)),
        denied="" if operations else _denied(inventory, skips),
    )


def _decide_all(kind: Kind, inventory: Inventory) -> tuple[list[Operation], list[Skip]]:
    operations: list[Operation] = []
    skips: list[Skip] = []
    for target in inventory.targets:
        if target.id in inventory.hidden:
            skips.append(Skip(target, HIDDEN, blocked=True))
            continue
        decided = kind.decided(target, inventory.observations)
        lacking = _lacking(kind, target, decided, inventory)
        if lacking is not None:
            # Not a part of it either: what comes first may be in order only with the rest.
            skips.append(Skip(target, lacking.lacking, blocked=True))
            continue
        for decision in decided:
            if isinstance(decision, Skip):
                skips.append(decision)
            else:
                operations.append(decision)
    if any(operation.after for operation in operations):
        operations = list(_in_order(operations, skips))
    return operations, skips


def _lacking(
    kind: Kind, target: Target, decided: Sequence[Operation | Skip], inventory: Inventory
) -> Right | None:
    """Return a right that the token lacks for what was decided on a target, if any."""
    lacking = inventory.forbidden.get(target.id, ())
    if not lacking:
        return None
    needed = (kind.right_for(one) for one in decided if isinstance(one, Operation))
    return next((right for right in needed if right in lacking), None)


def _denied(inventory: Inventory, skips: Sequence[Skip]) -> str:
    """Return the right that the token lacks on every workspace; see ``Plan``."""
    task = inventory.resolved.task
    workspaces = {one.id for one in inventory.targets if task is None or one.id != task.id}
    blocked = any(skip.blocked and skip.target.id in workspaces for skip in skips)
    forbidden = inventory.forbidden
    if not blocked or not workspaces <= forbidden.keys() | inventory.hidden:
        return ""
    lacking = dict.fromkeys(right for ident in workspaces for right in forbidden.get(ident, ()))
    if lacking:
        return f"the permission {' or '.join(right.permission for right in lacking)}"
    return "the right to read run tasks"


def _in_order(operations: Sequence[Operation], skips: list[Skip]) -> Iterator[Operation]:
    """Yield the operations whose predecessors are planned; add a skip for each other one."""
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


def _check_entitlements(
    kind: Kind, operations: Sequence[Operation], inventory: Inventory, source: str
) -> None:
    """Refuse what surely exceeds the limits; attachments of other run tasks aren't counted."""
    allowed = inventory.entitlements
    attaching = {n for n, aspect in kind.aspects.items() if isinstance(aspect.source, Attached)}
    created = Counter(o.aspect for o in operations if o.before is None and o.aspect in attaching)
    if allowed is None or not created:
        return
    place = f"{source}: {created.total()} workspaces to attach"
    if allowed.run_tasks is False:
        raise JobError(
            f"{place}: this organization's plan has no run tasks (entitlement run-tasks)"
        )
    for aspect, number in created.items():
        _check_limits(place, allowed, len(inventory.observations[aspect]) + number)


def _check_limits(place: str, allowed: Entitlements, attached: int) -> None:
    limit = allowed.run_task_workspace_limit
    if limit is not None and attached > limit:
        raise JobError(
            f"{place}: {attached} workspaces would have the run task, but this organization's plan "
            f"allows {limit} (entitlement run-task-workspace-limit). Select fewer"
        )
