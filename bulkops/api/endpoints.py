"""The API's requests, one function each, named as the API pages name them. Pure.

The typed client sends them and reads the answers; the kinds of operation use the same
functions, so that no path or body is spelled twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import encode_resource
from bulkops.api.messages import Request
from bulkops.api.resources import GlobalConfiguration

API = "/api/v2"
Include = Literal["workspace_tasks", "workspace_tasks.workspace"]
"""What listing or showing run tasks can include."""

_FOLLOWING = {
    "organizations": "{organization}",
    "organizations/workspaces": "{name}",
    "tasks": "{task_id}",
    "workspaces": "{workspace_id}",
    "workspaces/tasks": "{workspace_task_id}",
}
"""Collections → what the next part of a path below them stands for."""


class RunTaskChange(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    """Attributes of a run task to create or update; what is left unset is not sent.

    Attributes:
        description: at most 300 characters.
        hmac_key: signs the requests to the task's URL; write-only, ``None`` removes it.
        agent_pool_id: ``apool-…``, for a URL only reachable from agents.
    """

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    hmac_key: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    global_configuration: GlobalConfiguration | UnsetType = UNSET
    agent_pool_id: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Leave the hmac key out: a repr ends in logs and tracebacks."""
        shown = (name for name in self.__struct_fields__ if getattr(self, name) is not UNSET)
        fields = (f"{n}={'…' if n == 'hmac_key' else repr(getattr(self, n))}" for n in shown)
        return f"RunTaskChange({', '.join(fields)})"


def ping() -> Request:
    """204; its headers tell the rate limit and the server's version."""
    return Request("GET", f"{API}/ping")


def show_entitlements(organization: str) -> Request:
    """What the organization's plan allows."""
    return Request("GET", f"{API}/organizations/{quote(organization, '')}/entitlement-set")


def list_projects(organization: str) -> Request:
    """All projects."""
    return Request("GET", f"{API}/organizations/{quote(organization, '')}/projects")


def list_workspaces(organization: str, filters: Mapping[str, str]) -> Request:
    """Workspaces by name, so that paging is stable; ``filters`` are the API's own parameters."""
    query = (*filters.items(), ("sort", "name"))
    return Request("GET", f"{API}/organizations/{quote(organization, '')}/workspaces", query)


def show_workspace(organization: str, name: str) -> Request:
    """One workspace by its name."""
    path = f"{API}/organizations/{quote(organization, '')}/workspaces/{quote(name, '')}"
    return Request("GET", path)


def show_workspace_by_id(workspace_id: str) -> Request:
    """One workspace by its ``ws-…`` id."""
    return Request("GET", f"{API}/workspaces/{quote(workspace_id, '')}")


def update_workspace(workspace_id: str, attributes: Mapping[str, object]) -> Request:
    """200 with the workspace; attributes that are left out are kept."""
    path = f"{API}/workspaces/{quote(workspace_id, '')}"
    return Request("PATCH", path, body=encode_resource("workspaces", attributes, id=workspace_id))


def lock_workspace(workspace_id: str, reason: str | None = None) -> Request:
    """200 with the workspace; 409 where it is locked already, whoever holds it."""
    path = f"{API}/workspaces/{quote(workspace_id, '')}/actions/lock"
    body = b"" if reason is None else msgspec.json.encode({"reason": reason})
    return Request("POST", path, body=body)


def unlock_workspace(workspace_id: str) -> Request:
    """200 with the workspace; 409 where it is not locked, or by a run, a team or another user."""
    return Request("POST", f"{API}/workspaces/{quote(workspace_id, '')}/actions/unlock")


def create_run_task(organization: str, change: RunTaskChange) -> Request:
    """201 with the run task; the platform calls its URL once and wants a 200."""
    path = f"{API}/organizations/{quote(organization, '')}/tasks"
    return Request("POST", path, body=_run_task_body(change, category="task"))


def list_run_tasks(organization: str, include: Sequence[Include] = ()) -> Request:
    """The organization's run tasks."""
    return Request("GET", f"{API}/organizations/{quote(organization, '')}/tasks", _include(include))


def show_run_task(task_id: str, include: Sequence[Include] = ()) -> Request:
    """One run task by its ``task-…`` id."""
    return Request("GET", f"{API}/tasks/{quote(task_id, '')}", _include(include))


def update_run_task(task_id: str, change: RunTaskChange) -> Request:
    """200 with the run task; every attribute is optional."""
    path = f"{API}/tasks/{quote(task_id, '')}"
    return Request("PATCH", path, body=_run_task_body(change, task_id=task_id))


def delete_run_task(task_id: str) -> Request:
    """204, again 404."""
    return Request("DELETE", f"{API}/tasks/{quote(task_id, '')}")


def list_attachments(task_id: str) -> Request:
    """Every attachment of one run task (OpenAPI only; an older TFE answers 404)."""
    return Request("GET", f"{API}/tasks/{quote(task_id, '')}/relationships/workspace-tasks")


def attach(workspace_id: str, task_id: str, attributes: Mapping[str, object]) -> Request:
    """201 with the workspace task (204 without one was documented once)."""
    task = {"task": {"data": {"id": task_id, "type": "tasks"}}}
    body = encode_resource("workspace-tasks", attributes, task)
    return Request("POST", f"{API}/workspaces/{quote(workspace_id, '')}/tasks", body=body)


def list_workspace_tasks(workspace_id: str) -> Request:
    """The run tasks attached to one workspace."""
    return Request("GET", f"{API}/workspaces/{quote(workspace_id, '')}/tasks")


def show_workspace_task(workspace_id: str, workspace_task_id: str) -> Request:
    """One attachment by its ``wstask-…`` id."""
    return Request("GET", _workspace_task_path(workspace_id, workspace_task_id))


def update_workspace_task(
    workspace_id: str, workspace_task_id: str, attributes: Mapping[str, object]
) -> Request:
    """200 with the workspace task."""
    body = encode_resource("workspace-tasks", attributes, id=workspace_task_id)
    return Request("PATCH", _workspace_task_path(workspace_id, workspace_task_id), body=body)


def detach(workspace_id: str, workspace_task_id: str) -> Request:
    """204, again 404."""
    return Request("DELETE", _workspace_task_path(workspace_id, workspace_task_id))


def route(request: Request) -> str:
    """Return a path with names and ids left out: ``/workspaces/{workspace_id}/tasks``.

    There are as many as endpoints, so that requests can be counted by it.
    """
    parts = request.path.removeprefix(API).split("/")
    for at in range(2, len(parts), 2):
        parts[at] = _FOLLOWING.get("/".join(parts[1:at:2]), parts[at])
    return "/".join(parts)


def _workspace_task_path(workspace_id: str, workspace_task_id: str) -> str:
    return f"{API}/workspaces/{quote(workspace_id, '')}/tasks/{quote(workspace_task_id, '')}"


def _include(include: Sequence[Include]) -> tuple[tuple[str, str], ...]:
    return (("include", ",".join(include)),) if include else ()


def _run_task_body(change: RunTaskChange, *, task_id: str = "", category: str = "") -> bytes:
    attributes: dict[str, object] = msgspec.to_builtins(change)
    pool = attributes.pop("agent-pool-id", UNSET)
    if category:
        attributes["category"] = category
    linkage = {"id": pool, "type": "agent-pools"} if pool else None
    relationships: dict[str, object] = {} if pool is UNSET else {"agent-pool": {"data": linkage}}
    return encode_resource("tasks", attributes, relationships, id=task_id)
