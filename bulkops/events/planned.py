"""Events of a plan: operations, skips and totals. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from bulkops.events.model import Action, FreeObject, OfShard, OfTarget

if TYPE_CHECKING:
    from bulkops.operations import model
    from bulkops.plan import model as plan


class Operation(OfTarget, frozen=True, kw_only=True, tag="operation"):
    """One change that an apply would make.

    Attributes:
        key: identifies the operation in this plan, in its journal and in their events.
        aspect: the part of the target that is written, if its kind has several; else empty.
        action: `attach`, `update`, `detach`, `create`, `delete`, `enable`, `disable`, `rotate`,
            or another word that its kind defines.
        before: the observed attributes, by their API names; null if it did not exist.
        desired: the desired attributes, by their API names; null if it is removed.
    """

    key: str
    aspect: str
    action: Action
    before: FreeObject | None
    desired: FreeObject | None

    @classmethod
    def of(cls, planned: model.Operation) -> Operation:
        """Return the event of a planned operation."""
        return cls(
            **planned.target.fields,
            key=planned.key,
            aspect=planned.aspect,
            action=planned.verb,
            before=planned.before.attributes if planned.before else None,
            desired=planned.desired,
        )


class Skip(OfTarget, frozen=True, kw_only=True, tag="skip"):
    """One selected target without an operation.

    Attributes:
        reason: why it has none, human-readable.
        blocked: whether the job wants a change there that is not possible.
    """

    reason: str
    blocked: bool

    @classmethod
    def of(cls, skip: model.Skip) -> Skip:
        """Return the event of a planned skip."""
        return cls(**skip.target.fields, reason=skip.reason, blocked=skip.blocked)


_FIELDS = frozenset(
    ["attach", "create", "update", "detach", "delete", "enable", "disable", "rotate"]
)
"""Actions that are guaranteed as fields of a plan; ``actions`` has all of them."""


class Plan(OfShard, frozen=True, kw_only=True, tag="plan"):
    """The totals of a plan; printed after its operations and skips.

    Attributes:
        job: the job's name.
        kind: the kind of operation, as in the job file.
        organization: the organization's name.
        task: the run task's name; null for a kind without one.
        task_id: that run task's id, `task-…`; null for a kind without one.
        replaces: name of the run task that is replaced; null for a kind without one.
        replaces_id: that run task's id, `task-…`; null for a kind without one.
        actions: action → number of operations; 0 for an action that the kind always counts.
        attach, create, update, detach, delete, enable, disable, rotate: number of operations with
            this action; absent if `actions` does not have it. Actions added since are in `actions`
            only.
        skipped: number of targets that need no change.
        blocked: number of targets on which the job wants a change that is not possible.
        waves: number of operations in each wave, in order.
        pause: pause between two waves, as in the job file; null for none.
        windows: the windows in which operations may begin, as in the job file.
        gate: command that runs after each wave; null for none.
        tolerated: number of failures that are tolerated; one more stops the job.
        strict: whether at most (remaining tolerance + 1) operations are in flight.
        notes: remarks worth reading, human-readable.
        saved: file in which `--out` saved the plan; null without `--out`.
        sha256: digest of that file in hex, which `apply` checks; null without `--out`.
    """

    job: str
    kind: str
    organization: str
    task: str | None
    task_id: str | None
    replaces: str | None
    replaces_id: str | None
    actions: dict[str, int]
    attach: int | UnsetType = UNSET
    create: int | UnsetType = UNSET
    update: int | UnsetType = UNSET
    detach: int | UnsetType = UNSET
    delete: int | UnsetType = UNSET
    enable: int | UnsetType = UNSET
    disable: int | UnsetType = UNSET
    rotate: int | UnsetType = UNSET
    skipped: int
    blocked: int
    waves: tuple[int, ...]
    pause: str | None
    windows: tuple[str, ...]
    gate: str | None
    tolerated: int
    strict: bool
    notes: tuple[str, ...]
    saved: str | None
    sha256: str | None

    @classmethod
    def of(cls, plan: plan.Plan, saved: str | None = None, sha256: str | None = None) -> Plan:
        """Return the event of a plan; ``saved`` and ``sha256``: its file and the digest."""
        task, replaces = plan.resolved.task, plan.resolved.replaces
        rollout, operations = plan.rollout, len(plan.operations)
        return cls(
            shard=UNSET,
            job=plan.job.name,
            kind=plan.job.operation_kind,
            organization=plan.job.organization,
            task=task.name if task else None,
            task_id=task.id if task else None,
            replaces=replaces.name if replaces else None,
            replaces_id=replaces.id if replaces else None,
            actions=plan.counts,
            **{verb: n for verb, n in plan.counts.items() if verb in _FIELDS},
            skipped=len(plan.skips) - len(plan.blocked),
            blocked=len(plan.blocked),
            waves=tuple(wave.size for wave in rollout.steps(operations)),
            pause=rollout.pause,
            windows=rollout.windows,
            gate=rollout.gate,
            tolerated=rollout.tolerated(operations),
            strict=rollout.strict,
            notes=tuple(plan.notes),
            saved=saved,
            sha256=sha256,
        )
