"""``workspace-update``: each selected workspace has these settings. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| set otherwise              | update what the job names, keep the rest|
| set as wanted              | skip                                   |
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.kinds.base import AttributesKind
from bulkops.operations.model import Attributes, Binding, Right, Wish, any_of

Version = Annotated[
    str, Meta(pattern=r"\S", description='a version such as "1.9.8", a constraint, or "latest"')
]
Folder = Annotated[str, Meta(pattern=r"\S", description="a folder of the configuration")]


class WorkspaceUpdateWish(Wish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``workspace-update``: at least one setting, the others are kept.

    Attributes:
        terraform_version: what runs of the workspace use from now on.
        auto_apply: whether a successful plan is applied without anybody's yes.
        working_directory: where in the repository Terraform runs.
        execution_mode: where Terraform runs; ``agent`` needs an agent pool, too, and
            can't be wished for.
    """

    schema_rule = any_of("terraform_version", "auto_apply", "execution_mode", "working_directory")

    terraform_version: Version | None = None
    auto_apply: bool | None = None
    execution_mode: Literal["remote", "local"] | None = None
    working_directory: Folder | None = None

    def __post_init__(self) -> None:
        """Refuse a wish that wishes nothing."""
        if not self.wanted:
            names = ", ".join(f"`{name}`" for name in self.__struct_fields__)
            raise ValueError(f"a workspace-update needs at least one of {names}")

    @property
    def wanted(self) -> Attributes:
        """The attributes wished for, by their API names."""
        given = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name.replace("_", "-"): value for name, value in given if value is not None}


class WorkspaceUpdate(AttributesKind):
    """Change settings of the workspace itself; has nothing to do with run tasks."""

    name: ClassVar[str] = "workspace-update"
    wish_type: ClassVar[type[WorkspaceUpdateWish]] = WorkspaceUpdateWish
    right: ClassVar[Right] = Right.SETTINGS
    gone: ClassVar[str] = "the workspace is not there any more"

    def __init__(self, wish: WorkspaceUpdateWish, binding: Binding) -> None:
        aspect = WorkspaceAspect(binding.organization, tuple(wish.wanted))
        super().__init__(wish, binding, aspect, wish.wanted)
