"""Reads the server's state for a journal's job, to verify, resume or undo it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from bulkops.client.api import Client
from bulkops.errors import JobError, NotFoundOrForbidden, PlanStale, RunTaskGone
from bulkops.inventory.missing import read_missing
from bulkops.inventory.observations import read_observations
from bulkops.job.job import Job
from bulkops.journal.reader import disagreeing
from bulkops.journal.records import Header, Verified
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE, Outcome
from bulkops.operations.compare import absent
from bulkops.operations.model import Gone, Observations, Operation, Resolved, Skip, Target
from bulkops.operations.steps import irreversible, refs_of, run_tasks
from bulkops.plan.model import Plan
from bulkops.plan.recorded import job_of, kind_of, written_job_of
from bulkops.plan.undo import is_not_ours, undo
from bulkops.plan.verify import verify
from bulkops.text import counted, quoted

TO_READ_AGAIN = "before re-reading what differs: a read may lag behind the last writes"
TO_FIND_AGAIN = "before looking again for {} that the server no longer shows"


async def check_names(client: Client, header: Header, place: object) -> None:
    """Check at the server that the run tasks of a journal are those that its job names.

    Raises:
        JournalDamaged: another run task has that name; a renamed run task alone is accepted.
        ApiError: the server can't be read.
    """
    if problem := await _misnamed(client, job_of(header), header.resolved):
        raise disagreeing(place, problem)


async def check_names_of_plan(client: Client, job: Job, resolved: Resolved, place: object) -> None:
    """Check at the server that the run tasks of a saved plan are those that its job names.

    Raises:
        PlanStale: another run task has the name, as in ``check_names``.
        ApiError: the server can't be read.
    """
    if problem := await _misnamed(client, job, resolved):
        raise PlanStale(f"{place}: {problem}; nothing was sent. Make a new plan")


async def _misnamed(client: Client, job: Job, resolved: Resolved) -> str:
    """Return which run task doesn't have the name that the job gives it; empty if none.

    Sends one request for each run task that the job gives by name, since only the file connects
    the name with an id. A run task that the server doesn't show is skipped: no request can change
    it either.
    """
    refs = refs_of(resolved)
    for field, name in run_tasks(job.steps).items():
        ref = refs.get(field)
        if ref is None or name == ref.id:
            continue
        try:
            shown = await client.run_tasks.show(ref.id)
        except NotFoundOrForbidden:
            continue
        if shown.name == ref.name:
            continue
        tasks = await client.run_tasks.list(job.organization)
        if any(task.name == ref.name for task in tasks):
            return f"its {field} {ref.id} is not {quoted(ref.name)}, but {quoted(shown.name)}"
    return ""


async def read_current(client: Client, replay: Replay, settle: float) -> Observations:
    """Return what the server shows now for all targets of a journal.

    Args:
        settle: seconds for which a read may lag, or fail to find what exists.
    """
    kind, operations = kind_of(replay.header), replay.operations
    ids, same, recorded = operations.target_ids, operations.same, operations.target
    return await read_observations(client, kind, ids, settle, same, recorded=recorded)


def check_run_tasks(replay: Replay, observations: Observations) -> None:
    """Refuse to continue if a run task of the journal was deleted.

    An undo that only detaches may continue: the attachments were deleted with the run task.

    Raises:
        RunTaskGone: the run task was deleted; one created since with its name doesn't count.
    """
    header, operations = replay.header, replay.operations.values()
    if kind_of(header).ends_task:
        return
    for aspect, rows in observations.items():
        writes = any(o.aspect == aspect and o.desired for o in (p.operation for p in operations))
        if isinstance(rows, Gone) and (writes or not header.undo_of):
            raise RunTaskGone(header.resolved.named(rows.task_id), header.organization)


class Weighed(NamedTuple):
    """What makes a reading doubtful.

    Attributes:
        doubtful: whether a conclusion from it could also follow from a reading that is older than
            the last known writes.
        absent: targets about which there is a conclusion because the reading doesn't show them.
    """

    doubtful: bool
    absent: Collection[Target]


class Settled(NamedTuple):
    """A reading that counts.

    Attributes:
        missing: ids of those ``absent`` targets that no longer exist.
    """

    observations: Observations
    missing: Collection[str] = ()


async def read_settled(
    client: Client,
    replay: Replay,
    settle: float,
    weigh: Callable[[Observations], Weighed],
    *,
    needs_tasks: bool = False,
) -> Settled:
    """Return what the server shows for all targets of a journal, from a reading that counts.

    A reading may lag behind the last writes, or briefly fail to find what exists. When those writes
    happened isn't known (other processes sent them, and wall clocks jump), so they are assumed to
    have happened just now: anything doubtful or missing is read again ``settle`` seconds later.

    Args:
        weigh: assesses a reading; called for each.
        needs_tasks: fail if a run task of the journal was deleted.

    Raises:
        RunTaskGone: see ``check_run_tasks``.
    """

    async def read() -> tuple[Observations, Weighed]:
        observations = await read_current(client, replay, settle)
        return observations, weigh(observations)

    observations, weighed = await read()
    gone = any(isinstance(rows, Gone) for rows in observations.values())
    if weighed.doubtful or (gone and not kind_of(replay.header).ends_task):
        await client.settling.wait(settle, TO_READ_AGAIN)
        observations, weighed = await read()
    if needs_tasks:
        check_run_tasks(replay, observations)
    organization = replay.header.organization
    missing = await read_missing(client, organization, weighed.absent)
    if missing:
        await client.settling.wait(settle, TO_FIND_AGAIN.format(counted(len(missing), "target")))
        missing = await read_missing(client, organization, missing)
    return Settled(observations, frozenset(target.id for target in missing))


async def read_verified(
    client: Client, replay: Replay, settle: float, *, needs_tasks: bool = False
) -> Verified:
    """Return which of a journal's operations still have their desired state at the server.

    Args:
        settle: see ``read_current``.
        needs_tasks: see ``read_settled``.
    """
    verifications: list[Verified] = []

    def weigh(observations: Observations) -> Weighed:
        verifications.append(verify(replay, observations, client.clock.date()))
        differing = map(replay.operations.__getitem__, verifications[-1].differing)
        done = [progress.operation for progress in differing if progress.outcome in DONE]
        return Weighed(bool(done), absent(done, observations))

    observations, missing = await read_settled(
        client, replay, settle, weigh, needs_tasks=needs_tasks
    )
    if not missing:
        # Not computed again: there may be a million operations.
        return verifications[-1]
    return verify(replay, observations, client.clock.date(), missing)


async def read_recorded(client: Client, replay: Replay, place: object) -> Verified:
    """Verify a whole journal, at the pace of its job.

    Raises:
        JournalDamaged, ApiError: see ``check_names``.
    """
    await check_names(client, replay.header, place)
    pace = job_of(replay.header).pace
    client.keep_to(pace)
    await client.ping()
    return await read_verified(client, replay, pace.settle_seconds)


async def undo_recorded(client: Client, replay: Replay, place: object) -> Plan:
    """Read the server and plan the undo of a whole journal; changes nothing.

    Raises:
        JobError: jobs of this kind can't be undone; no request was sent.
        JournalDamaged, ApiError: see ``check_names``.
    """
    job = job_of(replay.header)
    if kind := irreversible(job.steps):
        raise JobError(f"{job.name}: jobs of kind {kind} can't be undone")
    await check_names(client, replay.header, place)
    return await undo_plan(client, replay)


async def undo_plan(client: Client, replay: Replay) -> Plan:
    """Return the plan that undoes a journal's job, whose kind must be reversible."""
    header, job = replay.header, written_job_of(replay.header)
    kind = kind_of(header)
    settle = job.pace.settle_seconds
    client.keep_to(job.pace)
    await client.ping()
    if in_doubt := replay.count(Outcome.IN_DOUBT):
        # A request in doubt may still take effect: no reading before that is final.
        await client.settling.wait(settle, f"for {counted(in_doubt, 'lost answer')} to settle")

    def weigh(observations: Observations) -> Weighed:
        # A skip claims a change outside this job, which a lagging reading shows too.
        skipped, ours = False, list[Operation]()
        decisions = undo(replay, observations, kind)
        for decided, progress in zip(decisions, replay.operations.values(), strict=True):
            if not is_not_ours(decided):
                skipped = skipped or isinstance(decided, Skip)
                ours.append(progress.operation)
        return Weighed(skipped, absent(ours, observations))

    observations, missing = await read_settled(client, replay, settle, weigh)
    operations, skips = list[Operation](), list[Skip]()
    for decided in undo(replay, observations, kind, missing):
        if isinstance(decided, Skip):
            skips.append(decided)
        else:
            operations.append(decided)
    return Plan(
        job,
        header.resolved,
        operations=operations,
        skips=skips,
        notes=kind.notes(operations),
        undo_of=header.run_id,
        address=client.address,
        rate=client.pacer.rate,
    )
