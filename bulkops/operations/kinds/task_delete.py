"""``task-delete``: detach the run task everywhere, then delete it. Pure.

| the server shows                | decided                                            |
|---------------------------------|----------------------------------------------------|
| attached to a workspace         | detach it there                                    |
| attached more than once there   | detach one there, then detach each other           |
| the run task                    | delete it, after all of these detaches             |
| no such run task                | skip                                               |

The plan is all or nothing: if the token can't detach it from one workspace, or can't even see that
workspace, the run task can't be deleted. A task-delete can't be undone.
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
from bulkops.text import counted

TASK = "task"
"""The aspect for the run task itself."""


class TaskDeleteSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-delete``."""


class TaskDelete(Kind):
    """Detach a run task from every workspace, then delete it from the organization."""

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
        """Return ``delete`` for the run task itself, ``detach`` for an attachment."""
        return self.removes if operation.aspect == TASK else self._detach.removes

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """List what will be lost."""
        if not operations:
            return ()
        lost = counted(sum(operation.aspect != TASK for operation in operations), "attachment")
        note = f"this can't be undone: the run task and its {lost} will be lost"
        return (*lost_attachments(operations, self.resolved), note)

    def _detached(self, target: Target, observations: Observations) -> list[Operation]:
        """Return the operations that detach the run task from a workspace, one per attachment."""
        return [
            msgspec.structs.replace(one, kind=one.kind.replace(self._detach.name, self.name, 1))
            for one in self._detach.decide(target, observations)
            if isinstance(one, Operation)
        ]

    def _decide_task(self, target: Target, observations: Observations) -> Operation | Skip:
        observed = observations[TASK].get(target.id, ())
        if not observed:
            return Skip(target, "the run task no longer exists")
        workspaces = (Target(workspace_id, "") for workspace_id in observations[""])
        after = tuple(one.key for w in workspaces for one in self._detached(w, observations))
        return Operation(self.name, target, observed[0], None, TASK, after)
