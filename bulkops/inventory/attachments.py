"""Reads where a run task is attached, from the best list that the server offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import msgspec

from bulkops.api.resources import WorkspaceTask
from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.client.rows import Rows
from bulkops.errors import NotFoundOrForbidden
from bulkops.text import counted

LISTS_AT_ONCE = 32
"""Workspaces read concurrently if the server has no better list; the limiter sets the pace."""

C = TypeVar("C", bound=Rows[WorkspaceTask])


async def list_attachments(
    client: Client,
    task_id: str,
    rows: Callable[[], C],
    workspace_ids: Iterable[str],
    settle: float,
) -> tuple[C, list[str]]:
    """Read a run task's attachments.

    Args:
        rows: creates the collection to add them to.
        workspace_ids: the workspaces to read one by one if the server has no list by task (an
            older TFE).
        settle: seconds for which a workspace's list may temporarily be not found or denied; then
            it is read a second time.

    Returns:
        The collection, and the ids of the workspaces whose lists can't be read.
    """
    listed = await client.run_tasks.attachments(task_id, rows)
    if listed is not None:
        return listed, []
    listed = rows()
    denied = await _each_workspace(client, workspace_ids, listed)
    if denied:
        again = counted(len(denied), "workspace")
        await client.settling.wait(
            settle, f"before re-reading {again} whose run tasks were not found"
        )
        denied = await _each_workspace(client, denied, listed)
    return listed, denied


async def _each_workspace(client: Client, workspace_ids: Iterable[str], rows: C) -> list[str]:
    """Add each workspace's list to ``rows``; return the ids of those not found or denied."""
    denied: list[str] = []

    async def one(workspace_id: str) -> list[WorkspaceTask]:
        try:
            found = await client.workspace_tasks.list(workspace_id)
        except NotFoundOrForbidden:
            denied.append(workspace_id)
            return []
        # Some older servers don't name the workspace in its own list.
        return [msgspec.structs.replace(t, workspace_id=workspace_id) for t in found]

    def take(found: list[WorkspaceTask]) -> None:
        for attachment in found:
            rows.add(attachment)

    calls = (partial(one, workspace_id) for workspace_id in workspace_ids)
    await in_order(calls, take, at_once=LISTS_AT_ONCE)
    return denied
