"""The API's requests, one function each, named as in the API documentation. Pure.

The typed client and the kinds of operation use the same functions, so each path and body is
defined only once. Each raises ``JobError`` for a name or id that can't be a part of a path.
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
from bulkops.errors import JobError

API = "/api/v2"
Include = Literal["workspace_tasks", "workspace_tasks.workspace"]
"""What an answer with run tasks can include."""

_FOLLOWING = {
    "organizations": "{organization}",
    "organizations/workspaces": "{name}",
    "tasks": "{task_id}",
    "workspaces": "{workspace_id}",
    "workspaces/tasks": "{workspace_task_id}",
}
"""Collection → the placeholder for the next part of its path."""

_VERBS = ("actions", "relationships")
"""What follows these is no id."""


class RunTaskChange(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    """Attributes for creating or updating a run task; unset ones are not sent.

    Attributes:
        description: a text of at most 300 characters.
        hmac_key: the key that signs requests to the task's URL; write-only. ``None`` removes it.
        agent_pool_id: ``apool-…``, for a URL that only agents can reach.
    """

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    hmac_key: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    global_configuration: GlobalConfiguration | UnsetType = UNSET
    agent_pool_id: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Return a representation without the HMAC key: it may appear in logs and tracebacks."""
        shown = (name for name in self.__struct_fields__ if getattr(self, name) is not UNSET)
        fields = (f"{n}={'…' if n == 'hmac_key' else repr(getattr(self, n))}" for n in shown)
        return f"RunTaskChange({', '.join(fields)})"


def ping() -> Request:
    """204; the headers have the rate limit and the server's version."""
    return Request("GET", f"{API}/ping")


def list_organizations() -> Request:
    """200 with a page of the organizations that the token sees; without paging, all of them."""
    return Request("GET", f"{API}/organizations")


def show_entitlements(organization: str) -> Request:
    """200 with what the organization's plan allows."""
    return Request("GET", f"{API}/organizations/{_part(organization)}/entitlement-set")


def list_projects(organization: str) -> Request:
    """200 with a page of the organization's projects."""
    return Request("GET", f"{API}/organizations/{_part(organization)}/projects")


def list_workspaces(organization: str, filters: Mapping[str, str]) -> Request:
    """200 with a page of workspaces, sorted by name so that paging is stable.

    ``filters`` are the API's query parameters.
    """
    query = (*filters.items(), ("sort", "name"))
    return Request("GET", f"{API}/organizations/{_part(organization)}/workspaces", query)


def show_workspace(organization: str, name: str) -> Request:
    """200 with the workspace of this name."""
    path = f"{API}/organizations/{_part(organization)}/workspaces/{_part(name)}"
    return Request("GET", path)


def show_workspace_by_id(workspace_id: str) -> Request:
    """200 with the workspace of this ``ws-…`` id."""
    return Request("GET", f"{API}/workspaces/{_part(workspace_id)}")


def update_workspace(workspace_id: str, attributes: Mapping[str, object]) -> Request:
    """200 with the workspace; attributes that are not given are unchanged."""
    path = f"{API}/workspaces/{_part(workspace_id)}"
    return Request("PATCH", path, body=encode_resource("workspaces", attributes, id=workspace_id))


def lock_workspace(workspace_id: str, reason: str | None = None) -> Request:
    """200 with the workspace; 409 if it is already locked, by this user or by anyone else."""
    path = f"{API}/workspaces/{_part(workspace_id)}/actions/lock"
    body = b"" if reason is None else msgspec.json.encode({"reason": reason})
    return Request("POST", path, body=body)


def unlock_workspace(workspace_id: str) -> Request:
    """200 with the workspace; 409 if it isn't locked, or not by this user."""
    return Request("POST", f"{API}/workspaces/{_part(workspace_id)}/actions/unlock")


def create_run_task(organization: str, change: RunTaskChange) -> Request:
    """201 with the run task; the platform calls its URL once and expects a 200."""
    path = f"{API}/organizations/{_part(organization)}/tasks"
    return Request("POST", path, body=_run_task_body(change, category="task"))


def list_run_tasks(organization: str, include: Sequence[Include] = ()) -> Request:
    """200 with a page of the organization's run tasks."""
    return Request("GET", f"{API}/organizations/{_part(organization)}/tasks", _include(include))


def show_run_task(task_id: str, include: Sequence[Include] = ()) -> Request:
    """200 with the run task of this ``task-…`` id."""
    return Request("GET", f"{API}/tasks/{_part(task_id)}", _include(include))


def update_run_task(task_id: str, change: RunTaskChange) -> Request:
    """200 with the run task; every attribute is optional."""
    path = f"{API}/tasks/{_part(task_id)}"
    return Request("PATCH", path, body=_run_task_body(change, task_id=task_id))


def delete_run_task(task_id: str) -> Request:
    """204; if sent again, 404."""
    return Request("DELETE", f"{API}/tasks/{_part(task_id)}")


def list_attachments(task_id: str) -> Request:
    """200 with a page of a run task's attachments; 404 on an older TFE (only in the OpenAPI)."""
    return Request("GET", f"{API}/tasks/{_part(task_id)}/relationships/workspace-tasks")


def attach(workspace_id: str, task_id: str, attributes: Mapping[str, object]) -> Request:
    """201 with the workspace task; an older API page documents 204 without a body."""
    task = {"task": {"data": {"id": task_id, "type": "tasks"}}}
    body = encode_resource("workspace-tasks", attributes, task)
    return Request("POST", f"{API}/workspaces/{_part(workspace_id)}/tasks", body=body)


def list_workspace_tasks(workspace_id: str) -> Request:
    """200 with a page of a workspace's run tasks."""
    return Request("GET", f"{API}/workspaces/{_part(workspace_id)}/tasks")


def show_workspace_task(workspace_id: str, workspace_task_id: str) -> Request:
    """200 with the attachment of this ``wstask-…`` id."""
    return Request("GET", _workspace_task_path(workspace_id, workspace_task_id))


def update_workspace_task(
    workspace_id: str, workspace_task_id: str, attributes: Mapping[str, object]
) -> Request:
    """200 with the workspace task."""
    body = encode_resource("workspace-tasks", attributes, id=workspace_task_id)
    return Request("PATCH", _workspace_task_path(workspace_id, workspace_task_id), body=body)


def detach(workspace_id: str, workspace_task_id: str) -> Request:
    """204; if sent again, 404."""
    return Request("DELETE", _workspace_task_path(workspace_id, workspace_task_id))


def route(request: Request) -> str:
    """Return the path with placeholders for names and ids: ``/workspaces/{workspace_id}/tasks``.

    There is one per endpoint, so it can be used to count requests. A path of another kind of
    resource has ``{id}``.
    """
    parts = request.path.removeprefix(API).split("/")
    for at in range(2, len(parts), 2):
        if parts[at - 1] not in _VERBS:
            parts[at] = _FOLLOWING.get("/".join(parts[1:at:2]), "{id}")
    return "/".join(parts)


def _part(text: str) -> str:
    """Return a name or id as a part of a path.

    Raises:
        JobError: it would lead to another path, however it is written.
    """
    if text in ("", ".", ".."):
        raise JobError(f'"{text}" is no name or id of anything: nothing was sent')
    return quote(text, "")


def _workspace_task_path(workspace_id: str, workspace_task_id: str) -> str:
    return f"{API}/workspaces/{_part(workspace_id)}/tasks/{_part(workspace_task_id)}"


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
