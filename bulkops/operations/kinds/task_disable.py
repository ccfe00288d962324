"""``task-disable``: the run task is disabled in the whole organization. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| enabled                   | disable it                              |
| disabled                    | skip                                   |
"""

from __future__ import annotations

from typing import ClassVar

from bulkops.operations.aspects.run_task import RunTaskKind
from bulkops.operations.model import Binding, TaskWish


class TaskDisableWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-disable``."""


class TaskDisable(RunTaskKind):
    """It stays attached where it is, and is not run."""

    name: ClassVar[str] = "task-disable"
    wish_type: ClassVar[type[TaskDisableWish]] = TaskDisableWish
    already: ClassVar[str] = "disabled already"

    def __init__(self, wish: TaskDisableWish, binding: Binding) -> None:  # noqa: ARG002 - every kind is built alike
        super().__init__(binding, {"enabled": False})
