"""Reads which workspaces a job selects: ⌈N/100⌉ requests, and as many per run task it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from msgspec.structs import replace

from bulkops.api.resources import WorkspaceTask
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import JobError
from bulkops.inventory.attachments import list_attachments
from bulkops.inventory.filters import server_filters
from bulkops.inventory.model import Selected
from bulkops.inventory.named import the_one
from bulkops.inventory.run_tasks import find_run_tasks
from bulkops.inventory.selection import (
    WorkspaceRows,
    attached_or_not,
    candidates,
    in_order,
    keep,
    limited,
)
from bulkops.inventory.selection_notes import (
    doubted_notes,
    nothing_selected,
    undecided,
    unmatched_notes,
)
from bulkops.job.conditions import parse_conditions
from bulkops.job.job import Job
from bulkops.operations.steps import rights_of


async def select_workspaces(
    client: Client, job: Job, source: str = "job", *, why: bool = False
) -> Selected:
    """Read which workspaces a job selects; changes nothing.

    Args:
        source: the job file's name, for error messages.
        why: include all other workspaces, each with its first reason. Then every workspace is
            read, and selecting nothing is not an error.

    Raises:
        JobError: ``[select]`` names something that doesn't exist, or nothing is selected.
        BulkopsError: the server can't be read, or doesn't show what the selection depends on.
    """
    client.keep_to(job.pace)
    await client.ping()
    return await read_selection(client, job, source, why=why)


async def read_selection(
    client: Client, job: Job, source: str = "job", *, why: bool = False
) -> Selected:
    """Read which workspaces a job selects, on a client that is already set up.

    Args:
        source: the job file's name, for error messages.
        why: same as in ``select_workspaces``.

    Raises:
        JobError: a project, run task or ``only`` matches nothing, nothing is selected, or an
            exclusion excludes nothing because it differs in case.
        ApiError: the server can't be read.
        BulkopsError: the server doesn't show whether a workspace is selected.
    """
    select = job.select
    if select.file is not None:
        raise JobError(
            f"{source}: select.file = {shown(select.file)} was not read: use load_job, which "
            "reads it"
        )
    project_id = await _find_project(client, job, source)
    rows = await _read(client, job, project_id, why=why)
    rows.exclusions.check(source)
    selected = rows.selected()
    selected = await _by_run_tasks(client, job, selected, source, why=why)
    selected = limited(selected, select, source, why=why)
    chosen = [target for target, _ in candidates(selected)]
    excluded = rows.exclusions.excluded.values()
    notes = [
        *unmatched_notes(select, chosen, selected.project_names, job.list_file, excluded),
        *selected.notes,
        *doubted_notes(selected.doubted),
    ]
    selected = replace(selected, notes=notes)
    if why:
        # ``--why`` lists them with their reasons, instead of stopping with an error.
        return replace(selected, others=in_order([*selected.others, *selected.doubted]))
    if selected.doubted:
        raise undecided(selected, source)
    if not selected.targets and not select.allow_empty:
        raise nothing_selected(select, source, job.list_file)
    return selected


async def _by_run_tasks(
    client: Client, job: Job, selected: Selected, source: str, *, why: bool
) -> Selected:
    """Return the part of a selection that meets ``has_task`` and ``lacks_task``."""
    for field, desired in (("has_task", True), ("lacks_task", False)):
        named = getattr(job.select, field)
        if named is None:
            continue
        place = (f"{source}: select.{field}", named)
        (task,) = await find_run_tasks(client, job.organization, [place], source)
        ids = [target.id for target, _ in candidates(selected)]
        attached = await _attached(client, task.id, ids, job.pace.settle_seconds)
        left = keep(selected, attached_or_not(attached, named, desired=desired), why=why)
        if not desired and len(list(candidates(left))) == len(ids):
            note = f"select: {field} {shown(named)} excludes no workspace"
            left = replace(left, notes=[*left.notes, note])
        selected = left
    return selected


async def _read(client: Client, job: Job, project_id: str | None, *, why: bool) -> WorkspaceRows:
    select = job.select
    filters = {} if why else server_filters(select, project_id)
    rights = rights_of(job.steps)
    rows = partial(WorkspaceRows, select, project_id, rights, why=why, list_file=job.list_file)
    attributes = sorted({c.attribute for c in parse_conditions("where", select.where)})
    bindings = bool(select.tags or select.exclude_tags)
    if not attributes and not bindings:
        return await client.workspaces.read(job.organization, filters, rows)
    return await client.workspaces.read_details(
        job.organization, filters, rows, attributes, bindings=bindings
    )


class _AttachedTo:
    """Keeps the workspaces of one run task's attachments (see ``client.rows.Rows``)."""

    def __init__(self, task_id: str) -> None:
        self.workspaces: dict[str, bool | None] = {}
        self._task_id = task_id
        self._ids: set[str] = set()

    def add(self, attachment: WorkspaceTask) -> None:
        """Add an attachment of any run task."""
        self._ids.add(attachment.id)
        if attachment.is_of(self._task_id):
            self.workspaces[attachment.workspace_id] = True

    def count(self) -> int:
        """Return the number of attachments added."""
        return len(self._ids)


async def _attached(
    client: Client, task_id: str, workspace_ids: Iterable[str], settle: float
) -> Mapping[str, bool | None]:
    """Return workspace id → True if the run task is attached, ``None`` if it can't be read."""
    rows = partial(_AttachedTo, task_id)
    listed, denied = await list_attachments(client, task_id, rows, workspace_ids, settle)
    return {**listed.workspaces, **dict.fromkeys(denied)}


async def _find_project(client: Client, job: Job, source: str) -> str | None:
    named = job.select.project
    if named is None:
        return None
    projects, place = await client.projects(job.organization), f"{source}: select.project"
    return the_one(projects, named, "project", job.organization, place).id
