"""Reads which workspaces a job addresses: about ⌈N/100⌉ requests, as many for a task named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from bulkops.api.resources import WorkspaceTask
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import JobError, RequestRejected
from bulkops.inventory.attachments import list_attachments
from bulkops.inventory.filters import server_filters
from bulkops.inventory.model import Selected
from bulkops.inventory.named import the_one
from bulkops.inventory.run_tasks import read_run_tasks
from bulkops.inventory.selection import (
    WorkspaceRows,
    attached_or_not,
    keep,
    narrowed,
    nothing_selected,
)
from bulkops.job.conditions import parse_conditions
from bulkops.job.job import Job
from bulkops.job.select import Select
from bulkops.operations import kind_named

_NO_SUCH_INCLUDE = (400, 422)


async def read_selection(
    client: Client, job: Job, source: str = "job", *, why: bool = False
) -> Selected:
    """Read the workspaces of ``job``; changes nothing.

    Args:
        source: the job file's name, for error messages.
        why: tell of the others, too; then the server is not asked to leave out any, and
            selecting nothing is no error.

    Raises:
        JobError: a project, run task or ``only`` names nothing, or nothing is selected.
        ApiError: the server can't be read.
    """
    select = job.select
    if select.file is not None:
        raise JobError(
            f"{source}: select.file = {shown(select.file)} was not read: load_job reads it"
        )
    project_id = await _find_project(client, job, source)
    selected = (await _read(client, job, project_id, source, why=why)).selected()
    for field, wanted in (("has_task", True), ("lacks_task", False)):
        named = getattr(select, field)
        if named is not None:
            task_id = await _find_task(client, job, named, f"{source}: select.{field}")
            ids, settle = [t.id for t in selected.targets], job.pace.settle_seconds
            attached = await _attached(client, task_id, ids, settle)
            selected = keep(selected, attached_or_not(attached, named, wanted=wanted), why=why)
    selected = narrowed(selected, select, source, why=why)
    if not selected.targets and not select.allow_empty and not why:
        raise nothing_selected(select, source)
    return selected


async def _read(
    client: Client, job: Job, project_id: str | None, source: str, *, why: bool
) -> WorkspaceRows:
    select = job.select
    filters = {} if why else server_filters(select, project_id)
    right = kind_named(job.operation_kind).right
    rows = partial(WorkspaceRows, select, project_id, right, why=why)
    attributes = sorted({c.attribute for c in parse_conditions("where", select.where)})
    bindings = bool(select.tags or select.exclude_tags)
    if not attributes and not bindings:
        return await client.workspaces.read(job.organization, filters, rows)
    read = partial(client.workspaces.read_details, job.organization, filters, rows, attributes)
    try:
        return await read(bindings=bindings)
    except RequestRejected as error:
        if not bindings or error.status not in _NO_SUCH_INCLUDE:
            raise
        _check_plain(select, source)
    # An older Terraform Enterprise without tag bindings: there a tag is its name.
    return await read()


def _check_plain(select: Select, source: str) -> None:
    if pairs := [tag for tag in (*select.tags, *select.exclude_tags) if "=" in tag]:
        raise JobError(
            f"{source}: select: this server shows no tag bindings, so {shown(pairs)} can't be "
            "told: select by tag names, names or ids"
        )


class _AttachedTo:
    """Keeps the workspaces of one run task's attachments: see ``client.rows.Rows``."""

    def __init__(self, task_id: str) -> None:
        self.workspaces: dict[str, bool | None] = {}
        self._task_id = task_id
        self._ids: set[str] = set()

    def add(self, attachment: WorkspaceTask) -> None:
        """Take an attachment of any run task."""
        self._ids.add(attachment.id)
        if attachment.task_id == self._task_id:
            self.workspaces[attachment.workspace_id] = True

    def count(self) -> int:
        """Return how many attachments there were."""
        return len(self._ids)


async def _attached(
    client: Client, task_id: str, workspace_ids: Iterable[str], settle: float
) -> Mapping[str, bool | None]:
    """Return where a run task is attached; ``None`` for a workspace that can't be read."""
    rows = partial(_AttachedTo, task_id)
    listed, denied = await list_attachments(client, task_id, rows, workspace_ids, settle)
    return {**listed.workspaces, **dict.fromkeys(denied)}


async def _find_task(client: Client, job: Job, asked: str, place: str) -> str:
    tasks = await read_run_tasks(client, job.organization)
    return the_one(tasks, asked, "run task", job.organization, place).id


async def _find_project(client: Client, job: Job, source: str) -> str | None:
    asked = job.select.project
    if asked is None:
        return None
    projects, place = await client.projects(job.organization), f"{source}: select.project"
    return the_one(projects, asked, "project", job.organization, place).id
