"""``workspace-update``: each selected workspace has these settings. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| not shown                  | skip, blocked                          |
| set otherwise              | update what the job names, keep the rest|
| set as wanted              | skip                                   |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.kinds.base import WORKSPACE_GONE, AgentPool, AttributesKind
from bulkops.operations.model import Attributes, Resolved, Right, Spec, any_of

Version = Annotated[
    str, Meta(pattern=r"\S", description='a version such as "1.9.8", a constraint, or "latest"')
]
MODE = "execution-mode"
POOL = "agent-pool-id"
Description = Annotated[str, Meta(pattern=r"\S", description="text that is not blank")]
Folder = Annotated[str, Meta(pattern=r"\S", description="a folder of the configuration")]


class WorkspaceUpdateSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``workspace-update``: at least one setting, the others are kept.

    Attributes:
        terraform_version: what runs of the workspace use from now on.
        auto_apply: whether a successful plan is applied without anybody's yes.
        working_directory: where in the repository Terraform runs.
        execution_mode: where Terraform runs; ``agent`` goes with an ``agent_pool_id``.
        agent_pool_id: of the agents, and only with ``execution_mode = "agent"``.
        assessments_enabled: whether health assessments look for drift.
        description: in words.
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
        """Refuse a wish that wishes nothing."""
        if not self.desired:
            names = ", ".join(f"`{name}`" for name in self.__struct_fields__)
            raise ValueError(f"a workspace-update needs at least one of {names}")
        if (self.execution_mode == "agent") != (self.agent_pool_id is not None):
            raise ValueError('`execution_mode = "agent"` and `agent_pool_id` need each other')

    @property
    def desired(self) -> Attributes:
        """The attributes wished for, by their API names."""
        given = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name.replace("_", "-"): value for name, value in given if value is not None}


def pool_of_agents(shown: Attributes) -> Attributes:
    """Return what is compared: an agent pool only where agents run Terraform.

    The server takes it away with the mode; undo gives back both.
    """
    agents = shown.get(MODE) == "agent"
    return {name: value for name, value in shown.items() if name != POOL or agents}


class WorkspaceUpdate(AttributesKind):
    """Change settings of the workspace itself; has nothing to do with run tasks."""

    name: ClassVar[str] = "workspace-update"
    spec_type: ClassVar[type[WorkspaceUpdateSpec]] = WorkspaceUpdateSpec
    right: ClassVar[Right] = Right.SETTINGS
    gone: ClassVar[str] = WORKSPACE_GONE

    def __init__(self, spec: WorkspaceUpdateSpec, resolved: Resolved) -> None:
        desired = spec.desired
        fields, shown = tuple(desired), None
        if MODE in desired:
            fields, shown = tuple(dict.fromkeys([*desired, POOL])), pool_of_agents
        aspect = WorkspaceAspect(resolved.organization, fields, shown)
        super().__init__(spec, resolved, aspect, desired)

    def hidden(self, attributes: Attributes) -> Sequence[str]:
        """Not an agent pool that isn't compared because no agents run Terraform."""
        pooled = attributes.get(MODE, "agent") == "agent"
        missing = [name for name in self.desired if name not in attributes]
        return [name for name in missing if name != POOL or pooled]
