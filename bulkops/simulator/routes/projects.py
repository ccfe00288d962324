"""The routes of projects, by id, and the filters of their list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, execution
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.checks import check_duration, check_project_name
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.routes.bindings import TagBindings, include_effective
from bulkops.simulator.routes.filters import carries, tagged
from bulkops.simulator.state import Organization, Project


class _Attributes(msgspec.Struct, rename="kebab"):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    auto_destroy_activity_duration: str | UnsetType | None = UNSET
    default_execution_mode: execution.Mode | UnsetType = UNSET
    default_agent_pool_id: str | UnsetType | None = UNSET
    setting_overwrites: dict[str, bool] | UnsetType = UNSET


class _Relationships(msgspec.Struct, rename="kebab"):
    tag_bindings: TagBindings | UnsetType = UNSET


class _Resource(msgspec.Struct):
    type: Literal["projects"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    relationships: _Relationships = msgspec.field(default_factory=_Relationships)


class _Document(msgspec.Struct):
    data: _Resource


_OF_EXECUTION = ("default-execution-mode", "default-agent-pool-id", "setting-overwrites")
_DECODER = msgspec.json.Decoder(_Document)


def index(call: Call) -> documents.Resource:
    """GET /organizations/:organization/projects."""
    organization = call.organization()
    owned = organization.projects.values()
    records = [project for project in owned if _matches(call, project)]
    sort = call.query.get("sort", "")
    if sort.removeprefix("-") == "name":
        records.sort(key=lambda project: project.name, reverse=sort.startswith("-"))
    document, shown = page(
        call, records, lambda project: documents.project(project, organization, call.user)
    )
    return _with_included(call, document, shown)


def _with_included(
    call: Call, document: documents.Resource, projects: Sequence[Project]
) -> documents.Resource:
    if "effective_tag_bindings" in call.includes():
        document["included"] = include_effective(document, projects)
    return document


def _matches(call: Call, project: Project) -> bool:
    """Return whether a project satisfies every filter of the query."""
    names = call.query.get("filter[names]", "")
    text = call.query.get("q", "").casefold()
    return (
        (not names or project.name in names.split(","))
        and text in project.name.casefold()
        and carries(call, project.tag_bindings, tagged(call))
    )


def create(call: Call) -> documents.Resource:
    """POST /organizations/:organization/projects."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    requested = call.body(_DECODER).data
    name = requested.attributes.name
    if not name:
        raise unprocessable("Name can't be blank", "/data/attributes/name")
    check_duration(requested.attributes.auto_destroy_activity_duration)
    check_project_name(name, organization.projects)
    runs = _execution(requested.attributes, organization, None)
    project = call.world.create_project(organization, name, now=call.now)
    _assign(project, requested)
    execution.assign(project, runs)
    call.record("create", project)
    return _shown(call, project)


def show(call: Call) -> documents.Resource:
    """GET /projects/:project."""
    project = call.project()
    return _with_included(call, _shown(call, project), [project])


def _shown(call: Call, project: Project) -> documents.Resource:
    owner = call.world.organizations[project.organization]
    return {"data": documents.project(project, owner, call.user)}


def update(call: Call) -> documents.Resource:
    """PATCH /projects/:project."""
    project = _managed(call)
    organization = call.world.organizations[project.organization]
    requested = call.body(_DECODER).data
    name = requested.attributes.name
    check_duration(requested.attributes.auto_destroy_activity_duration)
    if name is not UNSET:
        check_project_name(name, organization.projects.keys() - {project.name})
    runs = _execution(requested.attributes, organization, execution.own(project))
    before = snapshot(project)
    if name is not UNSET:
        call.world.rename_project(organization, project, name)
    _assign(project, requested)
    execution.assign(project, runs)
    call.record("update", project, before=before)
    return _shown(call, project)


def delete(call: Call) -> None:
    """DELETE /projects/:project; refused for the default one, and while it has workspaces."""
    project = _managed(call)
    organization = call.world.organizations[project.organization]
    if project is organization.default_project:
        raise unprocessable("The default project can't be deleted")
    if any(workspace.project is project for workspace in organization.workspaces.values()):
        raise unprocessable("A project must be empty before it can be deleted")
    before = snapshot(project)
    call.world.delete_project(organization, project)
    call.record("delete", project, before=before)


def move_workspaces(call: Call) -> None:
    """POST /projects/:project/relationships/workspaces: move all of them here, or none."""
    project = _managed(call)
    organization = call.world.organizations[project.organization]
    for workspace in call.workspaces_in(organization):
        before = snapshot(workspace)
        workspace.project = project
        call.world.touch(workspace, call.now)
        call.record("update", workspace, before=before)


def _managed(call: Call) -> Project:
    project = call.project()
    if not call.user.manage_workspaces:
        raise not_found("Project")
    return project


def _execution(
    changes: _Attributes, organization: Organization, before: execution.Execution | None
) -> execution.Execution | None:
    return execution.after(
        execution.Requested(
            mode=changes.default_execution_mode,
            pool=changes.default_agent_pool_id,
            overwrites=changes.setting_overwrites,
            names=execution.OF_PROJECT,
        ),
        organization.agent_pools,
        before=before,
        default=execution.of_organization(organization),
    )


def _assign(project: Project, requested: _Resource) -> None:
    """Set what the request has, other than the name and execution, which are checked apart."""
    values = msgspec.to_builtins(requested.attributes)
    for name in ("name", *_OF_EXECUTION):
        values.pop(name, None)
    project.description = values.pop("description", project.description)
    project.settings |= values
    if requested.relationships.tag_bindings is not UNSET:
        project.tag_bindings = requested.relationships.tag_bindings.as_dict()
