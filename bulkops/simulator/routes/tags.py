"""The routes of tags: plain ones (a name) and tag bindings (a key and a value)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Workspace


class _Resolved(msgspec.Struct):
    key: str
    value: str = ""


class _BindingResource(msgspec.Struct):
    type: Literal["tag-bindings"]
    attributes: _Resolved


class TagBindings(msgspec.Struct):
    """A document, or a relationship, of inline tag bindings."""

    data: tuple[_BindingResource, ...]

    def as_dict(self) -> dict[str, str]:
        """Return the values by key."""
        return {one.attributes.key: one.attributes.value for one in self.data}


class _TagName(msgspec.Struct):
    name: str = ""


class _Tag(msgspec.Struct):
    type: Literal["tags"]
    id: str = ""
    attributes: _TagName = msgspec.field(default_factory=_TagName)


class _Tags(msgspec.Struct):
    data: tuple[_Tag, ...]


_BINDINGS = msgspec.json.Decoder(TagBindings)
_TAGS = msgspec.json.Decoder(_Tags)


def index_of_organization(call: Call) -> documents.Resource:
    """GET /organizations/:organization/tags."""
    organization = call.organization()
    uses = Counter(tag for workspace in organization.workspaces.values() for tag in workspace.tags)
    document, _ = page(
        call,
        sorted(organization.tags.items()),
        lambda tag: _tag(tag[1], {"name": tag[0], "instance-count": uses[tag[0]]}),
    )
    return document


def index(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/relationships/tags."""
    workspace = call.workspace()
    ids = workspace.organization.tags
    document, _ = page(call, workspace.tags, lambda name: _tag(ids[name], {"name": name}))
    return document


def add(call: Call) -> None:
    """POST /workspaces/:workspace/relationships/tags; an unknown name creates a tag."""
    workspace = _managed(call)
    names = [_name(workspace, tag) for tag in call.body(_TAGS).data]
    before = snapshot(workspace)
    call.world.tag(workspace, names)
    _changed(call, workspace, before)


def remove(call: Call) -> None:
    """DELETE /workspaces/:workspace/relationships/tags; a tag that isn't set is no error."""
    workspace = _managed(call)
    names = {_name(workspace, tag) for tag in call.body(_TAGS).data}
    before = snapshot(workspace)
    workspace.tags = [name for name in workspace.tags if name not in names]
    _changed(call, workspace, before)


def bindings(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/tag-bindings, which is not paged."""
    workspace = call.workspace()
    return {
        "data": [
            _binding(workspace.id, key, value) for key, value in workspace.tag_bindings.items()
        ]
    }


def effective_bindings(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/effective-tag-bindings, which is not paged."""
    return {"data": list(effective_documents(call.workspace()))}


def add_bindings(call: Call) -> None:
    """POST /workspaces/:workspace/relationships/tag-bindings: add bindings or change values."""
    workspace = _managed(call)
    requested = call.body(_BINDINGS).as_dict()
    before = snapshot(workspace)
    workspace.tag_bindings = workspace.tag_bindings | requested
    _changed(call, workspace, before)


def replace_bindings(call: Call) -> None:
    """PATCH /workspaces/:workspace/relationships/tag-bindings: replace all bindings."""
    workspace = _managed(call)
    requested = call.body(_BINDINGS).as_dict()
    before = snapshot(workspace)
    workspace.tag_bindings = requested
    _changed(call, workspace, before)


def _managed(call: Call) -> Workspace:
    workspace = call.workspace()
    if not call.user.manage_workspaces:
        raise not_found("Workspace")
    return workspace


def _name(workspace: Workspace, tag: _Tag) -> str:
    if tag.attributes.name:
        return tag.attributes.name
    for name, tag_id in workspace.organization.tags.items():
        if tag_id == tag.id:
            return name
    raise unprocessable("A tag needs the id of one that exists, or a name", "/data")


def _changed(call: Call, workspace: Workspace, before: dict[str, object]) -> None:
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)


def _tag(tag_id: str, attributes: Mapping[str, object]) -> documents.Resource:
    return {"id": tag_id, "type": "tags", "attributes": attributes}


def _binding(workspace_id: str, key: str, value: str) -> documents.Resource:
    return {
        "id": f"tb-{workspace_id.removeprefix('ws-')}-{key}",
        "type": "tag-bindings",
        "attributes": {"key": key, "value": value},
    }


def effective_documents(record: Workspace) -> Iterator[documents.Resource]:
    """Yield a workspace's ``effective-tag-bindings``: its own, then those of its project."""
    for key, value in record.tag_bindings.items():
        yield _effective(record, key, value, {})
    inherited: Mapping[str, object] = {
        "relationships": {"inherited-from": documents.identifier("projects", record.project.id)}
    }
    for key, value in record.project.tag_bindings.items():
        if key not in record.tag_bindings:
            yield _effective(record, key, value, inherited)


def identifiers(resources: Sequence[documents.Resource]) -> list[documents.Resource]:
    """Return the linkage for these resources."""
    return [{"id": one["id"], "type": one["type"]} for one in resources]


def _effective(
    record: Workspace, key: str, value: str, inherited: Mapping[str, object]
) -> documents.Resource:
    return {
        "id": f"{record.id.removeprefix('ws-')}-{key}",
        "type": "effective-tag-bindings",
        "attributes": {"key": key, "value": value},
        **inherited,
    }
