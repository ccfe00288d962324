"""``task-enable``: the run task is enabled in the whole organization. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| disabled                   | enable it                              |
| enabled                    | skip                                   |
"""

from __future__ import annotations

from typing import ClassVar

from bulkops.operations.aspects.run_task import RunTaskKind
from bulkops.operations.model import Binding, TaskWish


class TaskEnableWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-enable``."""


class TaskEnable(RunTaskKind):
    """It runs again wherever it is attached."""

    name: ClassVar[str] = "task-enable"
    wish_type: ClassVar[type[TaskEnableWish]] = TaskEnableWish
    already: ClassVar[str] = "enabled already"

    def __init__(self, wish: TaskEnableWish, binding: Binding) -> None:  # noqa: ARG002 - every kind is built alike
        super().__init__(binding, {"enabled": True})
