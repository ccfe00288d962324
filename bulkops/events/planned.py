"""What a plan prints: each operation, each skip, and what it comes to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from bulkops.events.model import Action, Event, FreeObject, OfTarget

if TYPE_CHECKING:
    from bulkops.operations import model
    from bulkops.plan import model as plan


class Operation(OfTarget, frozen=True, kw_only=True, tag="operation"):
    """One write that an apply would make.

    Attributes:
        key: names the operation in this plan, its journal and their events.
        aspect: which of several things about the target is written; empty for a kind with one.
        action: what happens to it: `attach`, `update`, `detach`, `create`, `delete`, `enable`,
            `disable`, `rotate`, or another word that its kind has for it.
        before: its attributes as the server showed them, by their API names; null for absent.
        desired: its attributes afterwards, by their API names; null for absent.
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
    """One selected target on which nothing would be done.

    Attributes:
        reason: why, in words.
        blocked: true where what the job wants is not so, and can't be made so.
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
"""The actions that are fields of a plan, by a promise; every one is in its ``actions``."""


class Plan(Event, frozen=True, kw_only=True, tag="plan"):
    """What a plan comes to; after all its operations and skips.

    Attributes:
        job: the job's name.
        kind: the kind of operation, as the job file has it.
        organization: the organization's name.
        task: the name of the run task it is about; null for a kind without one.
        task_id: that run task's id, `task-…`; null for a kind without one.
        replaces: the name of the run task that is replaced; null for a kind without one.
        replaces_id: that run task's id, `task-…`; null for a kind without one.
        actions: action → operations with it, 0 for one that the kind always counts.
        attach, create, update, detach, delete, enable, disable, rotate: the same of that action;
            absent where `actions` hasn't got it. An action that is new since is in `actions` only.
        skipped: targets on which nothing is to be done.
        blocked: targets on which nothing can be done, though the job wants it.
        waves: operations of each wave, in order.
        pause: between two waves, as the job file has it; null for none.
        gate: the command run after each wave; null for none.
        tolerated: failures that are borne; one more stops the job.
        strict: true where never more are in flight than may still fail.
        notes: what a careful reader should know, in words.
        saved: the file that `--out` saved it in; null without `--out`.
        sha256: what `apply` checks that file by, in hex; null without `--out`.
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
    gate: str | None
    tolerated: int
    strict: bool
    notes: tuple[str, ...]
    saved: str | None
    sha256: str | None

    @classmethod
    def of(cls, plan: plan.Plan, saved: str | None = None, sha256: str | None = None) -> Plan:
        """Return the event of a plan; ``saved``: the file it is in, with its digest."""
        task, replaces = plan.resolved.task, plan.resolved.replaces
        rollout, operations = plan.rollout, len(plan.operations)
        return cls(
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
            gate=rollout.gate,
            tolerated=rollout.tolerated(operations),
            strict=rollout.strict,
            notes=tuple(plan.notes),
            saved=saved,
            sha256=sha256,
        )
