"""``workspace-update``: each selected workspace has these settings. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| set otherwise              | update what the job names, keep the rest|
| set as wanted              | skip                                   |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from bulkops.api import endpoints
from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Request, Response
from bulkops.api.resources import Workspace, WorkspaceResource
from bulkops.operations.model import (
    Attributes,
    Binding,
    Operation,
    Over,
    Right,
    Seen,
    Shared,
    Showing,
    Skip,
    Target,
    Wish,
    WorkspacesOf,
)

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


def seen_of(workspace: Workspace, fields: Sequence[str]) -> Seen:
    """Return a workspace as compared, with these of its attributes by their API names."""
    return Seen(workspace.id, {name: getattr(workspace, name.replace("-", "_")) for name in fields})


class Settings(Mapping[str, Sequence[Seen]]):
    """Workspace id → the workspace as compared; see ``listing.Rows``.

    Args:
        fields: attributes kept, by their API names.
        same: as of ``ByWorkspace``.
    """

    def __init__(
        self,
        fields: Sequence[str],
        same: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:
        self._fields = fields
        self._same = same
        self._shared = Shared()
        self._rows: dict[str, Seen] = {}

    def add(self, workspace: Workspace) -> None:
        """Keep what is compared of a workspace."""
        seen = seen_of(workspace, self._fields)
        ident = self._same(seen.id, seen.id)[0] if self._same else seen.id
        self._rows[ident] = msgspec.structs.replace(
            seen, id=ident, attributes=self._shared(seen.attributes)
        )

    def count(self) -> int:
        """Return how many workspaces there were."""
        return len(self._rows)

    def __getitem__(self, workspace_id: str) -> Sequence[Seen]:
        return (self._rows[workspace_id],)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class WorkspaceAspect:
    """Some attributes of each workspace.

    Args:
        fields: their API names; all others may change meanwhile without a conflict.
    """

    def __init__(self, organization: str, fields: tuple[str, ...]) -> None:
        self._organization = organization
        self._fields = fields

    @property
    def source(self) -> WorkspacesOf:
        """The organization's workspaces."""
        return WorkspacesOf(self._organization, self._fields)

    def request(self, operation: Operation) -> Request:
        """Change the attributes that differ, and send no other."""
        before = operation.before.attributes if operation.before else {}
        wanted = operation.wanted or {}
        changed = {name: value for name, value in wanted.items() if before.get(name) != value}
        return endpoints.update_workspace(operation.target.id, changed)

    def look(self, operation: Operation) -> Request:
        """List the workspaces of this name: a list says that one is gone, a 404 nothing."""
        named = {"search[name]": operation.target.name}
        return endpoints.list_workspaces(self._organization, named)

    def seen(self, operation: Operation, answer: Response) -> list[Seen]:
        """Return the operation's workspace, where it is on this page of that list."""
        found = decode(answer, Many[WorkspaceResource]).data
        return [self._seen(one) for one in found if one.id == operation.target.id]

    def echo(self, answer: Response) -> Seen | None:
        """Return the workspace in a write's answer; an empty body shows none."""
        if not answer.body.strip():
            return None
        return self._seen(decode(answer, One[WorkspaceResource]).data)

    def _seen(self, workspace: WorkspaceResource) -> Seen:
        return seen_of(workspace.value(), self._fields)


class WorkspaceUpdate:
    """Change settings of the workspace itself; has nothing to do with run tasks."""

    name: ClassVar[str] = "workspace-update"
    wish_type: ClassVar[type[WorkspaceUpdateWish]] = WorkspaceUpdateWish
    over: ClassVar[Over] = Over.SELECTED
    right: ClassVar[Right] = Right.SETTINGS
    destroys: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = False
    verbs: ClassVar[Sequence[str]] = ()
    reversible: ClassVar[bool] = True

    def __init__(self, wish: WorkspaceUpdateWish, binding: Binding) -> None:
        self._wanted = wish.wanted
        self.aspects = {"": WorkspaceAspect(binding.organization, tuple(self._wanted))}

    def decide(self, target: Target, showing: Showing) -> Sequence[Operation | Skip]:
        """See the table above."""
        seen = showing[""].get(target.id, ())
        if not seen:
            return (Skip(target, "the workspace is not there any more", blocked=True),)
        if seen[0].attributes == self._wanted:
            return (Skip(target, "already as wanted"),)
        return (Operation(self.name, target, seen[0], self._wanted),)

    def notes(self, _operations: Sequence[Operation]) -> Sequence[str]:
        """Say nothing beside the operations."""
        return ()
