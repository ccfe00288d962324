"""The routes of plain tags, which have only a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Organization, Workspace


class _TagName(msgspec.Struct):
    name: str = ""


class _Tag(msgspec.Struct):
    type: Literal["tags"]
    id: str = ""
    attributes: _TagName = msgspec.field(default_factory=_TagName)


class Tags(msgspec.Struct, frozen=True):
    """A document, or a relationship, of plain tags."""

    data: tuple[_Tag, ...]


_TAGS = msgspec.json.Decoder(Tags)


def index_of_organization(call: Call) -> documents.Resource:
    """GET /organizations/:organization/tags."""
    organization = call.organization()
    uses = Counter(tag for workspace in organization.workspaces.values() for tag in workspace.tags)
    text = call.query.get("q", "").lower()
    without = call.query.get("filter[exclude][taggable][id]", "")
    excluded = call.world.workspaces[without].tags if without in call.world.workspaces else []
    found = [
        (name, ident)
        for name, ident in sorted(organization.tags.items())
        if text in name and name not in excluded and ident != without
    ]
    owner = {"organization": documents.identifier("organizations", organization.name)}
    document, _ = page(
        call,
        found,
        lambda tag: (
            _tag(tag[1], {"name": tag[0], "instance-count": uses[tag[0]]})
            | {"relationships": owner}
        ),
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
    names = names_of(workspace.organization, call.body(_TAGS))
    before = snapshot(workspace)
    call.world.tag(workspace, names)
    _changed(call, workspace, before)


def remove(call: Call) -> None:
    """DELETE /workspaces/:workspace/relationships/tags; a tag that isn't set is no error."""
    workspace = _managed(call)
    names = names_of(workspace.organization, call.body(_TAGS))
    before = snapshot(workspace)
    workspace.tags = [name for name in workspace.tags if name not in names]
    _changed(call, workspace, before)


def add_workspaces(call: Call) -> None:
    """POST /tags/:tag/relationships/workspaces: tag all of them, or none."""
    organization = call.world.owner_of_tag(call.args[0])
    if organization is None or not call.user.manage_workspaces:
        raise not_found("Tag")
    workspaces = call.workspaces_in(organization)
    name = next(name for name, ident in organization.tags.items() if ident == call.args[0])
    for workspace in workspaces:
        before = snapshot(workspace)
        call.world.tag(workspace, [name])
        _changed(call, workspace, before)


def delete(call: Call) -> None:
    """DELETE /organizations/:organization/tags: also from the workspaces that have them."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    gone = set(names_of(organization, call.body(_TAGS)))
    for workspace in organization.workspaces.values():
        before = snapshot(workspace)
        if not gone.isdisjoint(workspace.tags):
            workspace.tags = [name for name in workspace.tags if name not in gone]
            _changed(call, workspace, before)
    for name in gone & organization.tags.keys():
        del organization.tags[name]


def names_of(organization: Organization, tags: Tags) -> list[str]:
    """Return the names of tags, each given by its name or its id, or raise a 422."""
    return [_name(organization, tag) for tag in tags.data]


def _managed(call: Call) -> Workspace:
    workspace = call.workspace()
    if not call.user.manage_workspaces:
        raise not_found("Workspace")
    return workspace


def _name(organization: Organization, tag: _Tag) -> str:
    if tag.attributes.name:
        return tag.attributes.name.lower()
    for name, tag_id in organization.tags.items():
        if tag_id == tag.id:
            return name
    raise unprocessable("A tag needs the id of one that exists, or a name", "/data")


def _changed(call: Call, workspace: Workspace, before: dict[str, object]) -> None:
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)


def _tag(tag_id: str, attributes: Mapping[str, object]) -> documents.Resource:
    return {"id": tag_id, "type": "tags", "attributes": attributes}
