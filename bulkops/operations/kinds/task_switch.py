"""``task-enable`` and ``task-disable``: the run task is, or is not, run at all. Pure.

It stays attached where it is.
"""

from __future__ import annotations

from typing import ClassVar

from bulkops.operations.kinds.base import RunTaskKind
from bulkops.operations.model import Binding, Operation, TaskWish, Wish


class TaskEnableWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-enable``."""


class TaskDisableWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-disable``."""


class _Switch(RunTaskKind):
    enabled: ClassVar[bool]

    def __init__(self, wish: Wish, binding: Binding) -> None:
        super().__init__(wish, binding, {"enabled": self.enabled})

    def verb(self, operation: Operation) -> str:
        """Return what it does; an undo does the other."""
        return "enable" if (operation.wanted or {}).get("enabled") else "disable"


class TaskEnable(_Switch):
    """It runs again wherever it is attached.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | disabled                   | enable it                              |
    | enabled                    | skip                                   |
    """

    name: ClassVar[str] = "task-enable"
    wish_type: ClassVar[type[TaskEnableWish]] = TaskEnableWish
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
    wish_type: ClassVar[type[TaskDisableWish]] = TaskDisableWish
    already: ClassVar[str] = "disabled already"
    enabled: ClassVar[bool] = False
