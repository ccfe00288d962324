"""``update``: where the run task is attached, it has this level and/or these stages. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not attached               | skip                                   |
| attached otherwise         | update what the job names, keep the rest|
| attached as wanted         | skip                                   |
| attached more than once    | skip, blocked                          |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bulkops.api.resources import EnforcementLevel, in_run_order
from bulkops.operations.aspects.attachment import Stages, several
from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import (
    Attributes,
    Binding,
    Operation,
    Seen,
    Shared,
    Skip,
    Target,
    TaskWish,
    any_of,
)


class UpdateWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``update``: at least one of its two wishes must be given.

    Attributes:
        enforcement_level: left as it is where not given.
        stages: left as they are where not given.
    """

    schema_rule = any_of("enforcement_level", "stages")

    enforcement_level: EnforcementLevel | None = None
    stages: Stages | None = None

    def __post_init__(self) -> None:
        """Refuse a wish that wishes nothing."""
        if self.enforcement_level is None and self.stages is None:
            raise ValueError("an update needs `enforcement_level`, `stages` or both")

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages to change to."""
        return self.stages or ()


class Update(WorkspaceTaskKind):
    """Change an existing attachment; never create one."""

    name: ClassVar[str] = "update"
    wish_type: ClassVar[type[UpdateWish]] = UpdateWish

    def __init__(self, wish: UpdateWish, binding: Binding) -> None:
        super().__init__(wish, binding)
        wanted: dict[str, object] = {}
        if wish.enforcement_level is not None:
            wanted["enforcement-level"] = wish.enforcement_level
        if wish.stages is not None:
            wanted["stages"] = in_run_order(wish.stages)
        self._wanted: Attributes = wanted
        self._shared = Shared()

    def decide_by(self, target: Target, seen: Sequence[Seen]) -> Operation | Skip:
        """See the table above."""
        if not seen:
            return Skip(target, "not attached")
        if len(seen) > 1:
            return several(target, seen)
        before = seen[0]
        wanted = self._shared({**before.attributes, **self._wanted})
        if before.attributes == wanted:
            return Skip(target, "already as wanted")
        return self.operation(target, before, wanted)
