"""Reads what a job is about: about ⌈N/100⌉ requests for workspaces, as many for attachments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.api.resources import RunTask, WorkspaceTask
from bulkops.api.server import ServerInfo
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.errors import JobError, NotFoundOrForbidden, RequestRejected, ServerBroken
from bulkops.inventory.workspaces import Selected, read_selection
from bulkops.job.job import Job
from bulkops.operations import bind
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.aspects.run_task import seen_of
from bulkops.operations.kinds.replace import ReplaceWish
from bulkops.operations.kinds.workspace_update import Settings
from bulkops.operations.model import (
    Attached,
    Binding,
    ByTarget,
    HmacKey,
    Kind,
    Over,
    RunTasksOf,
    Showing,
    Target,
    TaskRef,
    TaskWish,
    WorkspacesOf,
)
from bulkops.plan.model import Inventory, Plan
from bulkops.text import printable

Same = Callable[[str, str], tuple[str, str]]
"""Ids of a workspace and an attachment → the same, as strings that are in memory already."""

LISTS_AT_ONCE = 32
"""Workspaces read at once where a server has no better list; the limiter holds the pace."""


async def read_inventory(
    client: Client, job: Job, source: str = "job", key: HmacKey | None = None
) -> Inventory:
    """Read everything a plan of ``job`` needs; changes nothing.

    Args:
        source: the job file's name, for error messages.
        key: that the job's wish names.

    Raises:
        JobError: the run task or project is not there or not unique, the server lacks a stage,
            or nothing is selected.
        ApiError: the server can't be read.
    """
    client.pacer.lower(job.pace.rate)
    server = await client.ping()
    _check_stages(job, server, source)
    binding = msgspec.structs.replace(await _binding(client, job, server, source), key=key)
    kind = bind(job.operation_kind, job.wish, binding)
    chosen = await _chosen(client, job, kind, binding, source)
    return Inventory(
        binding=binding,
        targets=chosen.targets,
        forbidden=chosen.forbidden,
        showing=await read_showing(
            client, kind, [t.id for t in chosen.targets], job.pace.settle_seconds
        ),
        entitlements=await _entitlements(client, job.organization),
        locked=chosen.locked,
        projects=chosen.projects,
        version=server.version,
    )


async def with_project_names(client: Client, plan: Plan) -> Plan:
    """Return a plan whose projects have their names, as far as this token may read them."""
    if not plan.projects:
        return plan
    try:
        projects = await client.projects(plan.job.organization)
    except (RequestRejected, ServerBroken):
        # To carry it out needs no right to list projects.
        return plan
    names = {project.id: project.name for project in projects}
    named = {names.get(ident, ident): number for ident, number in plan.projects.items()}
    return msgspec.structs.replace(plan, projects=named)


async def _chosen(client: Client, job: Job, kind: Kind, binding: Binding, source: str) -> Selected:
    """Return what the job goes over."""
    task = [Target(binding.task.id, binding.task.name)] if binding.task else []
    if kind.over is Over.TASK:
        return Selected(task)
    selected = await read_selection(client, job, source)
    if kind.over is Over.EVERY:
        return msgspec.structs.replace(selected, targets=[*selected.targets, *task])
    return selected


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
                rows = partial(Settings, source.fields, same)
                showing[name] = await client.workspaces.read(source.organization, {}, rows)
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


async def _binding(client: Client, job: Job, server: ServerInfo, source: str) -> Binding:
    task, replaces = None, None
    if isinstance(job.wish, TaskWish):
        tasks = await _run_tasks(client, job.organization, source)
        place = f"{source}: operation.task"
        task = _find_task(tasks, job.organization, job.wish.task, place)
        if isinstance(job.wish, ReplaceWish):
            place = f"{source}: operation.replaces"
            replaces = _find_task(tasks, job.organization, job.wish.replaces, place)
            if replaces == task:
                named = f"{shown(job.wish.replaces)}: {task.name} ({task.id})"
                raise JobError(f"{place} = {named} is operation.task, too: name another run task")
    return Binding(
        organization=job.organization,
        task=task,
        single_stage=server.single_stage,
        replaces=replaces,
    )


async def _run_tasks(client: Client, organization: str, source: str) -> Sequence[RunTask]:
    try:
        return await client.run_tasks.list(organization)
    except NotFoundOrForbidden as error:
        raise JobError(
            f"{source}: organization = {shown(organization)}: it does not exist, or this token "
            f"may not list its run tasks ({'; '.join(error.errors) or error.status})"
        ) from error


def _find_task(tasks: Sequence[RunTask], organization: str, asked: str, place: str) -> TaskRef:
    found = [t for t in tasks if asked in (t.id, t.name)]
    if len(found) == 1:
        return TaskRef(found[0].id, found[0].name)
    place = f"{place} = {shown(asked)}"
    if found:
        ids = ", ".join(t.id for t in found)
        raise JobError(f"{place}: {len(found)} run tasks have that name: give one's id ({ids})")
    names = (
        ", ".join(sorted(printable(t.name) for t in tasks)[:20]) or "none that this token may see"
    )
    raise JobError(f"{place}: no such run task in {organization}; there are: {names}")


def _check_stages(job: Job, server: ServerInfo, source: str) -> None:
    place = f"{source}: operation.stages"
    version = f"Terraform Enterprise {server.version}"
    for stage in job.wish.stages_asked:
        if stage not in server.stages:
            raise JobError(
                f"{place} = {shown(stage)}: {version} lacks that stage; it has: "
                f"{', '.join(server.stages)}"
            )
    if server.single_stage and len(job.wish.stages_asked) > 1:
        stages = ", ".join(job.wish.stages_asked)
        raise JobError(
            f"{place} = {stages}: {version} knows one stage an attachment; give one of: "
            f"{', '.join(server.stages)}"
        )


async def _entitlements(client: Client, organization: str) -> Entitlements | None:
    try:
        return await client.entitlements(organization)
    except NotFoundOrForbidden:
        return None
