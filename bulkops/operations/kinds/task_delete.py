"""``task-delete``: the run task is detached everywhere, then deleted. Pure.

| the server shows                | decided                                            |
|---------------------------------|----------------------------------------------------|
| attached to a workspace         | detach it there                                    |
| attached more than once there   | detach one there, then detach each other           |
| the run task                    | delete it, after it was detached from all of these |
| no such run task                | skip                                               |

All or nothing is planned: where it would stay attached to one workspace, which this token may
not change or may not even see, it can't be deleted. Nothing of it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from bulkops.operations.aspects.attachment import WORDS, WorkspaceTaskAspect
from bulkops.operations.aspects.base import Aspect, Words
from bulkops.operations.aspects.run_task import RunTaskAspect
from bulkops.operations.kinds.base import Kind, lost_attachments
from bulkops.operations.kinds.detach import Detach, DetachSpec
from bulkops.operations.model import (
    Observations,
    Operation,
    Resolved,
    Scope,
    Skip,
    Target,
    TaskSpec,
)

TASK = "task"
"""The aspect that is the run task itself."""


class TaskDeleteSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-delete``."""


class TaskDelete(Kind):
    """Remove a run task from the organization, and from every workspace before."""

    name: ClassVar[str] = "task-delete"
    spec_type: ClassVar[type[TaskDeleteSpec]] = TaskDeleteSpec
    scope: ClassVar[Scope] = Scope.EVERY
    destructive: ClassVar[bool] = True
    reversible: ClassVar[bool] = False
    ends_task: ClassVar[bool] = True
    words: ClassVar[Sequence[Words]] = (WORDS,)

    def __init__(self, spec: TaskDeleteSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        self._detach = Detach(DetachSpec(task=spec.task), resolved)
        attachment = WorkspaceTaskAspect(
            self._detach.task,
            single_stage=resolved.single_stage,
            organization=resolved.organization,
        )
        run_task = RunTaskAspect(resolved.organization, ("name", "url"))
        self.aspects: dict[str, Aspect] = {"": attachment, TASK: run_task}

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the table above."""
        if target.id == self._detach.task.id:
            return (self._decide_task(target, observations),)
        return self._detached(target, observations)

    def verb(self, operation: Operation) -> str:
        """Tell the run task itself, which is deleted, from where it is detached."""
        return self.removes if operation.aspect == TASK else self._detach.removes

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Say what is lost."""
        if not operations:
            return ()
        lost = sum(operation.aspect != TASK for operation in operations)
        said = f"this can't be undone: the run task and its {lost} attachments are lost"
        return (*lost_attachments(operations, self.resolved), said)

    def _detached(self, target: Target, observations: Observations) -> list[Operation]:
        """Return what detaches the run task from a workspace, however often it is attached."""
        return [
            msgspec.structs.replace(one, kind=one.kind.replace(self._detach.name, self.name, 1))
            for one in self._detach.decide(target, observations)
            if isinstance(one, Operation)
        ]

    def _decide_task(self, target: Target, observations: Observations) -> Operation | Skip:
        observed = observations[TASK].get(target.id, ())
        if not observed:
            return Skip(target, "there is no such run task")
        workspaces = (Target(workspace_id, "") for workspace_id in observations[""])
        after = tuple(one.key for w in workspaces for one in self._detached(w, observations))
        return Operation(self.name, target, observed[0], None, TASK, after)
