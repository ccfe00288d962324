"""The routes of run tasks: ``/organizations/:organization/tasks`` and ``/tasks/:id``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType, structs

from bulkops.api.messages import UNREADABLE
from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, workspace_documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.checks import check_name, check_pool
from bulkops.simulator.messages.execution import PoolRelationship
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Organization, Task, WorkspaceTask

DESCRIPTION_LENGTH = 300


class _GlobalConfiguration(msgspec.Struct, rename="kebab"):
    enabled: bool | UnsetType = UNSET
    stages: tuple[str, ...] | UnsetType = UNSET
    enforcement_level: Literal["advisory", "mandatory"] | UnsetType | None = UNSET


class _Attributes(msgspec.Struct, rename="kebab"):
    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    category: Literal["task"] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    hmac_key: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    global_configuration: _GlobalConfiguration | UnsetType | None = UNSET


class _Relationships(msgspec.Struct, rename="kebab"):
    agent_pool: PoolRelationship | UnsetType = UNSET


class _Resource(msgspec.Struct):
    type: Literal["tasks"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    relationships: _Relationships = msgspec.field(default_factory=_Relationships)


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)


def url_of(body: bytes) -> str | None:
    """Return the URL that a create or update would set; None if none, or if it is malformed."""
    try:
        url = _DECODER.decode(body).data.attributes.url
    except UNREADABLE:
        return None
    return url or None


def create(call: Call) -> documents.Resource:
    """POST /organizations/:organization/tasks."""
    organization = call.organization()
    if not call.user.manage_run_tasks:
        raise not_found("Organization")
    resource = call.body(_DECODER).data
    requested = resource.attributes
    if not requested.name or not requested.url or not requested.category:
        missing = next(key for key in ("name", "url", "category") if not getattr(requested, key))
        raise unprocessable(f"{missing} can't be blank", f"/data/attributes/{missing}")
    _check(call, requested, organization)
    limit = organization.entitlements.run_task_limit
    if not organization.entitlements.run_tasks:
        raise unprocessable("Run tasks are not part of this organization's plan")
    if limit is not None and len(organization.tasks) >= limit:
        raise unprocessable(f"This organization is limited to {limit} run tasks")
    _check_pool(organization, resource.relationships)
    task = call.world.create_task(organization, requested.name, requested.url, now=call.now)
    _assign(task, resource)
    call.record("create", task)
    return {"data": documents.task(task, call.profile)}


def index(call: Call) -> documents.Resource:
    """GET /organizations/:organization/tasks."""
    organization = call.organization()
    if not call.user.list_run_tasks:
        raise not_found("Organization")
    document, shown = page(
        call,
        list(organization.tasks.values()),
        lambda task: documents.task(task, call.profile),
    )
    return _with_included(call, document, shown)


def show(call: Call) -> documents.Resource:
    """GET /tasks/:task."""
    task = call.task()
    return _with_included(call, {"data": documents.task(task, call.profile)}, [task])


def update(call: Call) -> documents.Resource:
    """PATCH /tasks/:task."""
    task = _managed(call)
    resource = call.body(_DECODER).data
    requested = resource.attributes
    if requested.name == task.name:
        requested.name = UNSET
    _check(call, requested, task.organization)
    _check_pool(task.organization, resource.relationships)
    before = snapshot(task)
    if requested.name:
        call.world.rename_task(task, requested.name)
    if requested.url:
        task.url = requested.url
    _assign(task, resource)
    task.updated_at = call.world.timestamp(call.now)
    call.record("update", task, before=before)
    return {"data": documents.task(task, call.profile)}


def delete(call: Call) -> None:
    """DELETE /tasks/:task; refused while the run task is attached anywhere."""
    task = _managed(call)
    if task.attached:
        raise unprocessable(
            f"This run task is still associated with {len(task.attached)} workspaces"
        )
    before = snapshot(task)
    call.world.delete_task(task)
    call.record("delete", task, before=before)


def _managed(call: Call) -> Task:
    task = call.task()
    if not call.user.manage_run_tasks:
        raise not_found("Run task")
    return task


def _check(call: Call, requested: _Attributes, organization: Organization) -> None:
    if requested.name is not UNSET:
        check_name(requested.name, organization.tasks, "Run task")
    if requested.url is not UNSET:
        _check_url(call, requested.url)
    if requested.description and len(requested.description) > DESCRIPTION_LENGTH:
        raise unprocessable(
            f"Description is too long (maximum is {DESCRIPTION_LENGTH} characters)",
            "/data/attributes/description",
        )
    if requested.global_configuration and requested.global_configuration.stages:
        for stage in requested.global_configuration.stages:
            if stage not in call.profile.stages:
                raise unprocessable(
                    f"{stage!r} is not a valid stage",
                    "/data/attributes/global-configuration/stages",
                )


def _check_url(call: Call, url: str) -> None:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        well_formed = False
    if not well_formed:
        raise unprocessable("URL is invalid", "/data/attributes/url")
    if call.url_status not in (None, 200):
        answer = f"answered {call.url_status}" if call.url_status else "gave no answer"
        raise unprocessable(f"URL could not be verified: it {answer}", "/data/attributes/url")


def _check_pool(organization: Organization, relationships: _Relationships) -> None:
    pool = relationships.agent_pool
    if not pool or not pool.ident:
        return
    if not organization.entitlements.private_run_tasks:
        raise unprocessable(
            "Private run tasks are not part of this organization's plan",
            "/data/relationships/agent-pool",
        )
    check_pool(organization.agent_pools, pool.ident, "/data/relationships/agent-pool")


def _assign(task: Task, resource: _Resource) -> None:
    """Set the request's attributes other than name and URL, which are already checked."""
    requested = resource.attributes
    if requested.description is not UNSET:
        task.description = requested.description
    if requested.hmac_key is not UNSET:
        task.hmac_key = requested.hmac_key
    if requested.enabled is not UNSET:
        task.enabled = requested.enabled
    # Without the entitlement the server ignores a global configuration and answers 201.
    spec = requested.global_configuration
    if spec and task.organization.entitlements.global_run_tasks:
        named = {name: value for name, value in structs.asdict(spec).items() if value is not UNSET}
        task.global_configuration = structs.replace(task.global_configuration, **named)
    pool = resource.relationships.agent_pool
    if pool is not UNSET:
        task.agent_pool = pool.ident


def _with_included(
    call: Call, document: documents.Resource, tasks: Sequence[Task]
) -> documents.Resource:
    requested = call.includes() & {"workspace_tasks", "workspace_tasks.workspace"}
    if not requested or call.profile.include_limit == 0:
        return document
    records: list[WorkspaceTask] = []
    for task in tasks:
        records += list(task.attached.values())[: call.profile.include_limit]
    included = [documents.workspace_task(record, call.profile) for record in records]
    if "workspace_tasks.workspace" in requested:
        workspaces = {record.workspace.id: record.workspace for record in records}
        included += [
            workspace_documents.workspace(one, call.user, call.profile)
            for one in workspaces.values()
        ]
    document["included"] = included
    return document
