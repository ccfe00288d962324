"""Attributes of workspaces: how they are read and written. Pure.

They are given by API name, so another attribute needs no code here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import UNSET

from bulkops.api import endpoints
from bulkops.api.jsonapi import Many, One
from bulkops.api.messages import Request
from bulkops.api.workspace_details import ShownWorkspace
from bulkops.operations.aspects.base import ResourceAspect, WorkspacesOf
from bulkops.operations.inheritance import to_send
from bulkops.operations.model import Attributes, Observed, Operation, Shared, Target


class Settings(Mapping[str, Sequence[Observed]]):
    """Workspace id → the workspace as it is compared (see ``bulkops.client.rows``).

    Args:
        source_of: returns the attributes to keep of a workspace, by its id and name.
        same: same as in ``ByWorkspace``.
    """

    def __init__(
        self,
        source_of: Callable[[Target], WorkspacesOf],
        same: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:
        self._source_of = source_of
        self._same = same
        self._shared = Shared()
        self._rows: dict[str, Observed] = {}

    def add(self, workspace: ShownWorkspace) -> None:
        """Add a workspace."""
        ident = self._same(workspace.id, workspace.id)[0] if self._same else workspace.id
        name = workspace.value("name")
        source = self._source_of(Target(ident, name if isinstance(name, str) else ""))
        self._rows[ident] = Observed(ident, self._shared(compared(workspace, source)))

    def count(self) -> int:
        """Return the number of workspaces added."""
        return len(self._rows)

    def __getitem__(self, workspace_id: str) -> Sequence[Observed]:
        return (self._rows[workspace_id],)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def compared(workspace: ShownWorkspace, source: WorkspacesOf) -> Attributes:
    """Return the attributes of a workspace to compare, by API name.

    An attribute that the server doesn't show is left out: not shown is not the same as none.
    """
    values = ((name, workspace.value(name)) for name in source.fields)
    attributes = {name: value for name, value in values if value is not UNSET}
    return attributes if source.shown is None else source.shown(attributes)


class WorkspaceAspect(ResourceAspect):
    """Some attributes of each workspace.

    Args:
        fields: their API names; changes to any other attribute are not a conflict.
        shown: same as in ``WorkspacesOf``.
    """

    page = Many[ShownWorkspace]
    document = One[ShownWorkspace]

    def __init__(
        self,
        organization: str,
        fields: tuple[str, ...],
        shown: Callable[[Attributes], Attributes] | None = None,
    ) -> None:
        self._organization = organization
        self._source = WorkspacesOf(organization, fields, shown)

    @property
    def source(self) -> WorkspacesOf:
        """The organization's list of workspaces."""
        return self._source

    def request(self, operation: Operation) -> Request:
        """Send only the attributes that differ, and none that the workspace is to inherit."""
        return endpoints.update_workspace(operation.target.id, to_send(operation))

    def look(self, operation: Operation) -> Request:
        """Search for the workspace's name: a list proves that it is gone, a 404 doesn't."""
        named = {"search[name]": operation.target.name}
        return endpoints.list_workspaces(self._organization, named)

    def shown(self, resource: ShownWorkspace) -> Observed:
        """Return a workspace as it is compared."""
        return Observed(resource.id, compared(resource, self.source))
