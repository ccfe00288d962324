"""Workspaces with further details: requested attributes and tag bindings. Pure.

``include=effective_tag_bindings`` is in HashiCorp's OpenAPI document; the relationship of the same
name, which assigns the bindings to workspaces, is read as go-tfe reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Many, Resource, Text, ToMany, decode_included
from bulkops.api.resources import (
    Workspace,
    WorkspaceAttributes,
    WorkspaceRelationships,
    WorkspaceResource,
)

INCLUDE_BINDINGS = {"include": "effective_tag_bindings"}


class _Relationships(WorkspaceRelationships, frozen=True, rename="kebab"):
    effective_tag_bindings: ToMany | UnsetType | None = UNSET
    tag_bindings: msgspec.Raw | UnsetType = UNSET


class DetailedWorkspaceResource(Resource, frozen=True):
    """A ``workspaces`` resource whose attributes are not decoded yet."""

    attributes: msgspec.Raw = msgspec.Raw(b"{}")
    relationships: _Relationships = _Relationships()


class ShownWorkspace(Resource, frozen=True):
    """A ``workspaces`` resource with everything that the server shows."""

    attributes: Mapping[str, object] = {}
    relationships: Mapping[str, object] = {}

    def value(self, name: str) -> object:
        """Return an attribute by its API name, ``UNSET`` if the server doesn't show it.

        A relationship's id is found by the relationship's name, with or without ``-id``:
        ``agent-pool-id``, ``locked-by``.
        """
        if name in self.attributes:
            return self.attributes[name]
        related = self.relationships.get(name.removesuffix("-id"))
        if not isinstance(related, dict) or "data" not in related:
            return UNSET
        data = related["data"]
        return data.get("id") if isinstance(data, dict) else None


class _Included(Resource, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"{}")


class _Resolved(msgspec.Struct, frozen=True):
    key: Text = ""
    value: Text | None = None


def detailed_workspaces(
    page: Many[DetailedWorkspaceResource], attributes: Sequence[str]
) -> Iterator[Workspace]:
    """Yield a page's workspaces with these attributes and, if shown, with tag bindings.

    Raises:
        ServerBroken: an attribute or an included resource can't be read.
    """
    bindings = {
        part.id: decode_included(part.attributes, _Resolved)
        for part in decode_included(page.included, tuple[_Included, ...])
        if part.type == "effective-tag-bindings"
    }
    for resource in page.data:
        attribute_values = decode_included(resource.attributes, WorkspaceAttributes)
        plain = WorkspaceResource(
            resource.id, resource.type, attribute_values, resource.relationships
        )
        shown = decode_included(resource.attributes, dict[str, msgspec.Raw]) if attributes else {}
        yield msgspec.structs.replace(
            plain.value(),
            tag_bindings=_of(resource, bindings),
            attributes={
                name: decode_included(shown[name], object) for name in attributes if name in shown
            },
        )


def _of(
    resource: DetailedWorkspaceResource, bindings: dict[str, _Resolved]
) -> dict[str, str] | UnsetType | None:
    relationship = resource.relationships.effective_tag_bindings
    if relationship is UNSET:
        # The workspace's own bindings alone would lack those inherited from its project.
        return UNSET if resource.relationships.tag_bindings is UNSET else None
    if relationship is None or relationship.data is None:
        return None
    resolved = [bindings.get(identifier.id) for identifier in relationship.data]
    if None in resolved:
        return None
    return {one.key: one.value or "" for one in resolved if one is not None}
