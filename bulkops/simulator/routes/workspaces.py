"""The routes of workspaces, by id and by name, and the filters of their list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call, check_name
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.routes.tags import TagBindings, effective_documents, identifiers
from bulkops.simulator.state import Organization, Project, Workspace
from bulkops.simulator.world import in_order


class _Attributes(msgspec.Struct, rename="kebab"):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    auto_apply: bool | UnsetType = UNSET
    execution_mode: Literal["remote", "local", "agent"] | UnsetType = UNSET
    terraform_version: str | UnsetType = UNSET
    working_directory: str | UnsetType | None = UNSET
    assessments_enabled: bool | UnsetType = UNSET
    agent_pool_id: str | UnsetType | None = UNSET


class _ProjectIdentifier(msgspec.Struct):
    id: str


class _ProjectRelationship(msgspec.Struct):
    data: _ProjectIdentifier


class _Relationships(msgspec.Struct, rename="kebab"):
    project: _ProjectRelationship | UnsetType = UNSET
    tag_bindings: TagBindings | UnsetType = UNSET


class _Resource(msgspec.Struct):
    type: Literal["workspaces"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    relationships: _Relationships = msgspec.field(default_factory=_Relationships)


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)
# These have the same name in the request and in the record; the others are handled separately.
_PLAIN = tuple(
    name for name in _Attributes.__struct_fields__ if name not in ("name", "agent_pool_id")
)


def create(call: Call) -> documents.Resource:
    """POST /organizations/:organization/workspaces."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    requested = call.body(_DECODER).data
    if not requested.attributes.name:
        raise unprocessable("Name can't be blank", "/data/attributes/name")
    check_name(requested.attributes.name, organization.workspaces, "Workspace")
    project = _project(call, organization, requested.relationships)
    pool = _pool(requested.attributes, "remote", None)
    workspace = call.world.create_workspace(
        organization, requested.attributes.name, now=call.now, project=project
    )
    _assign(workspace, requested)
    workspace.agent_pool = pool
    call.record("create", workspace)
    return {"data": documents.workspace(workspace, call.user, call.profile)}


def index(call: Call) -> documents.Resource:
    """GET /organizations/:organization/workspaces."""
    records = in_order(call.organization(), call.query.get("sort", ""))
    for matches in _filters(call):
        records = [workspace for workspace in records if matches(workspace)]
    document, shown = page(
        call, records, lambda workspace: documents.workspace(workspace, call.user, call.profile)
    )
    return _with_included(call, document, shown)


def show(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _addressed(call)
    document: documents.Resource = {"data": documents.workspace(workspace, call.user, call.profile)}
    return _with_included(call, document, [workspace])


def update(call: Call) -> documents.Resource:
    """PATCH /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _managed(call)
    requested = call.body(_DECODER).data
    name = requested.attributes.name
    renamed = name is not UNSET and name != workspace.name
    if renamed:
        check_name(str(name), workspace.organization.workspaces, "Workspace")
    project = _project(call, workspace.organization, requested.relationships)
    pool = _pool(requested.attributes, workspace.execution_mode, workspace.agent_pool)
    before = snapshot(workspace)
    if renamed:
        call.world.rename_workspace(workspace, str(name))
    workspace.project = project or workspace.project
    _assign(workspace, requested)
    workspace.agent_pool = pool
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)
    return {"data": documents.workspace(workspace, call.user, call.profile)}


def delete(call: Call) -> None:
    """DELETE /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _managed(call)
    before = snapshot(workspace)
    call.world.delete_workspace(workspace)
    call.record("delete", workspace, before=before)


def _addressed(call: Call) -> Workspace:
    if len(call.args) == 1:
        return call.workspace()
    workspace = call.organization().workspaces.get(call.args[1])
    if workspace is None:
        raise not_found("Workspace")
    return workspace


def _managed(call: Call) -> Workspace:
    workspace = _addressed(call)
    if not call.user.manage_workspaces:
        raise not_found("Workspace")
    return workspace


def _project(
    call: Call, organization: Organization, relationships: _Relationships
) -> Project | None:
    if relationships.project is UNSET:
        return None
    project = call.world.projects.get(relationships.project.data.id)
    if project is None or project.organization != organization.name:
        raise not_found("Project")
    return project


def _pool(changes: _Attributes, mode: str, pool: str | None) -> str | None:
    """Return the workspace's resulting agent pool: required in the mode ``agent``, else None."""
    new = changes.agent_pool_id
    after = pool if new is UNSET else new
    if (mode if changes.execution_mode is UNSET else changes.execution_mode) == "agent":
        if not after and (changes.execution_mode is not UNSET or new is not UNSET):
            raise unprocessable("Agent pool can't be blank", "/data/attributes/agent-pool-id")
        return after
    if new is not UNSET and new:
        detail = "Agent pool can't be set unless the execution mode is agent"
        raise unprocessable(detail, "/data/attributes/agent-pool-id")
    return None


def _assign(workspace: Workspace, requested: _Resource) -> None:
    for name in _PLAIN:
        value = getattr(requested.attributes, name)
        if value is not UNSET:
            setattr(workspace, name, value)
    if requested.relationships.tag_bindings is not UNSET:
        workspace.tag_bindings = requested.relationships.tag_bindings.as_dict()


_Filter: TypeAlias = Callable[[Workspace], bool]
_TAGGED = re.compile(r"filter\[tagged\]\[(?P<number>\d+)\]\[(?P<part>key|value)\]")


def _filters(call: Call) -> list[_Filter]:
    """Return the query's filters, all of which a workspace must match."""
    return [
        _PARAMETERS[name](value)
        for name, value in call.query.items()
        if name in _PARAMETERS and value
    ] + _tagged(call)


def _named_like(text: str) -> _Filter:
    part = text.casefold()
    return lambda workspace: part in workspace.name.casefold()


def _named_by_wildcard(text: str) -> _Filter:
    pattern = re.compile(".*".join(re.escape(part) for part in text.split("*")))
    return lambda workspace: pattern.fullmatch(workspace.name) is not None


def _with_all_tags(text: str) -> _Filter:
    required = set(text.split(","))
    return lambda workspace: required.issubset(workspace.tags)


def _with_none_of_tags(text: str) -> _Filter:
    excluded = set(text.split(","))
    return lambda workspace: excluded.isdisjoint(workspace.tags)


def _in_project(text: str) -> _Filter:
    return lambda workspace: workspace.project.id == text


def _never(_text: str) -> _Filter:
    """Match nothing: no simulated workspace ever had a Terraform run with a status."""
    return lambda _workspace: False


_PARAMETERS: dict[str, Callable[[str], _Filter]] = {
    "search[name]": _named_like,
    "search[wildcard-name]": _named_by_wildcard,
    "search[tags]": _with_all_tags,
    "search[exclude-tags]": _with_none_of_tags,
    "filter[project][id]": _in_project,
    "filter[current-run][status]": _never,
}


def _tagged(call: Call) -> list[_Filter]:
    """Return a filter for each ``filter[tagged][i]``: a key, with or without a value."""
    parts: dict[str, dict[str, str]] = {}
    for name, value in call.query.items():
        if tagged := _TAGGED.fullmatch(name):
            parts.setdefault(tagged["number"], {})[tagged["part"]] = value
    return [_bound_to(part.get("key", ""), part.get("value")) for part in parts.values()]


def _bound_to(key: str, value: str | None) -> _Filter:
    def matches(workspace: Workspace) -> bool:
        effective = workspace.project.tag_bindings | workspace.tag_bindings
        return key in effective and value in (None, effective[key])

    return matches


def _with_included(
    call: Call, document: documents.Resource, workspaces: Sequence[Workspace]
) -> documents.Resource:
    requested = call.includes()
    included: list[documents.Resource] = []
    if "project" in requested:
        projects = {workspace.project.id: workspace.project for workspace in workspaces}
        included += [documents.project(one, call.user) for one in projects.values()]
    tags = "effective_tag_bindings" in requested and call.profile.bindings == "included"
    if tags:
        for workspace, shown in zip(workspaces, _resources(document), strict=True):
            effective = list(effective_documents(workspace))
            included += effective
            relationship = shown["relationships"]["effective-tag-bindings"]
            relationship["data"] = identifiers(effective)
    if tags or "project" in requested:
        document["included"] = included
    return document


def _resources(document: documents.Resource) -> list[Any]:
    data: Any = document["data"]
    return data if isinstance(data, list) else [data]
