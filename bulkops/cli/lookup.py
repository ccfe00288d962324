"""Find a run task or a workspace by its name or id; suggest similar names after a typo."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from bulkops.api import endpoints
from bulkops.api.endpoints import Include
from bulkops.api.jsonapi import Many, decode
from bulkops.api.pages import page
from bulkops.api.resources import RunTask, Workspace, WorkspaceResource, WorkspaceTask, is_id
from bulkops.cli.session import organization_named
from bulkops.client.api import Client
from bulkops.errors import JobError, NotFoundOrForbidden, RequestRejected, ServerBroken
from bulkops.inventory.named import no_such, the_one


async def find_run_task(
    client: Client, organization: str | None, named: str, include: Sequence[Include] = ()
) -> RunTask:
    """Return the run task with this name in the organization, or with this ``task-…`` id.

    Raises:
        JobError: no run task, or more than one, has this name.
        NotFoundOrForbidden: this token can see nothing with this id.
    """
    if is_id(named, "task"):
        return await client.run_tasks.show(named, include)
    organization = organization_named(organization)
    tasks = await client.run_tasks.list(organization, include)
    return the_one(tasks, named, "run task", organization)


async def run_task_names(client: Client, organization: str | None) -> dict[str, str]:
    """Return id → name of the organization's run tasks.

    Empty if the token can't list them, or if no organization is named: a workspace's id needs
    none.
    """
    try:
        tasks = await client.run_tasks.list(organization_named(organization))
    except (JobError, NotFoundOrForbidden):
        return {}
    return {task.id: task.name for task in tasks}


async def find_workspace(client: Client, organization: str | None, named: str) -> Workspace:
    """Return the workspace with this name in the organization, or with this ``ws-…`` id.

    Raises:
        JobError: this token can see no workspace with this name.
        NotFoundOrForbidden: this token can see none with this id.
    """
    if is_id(named, "ws"):
        return await client.workspaces.show("", named)
    organization = organization_named(organization)
    try:
        return await client.workspaces.show(organization, named)
    except NotFoundOrForbidden:
        nearby = await _workspaces_near(client, organization, named)
        raise no_such(named, "workspace", organization, nearby) from None


async def find_workspace_task(
    client: Client, organization: str | None, workspace: Workspace, named: str
) -> WorkspaceTask:
    """Return a workspace's task by the run task's name or id, or by its own ``wstask-…`` id.

    Raises:
        JobError: that run task is not attached there, or is attached more than once.
        NotFoundOrForbidden: this token can see nothing with this id.
    """
    if is_id(named, "wstask"):
        return (await client.workspace_tasks.show(workspace.id, named)).on(workspace)
    task = await find_run_task(client, organization, named)
    attached = await client.workspace_tasks.list(workspace.id)
    found = [one for one in (one.on(workspace) for one in attached) if one.is_of(task.id)]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise JobError(
            f"run task {task.name!r} is attached to {workspace.name!r} more than once. "
            f"Give one of the ids: {ids}"
        )
    if not found:
        raise JobError(f"run task {task.name!r} ({task.id}) is not attached to {workspace.name!r}")
    return found[0]


async def with_project_names(client: Client, tasks: Sequence[RunTask]) -> list[RunTask]:
    """Return run tasks whose attachments have their projects' names instead of ids.

    Ids remain if the token can't list the projects.
    """
    names: dict[str, str] = {}
    placed = {t.organization for t in tasks if any(one.project for one in t.workspace_tasks)}
    for organization in sorted(name for name in placed if name):
        with suppress(RequestRejected, ServerBroken):
            names |= {one.id: one.name for one in await client.projects(organization) if one.name}

    def named(one: WorkspaceTask) -> WorkspaceTask:
        return replace(one, project=names.get(one.project or "", one.project))

    return [replace(t, workspace_tasks=tuple(map(named, t.workspace_tasks))) for t in tasks]


async def _workspaces_near(client: Client, organization: str, named: str) -> list[str]:
    filters = {"search[wildcard-name]": f"{named[:3]}*"}
    # One page: after a typo a hint is enough, not ten thousand workspaces.
    request = page(endpoints.list_workspaces(organization, filters), 1)
    listed = decode(await client.call(request), Many[WorkspaceResource])
    return [workspace.value().name for workspace in listed.data]
