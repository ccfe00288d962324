"""Reads what the server shows of everything a kind of operation is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

import msgspec

from bulkops.api.resources import WorkspaceTask
from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.errors import NotFoundOrForbidden
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.aspects.base import Attached, RunTasksOf, WorkspacesOf
from bulkops.operations.aspects.run_task import seen_of
from bulkops.operations.aspects.workspace import Settings
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import ByTarget, Showing

Same = Callable[[str, str], tuple[str, str]]
"""Ids of a workspace and an attachment → the same, as strings that are in memory already."""

LISTS_AT_ONCE = 32
"""Workspaces read at once where a server has no better list; the limiter holds the pace."""


async def read_showing(
    client: Client,
    kind: Kind,
    target_ids: Collection[str],
    settle: float,
    same: Same | None = None,
) -> Showing:
    """Return what the server shows of everything a kind is about; arguments as below."""
    showing: dict[str, ByTarget] = {}
    for name, aspect in kind.aspects.items():
        match aspect.source:
            case Attached() as source:
                listed = await read_attachments(client, source, target_ids, settle, same)
                showing[name] = listed
            case RunTasksOf() as source:
                tasks = await client.run_tasks.list(source.organization)
                showing[name] = {task.id: [seen_of(task, source.fields)] for task in tasks}
            case None:
                continue
            case WorkspacesOf() as source:
                rows = partial(Settings, source, same)
                showing[name] = await client.workspaces.read_shown(source.organization, rows)
    return showing


async def read_attachments(
    client: Client,
    source: Attached,
    target_ids: Iterable[str],
    settle: float,
    same: Same | None = None,
) -> ByWorkspace:
    """Return where a run task is attached.

    Args:
        target_ids: workspaces, read one by one where the server has no list by task (an older
            TFE); the run task may be among them.
        settle: seconds that a read may lag, or not find what is there.
        same: as of ``ByWorkspace``.
    """
    rows = partial(ByWorkspace, source.task_id, same)
    try:
        listed = await client.run_tasks.attachments(source.task_id, rows)
    except NotFoundOrForbidden:
        if not await _is_gone(client, source, settle):
            raise
        return rows()
    if listed is None:
        listed = rows()
        workspace_ids = (ident for ident in target_ids if ident != source.task_id)
        denied = await _each_workspace(client, workspace_ids, listed)
        if denied:
            # Taken for empty, it may be attached to twice: only not found again is it gone.
            await client.clock.sleep(settle)
            await _each_workspace(client, denied, listed)
    return listed


async def _is_gone(client: Client, source: Attached, settle: float) -> bool:
    """Whether a run task that was not found may be gone, and is: by a list that may lag."""
    if not source.gone_from:
        return False
    for wait in (0.0, settle):
        await client.clock.sleep(wait)
        tasks = await client.run_tasks.list(source.gone_from)
        if all(task.id != source.task_id for task in tasks):
            return True
    return False


async def _each_workspace(
    client: Client, workspace_ids: Iterable[str], rows: ByWorkspace
) -> list[str]:
    """Add each workspace's own list to ``rows``; return those not found, or not to be read."""
    denied: list[str] = []

    async def one(workspace_id: str) -> list[WorkspaceTask]:
        try:
            found = await client.workspace_tasks.list(workspace_id)
        except NotFoundOrForbidden:
            denied.append(workspace_id)
            return []
        # Not every old server names the workspace in its own list.
        return [msgspec.structs.replace(t, workspace_id=workspace_id) for t in found]

    def take(found: list[WorkspaceTask]) -> None:
        for attachment in found:
            rows.add(attachment)

    calls = (partial(one, workspace_id) for workspace_id in workspace_ids)
    await in_order(calls, take, at_once=LISTS_AT_ONCE)
    return denied
