"""``task-enable`` and ``task-disable``: the run task is, or is not, run at all. Pure.

It stays attached where it is.
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
        """Return what it does; an undo does the other."""
        return "enable" if (operation.desired or {}).get("enabled") else "disable"


class TaskEnable(_Switch):
    """It runs again wherever it is attached.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | disabled                   | enable it                              |
    | enabled                    | skip                                   |
    """

    name: ClassVar[str] = "task-enable"
    spec_type: ClassVar[type[TaskEnableSpec]] = TaskEnableSpec
    already: ClassVar[str] = "enabled already"
    enabled: ClassVar[bool] = True


class TaskDisable(_Switch):
    """It stays attached where it is, and is not run.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | enabled                    | disable it                             |
    | disabled                   | skip                                   |
    """

    name: ClassVar[str] = "task-disable"
    spec_type: ClassVar[type[TaskDisableSpec]] = TaskDisableSpec
    already: ClassVar[str] = "disabled already"
    enabled: ClassVar[bool] = False
