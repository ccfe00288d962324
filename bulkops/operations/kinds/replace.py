"""``replace``: attach the new run task, then detach the old one. Pure.

| old                     | new                     | decided                                  |
|-------------------------|-------------------------|------------------------------------------|
| not attached            | not attached            | skip: nothing to replace                 |
| not attached            | attached                | skip: already replaced                   |
| not attached            | attached more than once | skip: already replaced                   |
| attached                | not attached            | attach the new, then detach the old      |
| attached                | attached otherwise      | update the new, then detach the old      |
| attached                | attached as desired     | detach the old                           |
| attached                | attached more than once | skip, blocked                            |
| attached more than once | whatever                | skip, blocked                            |

The detach comes after the attach, so that no workspace is ever without both. If the attach fails,
the old one stays. If the job doesn't set the level or the stages, the new one gets those that the
old one has on that workspace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar

import msgspec

from bulkops.api.resources import EnforcementLevel, in_run_order
from bulkops.operations.aspects.attachment import WORDS, Stages, WorkspaceTaskAspect, several
from bulkops.operations.aspects.base import Aspect, Words
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Attributes,
    Observations,
    Observed,
    Operation,
    Resolved,
    Shared,
    Skip,
    Target,
    TaskSpec,
)

NEW = "new"
OLD = "old"


class ReplaceSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``replace``.

    Attributes:
        task: the new run task's name or id (``task-…``).
        replaces: the old run task's name or id (``task-…``).
        enforcement_level: the new task's level; defaults to the old task's on each workspace.
        stages: the new task's stages; default to the old task's on each workspace.
    """

    per_job: ClassVar[frozenset[str]] = frozenset({"task", "replaces"})

    replaces: Annotated[
        str, msgspec.Meta(min_length=1, description='a run task\'s name or its id "task-…"')
    ]
    enforcement_level: EnforcementLevel | None = None
    stages: Stages | None = None

    def __post_init__(self) -> None:
        """Refuse to replace a run task by itself."""
        if self.task == self.replaces:
            raise ValueError("`task` and `replaces` are the same run task")

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """The new run task, and the one it replaces."""
        return {"task": self.task, "replaces": self.replaces}

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages of the new attachment."""
        return self.stages or ()


class Replace(Kind):
    """Attach one run task and detach another, workspace by workspace."""

    name: ClassVar[str] = "replace"
    spec_type: ClassVar[type[ReplaceSpec]] = ReplaceSpec
    creates: ClassVar[str] = "attach"
    removes: ClassVar[str] = "detach"
    verbs: ClassVar[Sequence[str]] = ("attach", "update", "detach")
    words: ClassVar[Sequence[Words]] = (WORDS,)
    # Not destructive: the new task shows where the old one was, with which level and stages.
    never_empty: ClassVar[bool] = True

    def __init__(self, spec: ReplaceSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        new, old = resolved.task, resolved.replaces
        assert new is not None, "its spec names one"  # noqa: S101 - inventory's promise
        assert old is not None, "its spec names one"  # noqa: S101 - inventory's promise
        attached = partial(
            WorkspaceTaskAspect,
            single_stage=resolved.single_stage,
            organization=resolved.organization,
        )
        self.aspects: Mapping[str, Aspect] = {NEW: attached(new), OLD: attached(old)}
        self._new, self._old = new.name, old.name
        self._named: dict[str, object] = {}
        if spec.enforcement_level is not None:
            self._named["enforcement-level"] = spec.enforcement_level
        if spec.stages is not None:
            self._named["stages"] = in_run_order(spec.stages)
        self._shared = Shared()

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the table above."""
        new, old = observations[NEW].get(target.id, ()), observations[OLD].get(target.id, ())
        if not old:
            replaced = f"{self._old} is already replaced"
            nothing = f"{self._old} is not attached: nothing to replace"
            return (Skip(target, replaced if new else nothing),)
        for name, observed in ((self._old, old), (self._new, new)):
            if len(observed) > 1:
                return (several(target, observed, name),)
        desired = self._shared({**old[0].attributes, **self._named})
        return tuple(_writes(target, new[0] if new else None, desired, old[0]))


def _writes(
    target: Target, new: Observed | None, desired: Attributes, old: Observed
) -> list[Operation]:
    if new is not None and new.attributes == desired:
        return [Operation("detach", target, old, None, OLD)]
    # Also "attach" if it is an update: the key must not depend on what the server shows.
    attach = Operation("attach", target, new, desired, NEW)
    return [attach, Operation("detach", target, old, None, OLD, after=(attach.key,))]
