"""Reads what a plan is based on: ⌈N/100⌉ requests for workspaces, as many for attachments."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.api.server import ServerInfo
from bulkops.api.verdict import is_missing
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import ApiError, JobError, ServerBroken
from bulkops.inventory.model import Inventory, Selected
from bulkops.inventory.observations import read_observations
from bulkops.inventory.run_tasks import find_run_tasks
from bulkops.inventory.workspaces import read_selection
from bulkops.job.job import Job
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Resolved, Scope, Target, TaskRef
from bulkops.operations.secret import HmacKey


async def read_inventory(
    client: Client, job: Job, source: str = "job", key: HmacKey | None = None
) -> Inventory:
    """Read everything that a plan of ``job`` needs; changes nothing.

    Args:
        source: the job file's name, for error messages.
        key: the HMAC key, if the job sets one.

    Raises:
        JobError: a run task or project doesn't exist or is not unique, the server doesn't support
            a stage, or nothing is selected.
        ApiError: the server can't be read.
    """
    client.keep_to(job.pace)
    server = await client.ping()
    _check_stages(job, server, source)
    resolved = msgspec.structs.replace(await _resolve(client, job, server, source), key=key)
    kind = job.bound(resolved)
    chosen = await _chosen(client, job, kind, resolved, source)
    check_values(kind, chosen.targets, job.list_file or source)
    hidden = set[str]()
    return Inventory(
        resolved=resolved,
        targets=chosen.targets,
        forbidden=chosen.forbidden,
        observations=await read_observations(
            client, kind, [t.id for t in chosen.targets], job.pace.settle_seconds, denied=hidden
        ),
        entitlements=await _entitlements(client, job.organization),
        locked=chosen.locked,
        notes=chosen.notes,
        hidden=hidden,
        version=server.version,
    )


async def _chosen(
    client: Client, job: Job, kind: Kind, resolved: Resolved, source: str
) -> Selected:
    """Return the targets of the job."""
    task = [Target(resolved.task.id, resolved.task.name)] if resolved.task else []
    if kind.scope is Scope.TASK:
        return Selected(task)
    selected = await read_selection(client, job, source)
    if kind.scope is Scope.EVERY:
        return msgspec.structs.replace(selected, targets=[*selected.targets, *task])
    return selected


async def _resolve(client: Client, job: Job, server: ServerInfo, source: str) -> Resolved:
    refs: dict[str, TaskRef] = {}
    named = job.spec.run_tasks
    places = [(f"{source}: operation.{field}", name) for field, name in named.items()]
    tasks = await find_run_tasks(client, job.organization, places, source)
    for (field, name), (place, _), task in zip(named.items(), places, tasks, strict=True):
        ref = TaskRef(task.id, task.name)
        for other in (other for other, one in refs.items() if one == ref):
            where = f"{place} = {shown(name)}: {ref.name} ({ref.id})"
            raise JobError(f"{where} is also operation.{other}: name another run task")
        refs[field] = ref
    return Resolved(
        organization=job.organization,
        task=refs.pop("task", None),
        replaces=refs.pop("replaces", None),
        others=refs,
        single_stage=server.single_stage,
    )


def _check_stages(job: Job, server: ServerInfo, source: str) -> None:
    place = f"{source}: operation.stages"
    version = f"Terraform Enterprise {server.version}"
    for asked in (spec.stages_asked for spec in job.specs):
        for stage in asked:
            if stage not in server.stages:
                raise JobError(
                    f"{place} = {shown(stage)}: {version} doesn't support this stage; it "
                    f"supports: {', '.join(server.stages)}"
                )
        if server.single_stage and len(asked) > 1:
            raise JobError(
                f"{place} = {', '.join(asked)}: {version} supports only one stage per attachment: "
                f"give one of: {', '.join(server.stages)}"
            )


def check_values(kind: Kind, targets: Iterable[Target], listing: str) -> None:
    """Refuse values that a file gives a workspace twice, by its name and by its id.

    Args:
        listing: the file's name, for the message.

    Raises:
        JobError: these values differ.
    """
    own = kind.per_workspace
    for target in targets if own else ():
        by_id, by_name = own.get(target.id), own.get(target.name)
        if by_id and by_name and by_id is not by_name:
            raise JobError(
                f"{listing}: lists {shown(target.name)} by its name and, with other values, by its "
                f"id {target.id}: remove one of them"
            )


async def _entitlements(client: Client, organization: str) -> Entitlements | None:
    try:
        return await client.entitlements(organization)
    except ApiError as error:
        # Without them only the limits are unchecked, so an unreadable answer does no harm either.
        if is_missing(error) or isinstance(error, ServerBroken):
            return None
        raise
