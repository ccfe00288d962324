"""Reads an organization's run tasks, or those that a job names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bulkops.api.resources import RunTask, is_id
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import JobError, NotFoundOrForbidden
from bulkops.inventory.named import no_such, the_one


async def read_run_tasks(client: Client, organization: str, source: str = "") -> Sequence[RunTask]:
    """Return the run tasks of an organization.

    Args:
        source: the job file's name, for the error message; empty for the command line.

    Raises:
        JobError: the organization doesn't exist, or this token can't list its run tasks.
        ApiError: the server can't be read.
    """
    try:
        return await client.run_tasks.list(organization)
    except NotFoundOrForbidden as error:
        place = f"{source}: organization" if source else "organization"
        raise JobError(
            f"{place} = {shown(organization)}: it does not exist, or this token can't list its "
            f"run tasks ({'; '.join(error.errors) or error.status}): name run tasks by id "
            "(task-…), which needs no list"
        ) from error


async def find_run_tasks(
    client: Client, organization: str, references: Iterable[tuple[str, str]], source: str = ""
) -> list[RunTask]:
    """Return an organization's run tasks with these names or ids, in this order.

    A run task given by id is read by itself, since a token that can only manage the run tasks of
    workspaces can't list those of the organization. For names, the list is read once.

    Args:
        references: for each, where it is named (``job.toml: operation.task``; empty for the command
            line), and its name or id.
        source: same as in ``read_run_tasks``.

    Raises:
        JobError: there is no such run task, there are several, or this token can't see them.
        ApiError: the server can't be read.
    """
    tasks: list[RunTask] = []
    listed: Sequence[RunTask] | None = None
    for place, named in references:
        task = await _by_id(client, organization, named)
        if task is None:
            if listed is None:
                listed = await _listed(client, organization, place, named, source)
            task = the_one(listed, named, "run task", organization, place).known("name")
        tasks.append(task)
    return tasks


async def _by_id(client: Client, organization: str, named: str) -> RunTask | None:
    """Return the run task with this id.

    ``None`` for a name, and if the token can't see it or it belongs to another organization.
    """
    if not is_id(named, "task"):
        return None
    try:
        task = await client.run_tasks.show(named)
    except NotFoundOrForbidden:
        # It may be a name that looks like an id.
        return None
    # Organization names are case-insensitive, as they are in paths.
    task.known("name", "organization")
    here = task.organization is None or task.organization.casefold() == organization.casefold()
    return task if here else None


async def _listed(
    client: Client, organization: str, place: str, named: str, source: str
) -> Sequence[RunTask]:
    try:
        return await read_run_tasks(client, organization, source)
    except JobError:
        if not is_id(named, "task"):
            raise
        raise no_such(named, "run task", organization, (), place) from None
