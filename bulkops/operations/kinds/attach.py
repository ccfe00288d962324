"""``attach``: attach the run task to the workspace with this level and these stages. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not attached               | attach it                              |
| attached otherwise         | update it to the level and stages      |
| attached as desired        | skip                                   |
| attached more than once    | skip, blocked                          |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bulkops.api.organizations import Entitlements
from bulkops.api.resources import EnforcementLevel, in_run_order
from bulkops.operations.aspects.attachment import Stages, attributes_of, several
from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import Observed, Operation, Resolved, Skip, Target, TaskSpec


class AttachSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``attach``.

    Attributes:
        enforcement_level: ``advisory`` only warns if the task fails, ``mandatory`` stops the
            Terraform run.
        stages: when the task runs; the order doesn't matter.
    """

    enforcement_level: EnforcementLevel
    stages: Stages = ("post_plan",)

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages of the attachment."""
        return self.stages


class Attach(WorkspaceTaskKind):
    """Create the attachment, or update an existing one."""

    name: ClassVar[str] = "attach"
    spec_type: ClassVar[type[AttachSpec]] = AttachSpec

    def __init__(self, spec: AttachSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        self._desired = attributes_of(spec.enforcement_level, in_run_order(spec.stages))

    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """See the table above."""
        if len(observed) > 1:
            return several(target, observed)
        before = observed[0] if observed else None
        if before is not None and before.attributes == self._desired:
            return Skip(target, "already attached as desired")
        return self.operation(target, before, self._desired)

    def one_call(self, allowed: Entitlements) -> str:
        """Name the call that makes the run task global."""
        if not allowed.global_run_tasks:
            return ""
        return (
            "one call can apply this run task to all of them and to future workspaces: "
            f"POST /organizations/{self.resolved.organization}/task-configs"
        )
