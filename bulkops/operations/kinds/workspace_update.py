"""``workspace-update``: set these settings on each selected workspace. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| not shown                  | skip, blocked                          |
| set otherwise              | update only what the job sets          |
| set as desired             | skip                                   |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.inheritance import MODE, OVERWRITES, POOL, with_inheritance
from bulkops.operations.kinds.base import WORKSPACE_GONE, AgentPool, AttributesKind
from bulkops.operations.model import Attributes, Resolved, Right, Spec, any_of

Version = Annotated[
    str, Meta(pattern=r"\S", description='a version such as "1.9.8", a constraint, or "latest"')
]
Description = Annotated[str, Meta(pattern=r"\S", description="non-blank text")]
Folder = Annotated[str, Meta(pattern=r"\S", description="a directory of the configuration")]


class WorkspaceUpdateSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``workspace-update``: at least one field is required.

    Attributes:
        terraform_version: the Terraform version of the workspace's future runs.
        auto_apply: whether Terraform applies a successful plan without approval.
        working_directory: the directory of the repository in which Terraform runs.
        execution_mode: where Terraform runs; ``agent`` requires ``agent_pool_id``.
        agent_pool_id: the agent pool; required with ``execution_mode = "agent"``, otherwise not
            allowed.
        assessments_enabled: whether health assessments check for drift.
        description: the workspace's description.
    """

    schema_rule: ClassVar[Mapping[str, object]] = {
        **any_of(
            *("terraform_version", "auto_apply", "execution_mode", "working_directory"),
            *("agent_pool_id", "assessments_enabled", "description"),
        ),
        "if": {
            "properties": {"execution_mode": {"const": "agent"}},
            "required": ["execution_mode"],
        },
        "then": {"required": ["agent_pool_id"]},
        "else": {"not": {"required": ["agent_pool_id"]}},
    }

    terraform_version: Version | None = None
    auto_apply: bool | None = None
    execution_mode: Literal["remote", "local", "agent"] | None = None
    working_directory: Folder | None = None
    agent_pool_id: AgentPool | None = None
    assessments_enabled: bool | None = None
    description: Description | None = None

    def __post_init__(self) -> None:
        """Refuse a spec that sets nothing, or an agent pool without agents."""
        if not self.desired:
            names = ", ".join(f"`{name}`" for name in self.__struct_fields__)
            raise ValueError(f"a workspace-update needs at least one of {names}")
        if (self.execution_mode == "agent") != (self.agent_pool_id is not None):
            raise ValueError('`execution_mode = "agent"` and `agent_pool_id` require each other')

    @property
    def desired(self) -> Attributes:
        """The attributes to set, by API name."""
        given = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name.replace("_", "-"): value for name, value in given if value is not None}


def as_compared(shown: Attributes) -> Attributes:
    """Return the attributes to compare: an agent pool only if the execution mode is ``agent``.

    When the mode changes, the server removes the pool; undo restores both. It also lets the
    workspace inherit them again if it did.
    """
    agents = shown.get(MODE) == "agent"
    kept = {name: value for name, value in shown.items() if name != POOL or agents}
    return with_inheritance(kept)


class WorkspaceUpdate(AttributesKind):
    """Change settings of the workspace itself, not its run tasks."""

    name: ClassVar[str] = "workspace-update"
    spec_type: ClassVar[type[WorkspaceUpdateSpec]] = WorkspaceUpdateSpec
    right: ClassVar[Right] = Right.SETTINGS
    gone: ClassVar[str] = WORKSPACE_GONE

    def __init__(self, spec: WorkspaceUpdateSpec, resolved: Resolved) -> None:
        desired = spec.desired
        fields, shown = tuple(desired), None
        if MODE in desired:
            fields, shown = tuple(dict.fromkeys([*desired, POOL, OVERWRITES])), as_compared
        aspect = WorkspaceAspect(resolved.organization, fields, shown)
        super().__init__(spec, resolved, aspect, desired)

    def hidden(self, attributes: Attributes) -> Sequence[str]:
        """Leave out an agent pool that isn't compared because no agents run Terraform."""
        pooled = attributes.get(MODE, "agent") == "agent"
        # Changing the mode removes the pool, so an undo must know it.
        compared = [*self.desired, *([POOL] if MODE in self.desired else [])]
        missing = dict.fromkeys(name for name in compared if name not in attributes)
        return [name for name in missing if name != POOL or pooled]
