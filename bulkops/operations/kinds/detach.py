"""``detach``: the run task is not attached to the workspace. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not attached               | skip                                   |
| attached                   | detach it                              |
| attached more than once    | skip, blocked                          |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bulkops.operations.aspects.attachment import several
from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import Operation, Seen, Skip, Target, TaskWish


class DetachWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``detach``."""


class Detach(WorkspaceTaskKind):
    """Remove the attachment; the run task itself stays in the organization."""

    name: ClassVar[str] = "detach"
    wish_type: ClassVar[type[DetachWish]] = DetachWish
    destroys: ClassVar[bool] = True

    def decide_by(self, target: Target, seen: Sequence[Seen]) -> Operation | Skip:
        """See the table above."""
        if not seen:
            return Skip(target, "not attached")
        if len(seen) > 1:
            return several(target, seen)
        return self.operation(target, seen[0], None)
