"""Reads what the server shows of everything a kind of operation is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from bulkops.client.api import Client
from bulkops.errors import NotFoundOrForbidden
from bulkops.inventory.attachments import list_attachments
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.aspects.base import Attached, RunTasksOf, WorkspacesOf
from bulkops.operations.aspects.run_task import observed_of
from bulkops.operations.aspects.workspace import Settings
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import ByTarget, Gone, Observations

Same = Callable[[str, str], tuple[str, str]]
"""Ids of a workspace and an attachment → the same, as strings that are in memory already."""


async def read_observations(
    client: Client,
    kind: Kind,
    target_ids: Collection[str],
    settle: float,
    same: Same | None = None,
    *,
    denied: set[str] | None = None,
) -> Observations:
    """Return what the server shows of everything a kind is about; arguments as below."""
    observations: dict[str, ByTarget] = {}
    for name, aspect in kind.aspects.items():
        match aspect.source:
            case Attached() as source:
                observations[name] = await read_attachments(
                    client, source, target_ids, settle, same, denied=denied
                )
            case RunTasksOf() as source:
                tasks = await client.run_tasks.list(source.organization)
                rows = {task.id: [observed_of(task, source.fields)] for task in tasks}
                task = kind.resolved.task
                observations[name] = Gone(task.id) if task and task.id not in rows else rows
            case None:
                continue
            case WorkspacesOf() as source:
                settings = partial(Settings, source, same)
                observations[name] = await client.workspaces.read_shown(
                    source.organization, settings
                )
    return observations


async def read_attachments(
    client: Client,
    source: Attached,
    target_ids: Iterable[str],
    settle: float,
    same: Same | None = None,
    *,
    denied: set[str] | None = None,
) -> ByTarget:
    """Return where a run task is attached, ``Gone`` where it is itself gone.

    Args:
        target_ids: workspaces, read one by one where the server has no list by task (an older
            TFE); the run task may be among them.
        settle: seconds that a read may lag, or not find what is there.
        same: as of ``ByWorkspace``.
        denied: takes the workspaces whose own lists are not found, or denied, past that: whether
            they are gone or hidden, nobody knows. Nothing is attached to them, as far as it shows.
    """
    rows = partial(ByWorkspace, source.task_id, same)
    workspace_ids = (ident for ident in target_ids if ident != source.task_id)
    try:
        listed, hidden = await list_attachments(client, source.task_id, rows, workspace_ids, settle)
    except NotFoundOrForbidden:
        if not await _is_gone(client, source, settle):
            raise
        return Gone(source.task_id)
    if denied is not None:
        denied.update(hidden)
    return listed


async def _is_gone(client: Client, source: Attached, settle: float) -> bool:
    """Whether a run task that was not found is gone: by a list that may lag.

    A token that may not list the run tasks can't tell.
    """
    for wait in (0.0, settle) if source.organization else ():
        if wait:
            await client.settling.wait(wait, "to look again for the run task, which was not found")
        try:
            tasks = await client.run_tasks.list(source.organization)
        except NotFoundOrForbidden:
            return False
        if all(task.id != source.task_id for task in tasks):
            return True
    return False
