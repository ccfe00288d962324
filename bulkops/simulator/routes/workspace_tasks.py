"""The routes that attach run tasks to workspaces: ``/workspaces/:workspace/tasks``."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.profiles import DEFAULT_STAGE, Profile
from bulkops.simulator.state import Organization, Workspace


class _Attributes(msgspec.Struct, rename="kebab"):
    enforcement_level: Literal["advisory", "mandatory"] | UnsetType = UNSET
    stage: str | UnsetType = UNSET
    stages: tuple[str, ...] | UnsetType = UNSET


class _TaskIdentifier(msgspec.Struct):
    id: str
    type: Literal["tasks"]


class _TaskRelationship(msgspec.Struct):
    data: _TaskIdentifier


class _Relationships(msgspec.Struct):
    task: _TaskRelationship


class _NewResource(msgspec.Struct):
    # terrasnek calls it by the second name, which the service accepts.
    type: Literal["workspace-tasks", "tasks"]
    attributes: _Attributes
    relationships: _Relationships


class _NewDocument(msgspec.Struct):
    data: _NewResource


class _ChangedResource(msgspec.Struct):
    type: Literal["workspace-tasks"]
    attributes: _Attributes


class _ChangedDocument(msgspec.Struct):
    data: _ChangedResource


_NEW = msgspec.json.Decoder(_NewDocument)
_CHANGED = msgspec.json.Decoder(_ChangedDocument)


def create(call: Call) -> documents.Resource | None:
    """POST /workspaces/:workspace/tasks; None if this version answers without a body."""
    workspace = _managed(call)
    requested = call.body(_NEW).data
    level = requested.attributes.enforcement_level
    if level is UNSET:
        raise unprocessable(
            "enforcement-level can't be blank", "/data/attributes/enforcement-level"
        )
    stages = _stages(requested.attributes, call.profile) or (DEFAULT_STAGE,)
    task = call.world.tasks.get(requested.relationships.task.data.id)
    if task is None or task.organization is not workspace.organization:
        raise not_found("Run task")
    if not call.accept_duplicates and any(one.task is task for one in workspace.tasks.values()):
        raise unprocessable("Run task is already associated with this workspace")
    _check_entitlements(workspace.organization, mandatory=level == "mandatory", onto=workspace)
    workspace_task = call.world.attach(
        workspace, task, enforcement_level=level, stages=stages, now=call.now
    )
    call.history.creates(workspace_task, call.now)
    call.record("create", workspace_task)
    if not call.profile.attach_body:
        return None
    return {"data": documents.workspace_task(workspace_task, call.profile)}


def index(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/tasks."""
    workspace = call.workspace()
    document, _ = page(
        call,
        call.history.shown(workspace, workspace.tasks, call.now),
        lambda record: documents.workspace_task(record, call.profile),
    )
    return document


def index_of_task(call: Call) -> documents.Resource:
    """GET /tasks/:task/relationships/workspace-tasks, if this version has it."""
    if not call.profile.reverse_listing:
        raise not_found("Page")
    task = call.task()
    document, _ = page(
        call,
        call.history.shown(task, task.attached, call.now),
        lambda record: documents.workspace_task(record, call.profile),
    )
    return document


def show(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/tasks/:workspace-task."""
    return {"data": documents.workspace_task(call.workspace_task(), call.profile)}


def update(call: Call) -> documents.Resource:
    """PATCH /workspaces/:workspace/tasks/:workspace-task."""
    workspace = _managed(call)
    record = call.workspace_task()
    requested = call.body(_CHANGED).data.attributes
    stages = _stages(requested, call.profile)
    level = requested.enforcement_level or record.enforcement_level
    if level == "mandatory" != record.enforcement_level:
        _check_entitlements(workspace.organization, mandatory=True)
    before = snapshot(record)
    call.history.changes(record, call.now)
    record.enforcement_level = level
    record.stages = stages or record.stages
    record.updated_at = call.world.timestamp(call.now)
    call.record("update", record, before=before)
    return {"data": documents.workspace_task(record, call.profile)}


def delete(call: Call) -> None:
    """DELETE /workspaces/:workspace/tasks/:workspace-task."""
    _managed(call)
    record = call.workspace_task()
    before = snapshot(record)
    call.history.changes(record, call.now)
    call.world.detach(record)
    call.record("delete", record, before=before)


def _managed(call: Call) -> Workspace:
    workspace = call.workspace()
    if not call.user.may_attach(workspace):
        raise not_found("Workspace")
    return workspace


def _stages(requested: _Attributes, profile: Profile) -> tuple[str, ...]:
    """Return the resulting stages; empty if the request has none that this version supports."""
    if profile.many_stages and requested.stages is not UNSET:
        if not requested.stages:
            raise unprocessable("stages can't be blank", "/data/attributes/stages")
        for stage in requested.stages:
            _check_stage(stage, profile, "/data/attributes/stages")
        return tuple(dict.fromkeys(requested.stages))
    if requested.stage is not UNSET:
        _check_stage(requested.stage, profile, "/data/attributes/stage")
        return (requested.stage,)
    if requested.stages is not UNSET:
        return tuple(stage for stage in requested.stages if stage in profile.stages)[:1]
    return ()


def _check_stage(stage: str, profile: Profile, pointer: str) -> None:
    if stage not in profile.stages:
        raise unprocessable(f"{stage!r} is not a valid stage", pointer)


def _check_entitlements(
    organization: Organization, *, mandatory: bool, onto: Workspace | None = None
) -> None:
    """Raise a 422 if one more (mandatory) workspace task exceeds the organization's plan."""
    entitlements = organization.entitlements
    if not entitlements.run_tasks:
        raise unprocessable("Run tasks are not part of this organization's plan")
    limit = entitlements.run_task_workspace_limit
    if limit is not None and onto is not None and not onto.tasks:
        used = sum(bool(workspace.tasks) for workspace in organization.workspaces.values())
        if used >= limit:
            raise unprocessable(f"This organization is limited to run tasks in {limit} workspaces")
    limit = entitlements.run_task_mandatory_enforcement_limit
    if limit is not None and mandatory:
        used = sum(
            record.enforcement_level == "mandatory"
            for task in organization.tasks.values()
            for record in task.attached.values()
        )
        if used >= limit:
            raise unprocessable(f"This organization is limited to {limit} mandatory run tasks")
