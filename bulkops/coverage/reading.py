"""Reads the coverage matrix: ⌈N/100⌉ requests for workspaces, and ⌈A/100⌉ per run task.

With a job, the requests of its plan are added.
"""

from __future__ import annotations

from collections.abc import Sequence

from bulkops.api.resources import RunTask, is_id
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.coverage.matrix import Column, Coverage, Desired, Targets, desired_by
from bulkops.errors import JobError
from bulkops.inventory.named import the_one
from bulkops.inventory.observations import read_attachments
from bulkops.inventory.reading import read_inventory
from bulkops.inventory.run_tasks import find_run_tasks, read_run_tasks
from bulkops.job.job import Job
from bulkops.job.pace import Pace
from bulkops.operations import kind_named
from bulkops.operations.aspects.base import Attached
from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import ByTarget
from bulkops.plan.model import make_plan


async def read_coverage(
    client: Client,
    organization: str,
    named: Sequence[str] = (),
    job: Job | None = None,
    source: str = "job",
) -> Coverage:
    """Read which workspaces of an organization have which run tasks; changes nothing.

    Args:
        named: names or ids (``task-…``) of run tasks, empty for all. The job's own is always
            included.
        job: a job of this organization; its plan decides the status of each workspace.
        source: the job file's name, for error messages.

    Raises:
        JobError: a run task or the organization doesn't exist, the job can't be planned, or it
            doesn't change where one run task is attached.
        ApiError: the server can't be read.
    """
    known: dict[str, ByTarget] = {}
    desired: dict[str, Desired] = {}
    if job is None:
        await client.ping()
    else:
        _check_kind(job, source)
        inventory = await read_inventory(client, job, source)
        plan = make_plan(job, inventory, source)
        desired = desired_by(plan, inventory.observations[""])
        # Reuse what the plan read, so that cell and status are from the same moment.
        assert plan.resolved.task is not None  # noqa: S101 - _check_kind's promise
        known[plan.resolved.task.id] = inventory.observations[""]
    try:
        tasks = await _columns(client, organization, (*named, *known) if named else ())
    except JobError:
        if named or not known:
            raise
        # The token can't list the organization's run tasks, but it can see the job's own.
        tasks = await _columns(client, organization, tuple(known))
    targets = await client.workspaces.read(organization, {}, Targets)
    workspaces = targets.by_name()
    settle = (job.pace if job else Pace()).settle_seconds
    for task in tasks:
        if task.id not in known:
            ids = (workspace.id for workspace in workspaces)
            known[task.id] = await read_attachments(
                client, Attached(task.id), ids, settle, targets.same
            )
    return Coverage(
        organization,
        workspaces,
        [Column(task, known[task.id]) for task in tasks],
        job=job.name if job else "",
        desired=desired,
    )


async def _columns(client: Client, organization: str, named: Sequence[str]) -> list[RunTask]:
    """Return the named run tasks, or all, by name; ids are read without listing all run tasks."""
    if named and all(is_id(name, "task") for name in named):
        tasks = await find_run_tasks(client, organization, (("", name) for name in named))
        chosen = {task.id: task for task in tasks}
    else:
        tasks = list(await read_run_tasks(client, organization))
        for name in named:
            if not any(name in (task.id, task.name) for task in tasks):
                the_one(tasks, name, "run task", organization)
        chosen = {
            task.id: task for task in tasks if not named or {task.id, task.name}.intersection(named)
        }
    return sorted(chosen.values(), key=lambda task: (task.name, task.id))


def _check_kind(job: Job, source: str) -> None:
    if len(job.steps) > 1 or not issubclass(kind_named(job.steps[0].kind), WorkspaceTaskKind):
        raise JobError(
            f"{source}: operation.kind = {shown(job.kind)}: coverage shows where one "
            "run task is attached: use a job of kind attach, update or detach"
        )
