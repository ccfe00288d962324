"""Workspaces with further details: requested attributes and tag bindings. Pure.

``include=effective_tag_bindings`` is in HashiCorp's OpenAPI document; the relationship of the same
name, which assigns the bindings to workspaces, is read as go-tfe reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Many, Resource, Text, ToMany
from bulkops.api.organizations import included_project_names
from bulkops.api.resources import (
    Workspace,
    WorkspaceAttributes,
    WorkspaceRelationships,
    WorkspaceResource,
)
from bulkops.api.tolerant import included, members, why_unknown

BINDINGS = "effective-tag-bindings"


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
        if data is None:
            # Only an explicit null means that there is none.
            return None
        ident = data.get("id") if isinstance(data, dict) else None
        return ident if isinstance(ident, str) else UNSET


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

    def unknown(self) -> str:
        """Return which of key and value isn't shown or can't be read; empty if both are known."""
        key, value = self.attributes.key, self.attributes.value
        member = "key" if not key else "value" if value is UNSET else ""
        return member and f"{self.id}: {why_unknown(member, self.unread)}"


def detailed_workspaces(
    page: Many[DetailedWorkspaceResource], attributes: Sequence[str]
) -> Iterator[Workspace]:
    """Yield a page's workspaces with these attributes and, if shown, with tag bindings."""
    parts = included(page.included, BINDINGS, _BindingResource)
    bindings = {part.id: part for part in parts}
    projects = included_project_names(page.included)
    for resource in page.data:
        needed, unread = members(resource.attributes, WorkspaceAttributes, "attributes")
        plain = WorkspaceResource(
            resource.id, {**resource.unread, **unread}, needed, resource.relationships
        )
        shown = {}
        if attributes and "attributes" not in unread:
            shown = msgspec.json.decode(resource.attributes, type=dict[str, msgspec.Raw])
        tag_bindings, problem = _of(resource, bindings)
        yield msgspec.structs.replace(
            plain.value(projects),
            tag_bindings=tag_bindings,
            attributes={
                name: msgspec.json.decode(shown[name]) for name in attributes if name in shown
            },
            unread={**plain.unread, **({BINDINGS: problem} if problem else {})},
        )


def _of(
    resource: DetailedWorkspaceResource, bindings: Mapping[str, _BindingResource]
) -> tuple[dict[str, str] | UnsetType | None, str]:
    """Return a workspace's tag bindings (see ``Workspace``), and why they can't be read."""
    relationships = resource.relationships
    if relationships is None or BINDINGS in resource.unread:
        return None, ""
    relationship = relationships.effective_tag_bindings
    if relationship is UNSET:
        # The workspace's own bindings alone would lack those inherited from its project.
        return (UNSET if relationships.tag_bindings is UNSET else None), ""
    if relationship is None or relationship.data is None:
        return None, ""
    resolved = dict[str, str]()
    for identifier in relationship.data:
        binding = bindings.get(identifier.id)
        if problem := binding.unknown() if binding else f"{identifier.id}: it is not included":
            return None, problem
        attributes = bindings[identifier.id].attributes
        resolved[attributes.key] = attributes.value or ""
    return resolved, ""
