"""Reads what the server shows of all aspects of a kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from bulkops.api.resources import RunTask
from bulkops.client.api import Client
from bulkops.errors import NotFoundOrForbidden
from bulkops.inventory.attachments import list_attachments
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.aspects.base import Attached, RunTasksOf, WorkspacesOf
from bulkops.operations.aspects.run_task import observed_of
from bulkops.operations.aspects.workspace import Settings
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import ByTarget, Gone, Observations, Target

Same = Callable[[str, str], tuple[str, str]]
"""Returns the ids of a workspace and an attachment as strings already in memory."""

Recorded = Callable[[str], Target | None]
"""Returns the target with an id as a journal has it: it may have been renamed since."""


async def read_observations(
    client: Client,
    kind: Kind,
    target_ids: Collection[str],
    settle: float,
    same: Same | None = None,
    *,
    denied: set[str] | None = None,
    recorded: Recorded = lambda _ident: None,
) -> Observations:
    """Return what the server shows of a kind's aspects.

    Args:
        target_ids, settle, same, denied: as for ``read_attachments``.
        recorded: by default, no target is recorded yet.
    """
    observations: dict[str, ByTarget] = {}
    for name, aspect in kind.aspects.items():
        match aspect.source:
            case Attached() as source:
                observations[name] = await read_attachments(
                    client, source, target_ids, settle, same, denied=denied
                )
            case RunTasksOf() as source:
                tasks = await client.run_tasks.list(source.organization)
                observations[name] = _observed_run_tasks(kind, tasks, source.fields)
            case None:
                continue
            case WorkspacesOf() as source:
                settings = partial(Settings, partial(_source_of, kind, name, recorded), same)
                observations[name] = await client.workspaces.read_shown(
                    source.organization, settings
                )
    return observations


def _source_of(kind: Kind, aspect: str, recorded: Recorded, shown: Target) -> WorkspacesOf:
    """Return what is read of one workspace, which depends on its spec."""
    source = kind.of(recorded(shown.id) or shown).aspects[aspect].source
    assert isinstance(source, WorkspacesOf)  # noqa: S101 - all specs of a kind read one list
    return source


def _observed_run_tasks(kind: Kind, tasks: Iterable[RunTask], fields: Sequence[str]) -> ByTarget:
    """Return the kind's run task; others are left out, as nothing depends on them."""
    task = kind.resolved.task
    rows = {one.id: [observed_of(one, fields)] for one in tasks if task and one.id == task.id}
    return rows if rows or task is None else Gone(task.id)


async def read_attachments(
    client: Client,
    source: Attached,
    target_ids: Iterable[str],
    settle: float,
    same: Same | None = None,
    *,
    denied: set[str] | None = None,
) -> ByTarget:
    """Return where a run task is attached, or ``Gone`` if the run task no longer exists.

    Args:
        target_ids: the workspaces to read one by one if the server has no list by task (an older
            TFE); the run task may be among them.
        settle: seconds for which a read may be stale, or not find what exists.
        same: same as in ``ByWorkspace``.
        denied: the workspaces whose lists are still not found or denied after ``settle`` are added
            to it. They may be gone or hidden; the result has no attachments for them.
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
    """Return whether a run task that was not found no longer exists, by a list that may be stale.

    False if the token can't list the run tasks.
    """
    for wait in (0.0, settle) if source.organization else ():
        if wait:
            await client.settling.wait(
                wait, "before looking again for the run task, which was not found"
            )
        try:
            tasks = await client.run_tasks.list(source.organization)
        except NotFoundOrForbidden:
            return False
        if all(task.id != source.task_id for task in tasks):
            return True
    return False
