"""``update``: set the level and/or the stages of the run task's attachment, if any. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not attached               | skip                                   |
| attached otherwise         | update only what the job sets          |
| attached as desired        | skip                                   |
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
    Observed,
    Operation,
    Resolved,
    Shared,
    Skip,
    Target,
    TaskSpec,
    any_of,
)


class UpdateSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``update``: at least one of the level and the stages is required.

    Attributes:
        enforcement_level: the new level; if omitted, each workspace keeps its own.
        stages: the new stages; if omitted, each workspace keeps its own.
    """

    schema_rule = any_of("enforcement_level", "stages")

    enforcement_level: EnforcementLevel | None = None
    stages: Stages | None = None

    def __post_init__(self) -> None:
        """Refuse a spec that sets nothing."""
        if self.enforcement_level is None and self.stages is None:
            raise ValueError("an update needs `enforcement_level`, `stages` or both")

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The new stages."""
        return self.stages or ()


class Update(WorkspaceTaskKind):
    """Change an existing attachment; never create one."""

    name: ClassVar[str] = "update"
    spec_type: ClassVar[type[UpdateSpec]] = UpdateSpec

    def __init__(self, spec: UpdateSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        desired: dict[str, object] = {}
        if spec.enforcement_level is not None:
            desired["enforcement-level"] = spec.enforcement_level
        if spec.stages is not None:
            desired["stages"] = in_run_order(spec.stages)
        self._desired: Attributes = desired
        self._shared = Shared()

    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """See the table above."""
        if not observed:
            return Skip(target, "not attached")
        if len(observed) > 1:
            return several(target, observed)
        before = observed[0]
        desired = self._shared({**before.attributes, **self._desired})
        if before.attributes == desired:
            return Skip(target, "already as desired")
        return self.operation(target, before, desired)
