"""Workspaces with further details: requested attributes and tag bindings. Pure.

``include=effective_tag_bindings`` is in HashiCorp's OpenAPI document; the relationship of the same
name, which assigns the bindings to workspaces, is read as go-tfe reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Many, Resource, Text, ToMany
from bulkops.api.resources import (
    Workspace,
    WorkspaceAttributes,
    WorkspaceRelationships,
    WorkspaceResource,
)
from bulkops.api.tolerant import included, members

INCLUDE_BINDINGS = {"include": "effective_tag_bindings"}


class _Relationships(WorkspaceRelationships, frozen=True, rename="kebab"):
    effective_tag_bindings: ToMany | UnsetType | None = UNSET
    tag_bindings: msgspec.Raw | UnsetType = UNSET


class DetailedWorkspaceResource(Resource, frozen=True):
    """A ``workspaces`` resource whose attributes are not decoded yet."""

    attributes: msgspec.Raw = msgspec.Raw(b"{}")
    relationships: _Relationships | None = None


class ShownWorkspace(Resource, frozen=True):
    """A ``workspaces`` resource with everything that the server shows."""

    attributes: Mapping[str, object] = {}
    relationships: Mapping[str, object] = {}

    def value(self, name: str) -> object:
        """Return an attribute by its API name.

        ``UNSET`` if the server doesn't show it, or not as a value that such an attribute has.
        A relationship's id is found by the relationship's name, with or without ``-id``:
        ``agent-pool-id``, ``locked-by``.
        """
        if name in self.attributes:
            return _plain(name, self.attributes[name])
        related = self.relationships.get(name.removesuffix("-id"))
        if not isinstance(related, dict) or "data" not in related:
            return UNSET
        data = related["data"]
        ident = data.get("id", UNSET) if isinstance(data, dict) else data
        # Only an explicit null means that there is none.
        return ident if isinstance(ident, str) or data is None else UNSET


_BOOLEANS = {"locked": bool, "auto-apply": bool, "assessments-enabled": bool}
_TEXTS = {"execution-mode": str, "terraform-version": str}
_OPTIONAL_TEXTS = dict.fromkeys(("agent-pool-id", "description", "working-directory"), str | None)
_TYPES: Mapping[str, object] = {**_BOOLEANS, **_TEXTS, **_OPTIONAL_TEXTS}
"""The types of the attributes that bulkops' own kinds change; those of others are not known."""


def _plain(name: str, value: object) -> object:
    try:
        return msgspec.convert(value, _TYPES.get(name, object), strict=False)
    except msgspec.ValidationError:
        return UNSET


class _Binding(msgspec.Struct, frozen=True):
    key: Text = ""
    value: Text | UnsetType | None = UNSET


class _BindingResource(Resource, frozen=True):
    attributes: _Binding = _Binding()

    def pair(self) -> tuple[str, str] | None:
        """Return key and value, ``None`` if one of them isn't shown or can't be read."""
        key, value = self.attributes.key, self.attributes.value
        return (key, value or "") if key and value is not UNSET else None


def detailed_workspaces(
    page: Many[DetailedWorkspaceResource], attributes: Sequence[str]
) -> Iterator[Workspace]:
    """Yield a page's workspaces with these attributes and, if shown, with tag bindings."""
    bindings = {
        part.id: part.pair()
        for part in included(page.included, "effective-tag-bindings", _BindingResource)
    }
    for resource in page.data:
        needed, unread = members(resource.attributes, WorkspaceAttributes, "attributes")
        plain = WorkspaceResource(
            resource.id, {**resource.unread, **unread}, needed, resource.relationships
        )
        shown = {}
        if attributes and "attributes" not in unread:
            shown = msgspec.json.decode(resource.attributes, type=dict[str, msgspec.Raw])
        yield msgspec.structs.replace(
            plain.value(),
            tag_bindings=_of(resource, bindings),
            attributes={
                name: msgspec.json.decode(shown[name]) for name in attributes if name in shown
            },
        )


def _of(
    resource: DetailedWorkspaceResource, bindings: Mapping[str, tuple[str, str] | None]
) -> dict[str, str] | UnsetType | None:
    relationships, unread = resource.relationships, resource.unread
    if relationships is None or "effective-tag-bindings" in unread:
        return None
    relationship = relationships.effective_tag_bindings
    if relationship is UNSET:
        # The workspace's own bindings alone would lack those inherited from its project.
        return UNSET if relationships.tag_bindings is UNSET else None
    if relationship is None or relationship.data is None:
        return None
    resolved = [bindings.get(identifier.id) for identifier in relationship.data]
    return None if None in resolved else dict(pair for pair in resolved if pair is not None)
