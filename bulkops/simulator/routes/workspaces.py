"""The routes of workspaces, by id and by name, and the filters of their list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, execution, workspace_documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.checks import check_duration, check_name, check_version
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import Problem, not_found, unprocessable
from bulkops.simulator.routes.bindings import TagBindings, include_effective
from bulkops.simulator.routes.filters import filters
from bulkops.simulator.routes.tags import Tags, names_of
from bulkops.simulator.state import Organization, Project, Workspace
from bulkops.simulator.world import in_order, named


class _Settings(msgspec.Struct, rename="kebab"):
    """The attributes that are kept and shown, and that nothing acts on."""

    allow_destroy_plan: bool | UnsetType = UNSET
    auto_apply_run_trigger: bool | UnsetType = UNSET
    auto_destroy_activity_duration: str | UnsetType | None = UNSET
    auto_destroy_at: datetime | UnsetType | None = UNSET
    file_triggers_enabled: bool | UnsetType = UNSET
    global_remote_state: bool | UnsetType = UNSET
    hyok_enabled: bool | UnsetType = UNSET
    inherits_project_auto_destroy: bool | UnsetType = UNSET
    project_remote_state: bool | UnsetType = UNSET
    queue_all_runs: bool | UnsetType = UNSET
    source_name: str | UnsetType | None = UNSET
    source_url: str | UnsetType | None = UNSET
    speculative_enabled: bool | UnsetType = UNSET
    structured_run_output_enabled: bool | UnsetType = UNSET
    trigger_patterns: tuple[str, ...] | UnsetType | None = UNSET
    trigger_prefixes: tuple[str, ...] | UnsetType | None = UNSET
    vcs_repo: dict[str, Any] | UnsetType | None = UNSET


class _Attributes(_Settings, rename="kebab"):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    auto_apply: bool | UnsetType = UNSET
    execution_mode: execution.Mode | UnsetType = UNSET
    setting_overwrites: dict[str, bool] | UnsetType = UNSET
    terraform_version: str | UnsetType = UNSET
    working_directory: str | UnsetType | None = UNSET
    assessments_enabled: bool | UnsetType = UNSET
    agent_pool_id: str | UnsetType | None = UNSET
    operations: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Replace ``operations``, as it was called before there were agents."""
        if self.operations is not UNSET and self.execution_mode is UNSET:
            self.execution_mode = "remote" if self.operations else "local"


class _ProjectIdentifier(msgspec.Struct):
    id: str


class _ProjectRelationship(msgspec.Struct):
    data: _ProjectIdentifier


class _Relationships(msgspec.Struct, rename="kebab"):
    project: _ProjectRelationship | UnsetType = UNSET
    tag_bindings: TagBindings | UnsetType = UNSET
    tags: Tags = Tags(data=())


class _Resource(msgspec.Struct):
    type: Literal["workspaces"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    relationships: _Relationships = msgspec.field(default_factory=_Relationships)


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)
_SETTINGS = {field.name: field.encode_name for field in msgspec.structs.fields(_Settings)}
_OF_EXECUTION = ("execution_mode", "setting_overwrites", "agent_pool_id", "operations")
# These have the same name in the request and in the record; the others are handled separately.
_PLAIN = tuple(
    name
    for name in _Attributes.__struct_fields__
    if name not in {*_SETTINGS, *_OF_EXECUTION, "name"}
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
    _check(requested.attributes)
    tags = names_of(organization, requested.relationships.tags)
    owner = project or organization.default_project
    runs = _execution(requested.attributes, organization, owner, None)
    workspace = call.world.create_workspace(
        organization, requested.attributes.name, now=call.now, project=project
    )
    _assign(workspace, requested)
    execution.assign(workspace, runs)
    call.world.tag(workspace, tags)
    call.record("create", workspace)
    return _shown(call, workspace)


def index(call: Call) -> documents.Resource:
    """GET /organizations/:organization/workspaces."""
    records = in_order(call.organization(), call.query.get("sort", ""))
    for matches in filters(call):
        records = [workspace for workspace in records if matches(workspace)]
    document, shown = page(
        call,
        records,
        lambda workspace: workspace_documents.workspace(workspace, call.user, call.profile),
    )
    return _with_included(call, document, shown)


def show(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _addressed(call)
    return _with_included(call, _shown(call, workspace), [workspace])


def update(call: Call) -> documents.Resource:
    """PATCH /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _managed(call)
    requested = call.body(_DECODER).data
    name = requested.attributes.name
    renamed = name is not UNSET and name != workspace.name
    organization = workspace.organization
    if renamed:
        check_name(str(name), organization.workspaces.keys() - {workspace.name}, "Workspace")
    _check(requested.attributes)
    project = _project(call, organization, requested.relationships)
    owner = project or workspace.project
    runs = _execution(requested.attributes, organization, owner, execution.own(workspace))
    before = snapshot(workspace)
    if renamed:
        call.world.rename_workspace(workspace, str(name))
    workspace.project = owner
    _assign(workspace, requested)
    execution.assign(workspace, runs)
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)
    return _shown(call, workspace)


def delete(call: Call) -> None:
    """DELETE /workspaces/:workspace or /organizations/:organization/workspaces/:name."""
    workspace = _managed(call)
    before = snapshot(workspace)
    call.world.delete_workspace(workspace)
    call.record("delete", workspace, before=before)


def safe_delete(call: Call) -> None:
    """POST …/actions/safe-delete, by id or name: refused while it is locked.

    The service also refuses to delete a workspace that manages resources; none here does.
    """
    if _managed(call).locked:
        raise Problem(409, "Unable to delete workspace. The workspace is locked.")
    delete(call)


def _shown(call: Call, workspace: Workspace) -> documents.Resource:
    return {"data": workspace_documents.workspace(workspace, call.user, call.profile)}


def _addressed(call: Call) -> Workspace:
    if len(call.args) == 1:
        return call.workspace()
    workspace = named(call.organization().workspaces, call.args[1])
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


def _check(requested: _Attributes) -> None:
    if requested.terraform_version is not UNSET:
        check_version(requested.terraform_version)
    check_duration(requested.auto_destroy_activity_duration)


def _execution(
    changes: _Attributes,
    organization: Organization,
    project: Project,
    before: execution.Execution | None,
) -> execution.Execution | None:
    return execution.after(
        execution.Requested(
            mode=changes.execution_mode,
            pool=changes.agent_pool_id,
            overwrites=changes.setting_overwrites,
            names=execution.OF_WORKSPACE,
        ),
        organization.agent_pools,
        before=before,
        default=execution.of_project(project, organization),
    )


def _assign(workspace: Workspace, requested: _Resource) -> None:
    attributes = requested.attributes
    for name in _PLAIN:
        value = getattr(attributes, name)
        if value is not UNSET:
            setattr(workspace, name, value)
    for name, shown_as in _SETTINGS.items():
        value = getattr(attributes, name)
        if value is not UNSET:
            workspace.settings[shown_as] = msgspec.to_builtins(value)
    # The provider relies on it: it clears a duration by sending only the moment, as null.
    moment, duration = attributes.auto_destroy_at, attributes.auto_destroy_activity_duration
    if moment is not UNSET and duration is UNSET:
        workspace.settings["auto-destroy-activity-duration"] = None
    if "vcs-repo" in workspace.settings:
        repository: Any = workspace.settings["vcs-repo"] or {}
        workspace.settings["vcs-repo-identifier"] = repository.get("identifier")
    if requested.relationships.tag_bindings is not UNSET:
        workspace.tag_bindings = requested.relationships.tag_bindings.as_dict()


def _with_included(
    call: Call, document: documents.Resource, workspaces: Sequence[Workspace]
) -> documents.Resource:
    requested = call.includes()
    included: list[documents.Resource] = []
    if "project" in requested:
        projects = {workspace.project.id: workspace.project for workspace in workspaces}
        included += [
            documents.project(one, workspaces[0].organization, call.user)
            for one in projects.values()
        ]
    if "organization" in requested and workspaces:
        included.append(documents.organization(workspaces[0].organization, call.user))
    tags = "effective_tag_bindings" in requested and call.profile.bindings == "included"
    if tags:
        included += include_effective(document, workspaces)
    if tags or requested & {"organization", "project"}:
        document["included"] = included
    return document
