"""``task-enable`` and ``task-disable``: turn the run task on or off. Pure.

It stays attached to its workspaces.
"""

from __future__ import annotations

from typing import ClassVar

from bulkops.operations.kinds.base import RunTaskKind
from bulkops.operations.model import Operation, Resolved, Spec, TaskSpec


class TaskEnableSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-enable``."""


class TaskDisableSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-disable``."""


class _Switch(RunTaskKind):
    enabled: ClassVar[bool]

    def __init__(self, spec: Spec, resolved: Resolved) -> None:
        super().__init__(spec, resolved, {"enabled": self.enabled})

    def verb(self, operation: Operation) -> str:
        """Return ``enable`` or ``disable``; an undo does the opposite."""
        return "enable" if (operation.desired or {}).get("enabled") else "disable"


class TaskEnable(_Switch):
    """Enable the run task: it runs again on every workspace it is attached to.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | disabled                   | enable it                              |
    | enabled                    | skip                                   |
    """

    name: ClassVar[str] = "task-enable"
    spec_type: ClassVar[type[TaskEnableSpec]] = TaskEnableSpec
    already: ClassVar[str] = "already enabled"
    enabled: ClassVar[bool] = True


class TaskDisable(_Switch):
    """Disable the run task: it stays attached to its workspaces, but doesn't run.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | enabled                    | disable it                             |
    | disabled                   | skip                                   |
    """

    name: ClassVar[str] = "task-disable"
    spec_type: ClassVar[type[TaskDisableSpec]] = TaskDisableSpec
    already: ClassVar[str] = "already disabled"
    enabled: ClassVar[bool] = False
