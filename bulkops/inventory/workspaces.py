"""Reads which workspaces a job addresses: about ⌈N/100⌉ requests, as many for a task named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial

import msgspec

from bulkops.api.resources import WorkspaceTask
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import JobError, RequestRejected
from bulkops.inventory.attachments import list_attachments
from bulkops.inventory.selection import (
    Chosen,
    Selection,
    Unselected,
    attached_or_not,
    nothing_selected,
    server_filters,
)
from bulkops.job.conditions import parse_conditions
from bulkops.job.job import Job
from bulkops.job.select import Select
from bulkops.operations import kind_named
from bulkops.operations.model import Target
from bulkops.text import printable

_NO_SUCH_INCLUDE = (400, 422)


class Selected(msgspec.Struct, frozen=True):
    """The workspaces a job addresses.

    Attributes:
        targets: by name.
        forbidden: ids of those on which this token lacks the right.
        locked: ids of those that are.
        others: all the others with their reasons, by name; empty unless asked for.
        projects: id of a workspace → id of its project, of those that are in one.
    """

    targets: Sequence[Target]
    forbidden: Set[str] = frozenset()
    locked: Set[str] = frozenset()
    others: Sequence[Unselected] = ()
    projects: Mapping[str, str] = {}


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
    selection = await _read(client, job, project_id, source, why=why)
    chosen = Chosen(selection.targets(), selection.others() if why else None)
    forbidden, locked, projects = selection.forbidden, selection.locked, selection.projects
    del selection
    for field, wanted in (("has_task", True), ("lacks_task", False)):
        named = getattr(select, field)
        if named is not None:
            task_id = await _find_task(client, job, named, f"{source}: select.{field}")
            ids, settle = [t.id for t in chosen.targets], job.pace.settle_seconds
            attached = await _attached(client, task_id, ids, settle)
            chosen.keep(attached_or_not(attached, named, wanted=wanted))
    chosen.narrow(select, source)
    if not chosen.targets and not select.allow_empty and not why:
        raise nothing_selected(select, source)
    others = sorted(chosen.others or (), key=lambda one: (one.target.name, one.target.id))
    return Selected(chosen.targets, forbidden, locked, others, projects)


async def _read(
    client: Client, job: Job, project_id: str | None, source: str, *, why: bool
) -> Selection:
    select = job.select
    filters = {} if why else server_filters(select, project_id)
    right = kind_named(job.operation_kind).right
    rows = partial(Selection, select, project_id, right, why=why)
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
    """Keeps the workspaces of one run task's attachments: see ``listing.Rows``."""

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
    tasks = await client.run_tasks.list(job.organization)
    return _only_one(
        [t.id for t in tasks if asked in (t.id, t.name)],
        f"{place} = {shown(asked)}",
        "run task",
        job.organization,
        (t.name for t in tasks),
    )


async def _find_project(client: Client, job: Job, source: str) -> str | None:
    asked = job.select.project
    if asked is None:
        return None
    projects = await client.projects(job.organization)
    return _only_one(
        [p.id for p in projects if asked in (p.id, p.name)],
        f"{source}: select.project = {shown(asked)}",
        "project",
        job.organization,
        (p.name for p in projects),
    )


def _only_one(
    ids: Sequence[str], place: str, what: str, organization: str, names: Iterable[str]
) -> str:
    if len(ids) == 1:
        return ids[0]
    there = ", ".join(sorted(map(printable, names))[:20]) or "none that this token may see"
    raise JobError(f"{place}: {len(ids) or 'no'} such {what} in {organization}; there are: {there}")
