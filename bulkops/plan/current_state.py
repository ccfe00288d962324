"""Reads what the server shows of a journal's job: whether it stands, and what takes it back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
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
from bulkops.operations import kind_named
from bulkops.operations.compare import absent
from bulkops.operations.model import Gone, Observations, Operation, Resolved, Skip, Target
from bulkops.plan.model import Plan
from bulkops.plan.recorded import job_of, kind_of, written_job_of
from bulkops.plan.undo import is_not_ours, undo
from bulkops.plan.verify import verify
from bulkops.text import counted, quoted

TO_READ_AGAIN = "to read again what differs: a read may lag behind the last writes"
TO_FIND_AGAIN = "to look again for {} that the server no longer shows"


async def check_names(client: Client, header: Header, path: Path) -> None:
    """Ask the server whether the run tasks of a journal are those that its job names.

    Raises:
        JournalDamaged: another run task has the name; one that was only renamed is no reason.
        ApiError: the server can't be read.
    """
    if problem := await _misnamed(client, job_of(header), header.resolved):
        raise disagreeing(path, problem)


async def check_names_of_plan(client: Client, job: Job, resolved: Resolved, path: Path) -> None:
    """Ask the server whether the run tasks of a saved plan are those that its job names.

    Raises:
        PlanStale: another run task has the name, as in ``check_names``.
        ApiError: the server can't be read.
    """
    if problem := await _misnamed(client, job, resolved):
        raise PlanStale(f"{path}: {problem}; nothing was sent: make a new plan")


async def _misnamed(client: Client, job: Job, resolved: Resolved) -> str:
    """Return, in words, which run task is not the one that its name says; empty for none.

    One request for each that is named by its name: the file alone says which id that was. One
    that is not shown is not judged; nothing can be done with it either.
    """
    refs = {"task": resolved.task, "replaces": resolved.replaces, **resolved.others}
    for field, asked in job.spec.run_tasks.items():
        ref = refs.get(field)
        if ref is None or asked == ref.id:
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
    """Return what the server shows now of everything a journal is about.

    Args:
        settle: seconds that a read may lag, or not find what is there.
    """
    kind, operations = kind_of(replay.header), replay.operations
    return await read_observations(client, kind, operations.target_ids, settle, operations.same)


def check_run_tasks(replay: Replay, observations: Observations) -> None:
    """Refuse to go on where a run task that the journal is about is gone.

    To an undo that only detaches nothing is missing: what it would take back is gone as well.

    Raises:
        RunTaskGone: another one may have its name by now; this journal knows nothing of that.
    """
    header, operations = replay.header, replay.operations.values()
    if kind_of(header).ends_task:
        return
    for aspect, rows in observations.items():
        writes = any(o.aspect == aspect and o.desired for o in (p.operation for p in operations))
        if isinstance(rows, Gone) and (writes or not header.undo_of):
            raise RunTaskGone(header.resolved.named(rows.task_id), header.organization)


class Weighed(NamedTuple):
    """What follows from a reading, as far as it is not to be believed at once.

    Attributes:
        doubtful: something does that a reading which is older than the last known writes would
            show as well.
        absent: the targets of which something does because nothing is shown of them.
    """

    doubtful: bool
    absent: Collection[Target]


class Settled(NamedTuple):
    """What the server shows, and counts.

    Attributes:
        missing: ids of those ``absent`` targets that are gone.
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
    """Return what the server shows of everything a journal is about, by a reading that counts.

    A reading may lag behind the last writes, or not find for a moment what is there. Other
    processes made those writes, and wall clocks jump: each counts as made just now. So whatever is
    doubtful, or missing, is read once more ``settle`` seconds later.

    Args:
        weigh: says what follows from a reading; called for each.
        needs_tasks: without its run tasks the journal can't be gone on with.

    Raises:
        RunTaskGone: as of ``check_run_tasks``.
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
    """Return which of a journal's operations the server still shows as wanted.

    Args:
        settle: as of ``read_current``.
        needs_tasks: as of ``read_settled``.
    """
    made: list[Verified] = []

    def weigh(observations: Observations) -> Weighed:
        made.append(verify(replay, observations, client.clock.date()))
        differing = map(replay.operations.__getitem__, made[-1].differing)
        done = [progress.operation for progress in differing if progress.outcome in DONE]
        return Weighed(bool(done), absent(done, observations))

    observations, missing = await read_settled(
        client, replay, settle, weigh, needs_tasks=needs_tasks
    )
    # Not made twice: there may be a million operations.
    return verify(replay, observations, client.clock.date(), missing) if missing else made[-1]


async def read_recorded(client: Client, replay: Replay, path: Path) -> Verified:
    """Return which operations of a whole journal the server still shows as wanted.

    Raises:
        JournalDamaged, ApiError: as of ``check_names``.
    """
    await check_names(client, replay.header, path)
    pace = job_of(replay.header).pace
    client.keep_to(pace)
    await client.ping()
    return await read_verified(client, replay, pace.settle_seconds)


async def undo_recorded(client: Client, replay: Replay, path: Path) -> Plan:
    """Read the server and plan what takes a whole journal's job back; changes nothing.

    Raises:
        JobError: nothing can take it back; the server was not asked.
        JournalDamaged, ApiError: as of ``check_names``.
    """
    job = job_of(replay.header)
    if not kind_named(job.operation_kind).reversible:
        raise JobError(f"{job.name}: what {job.operation_kind} did can't be undone")
    await check_names(client, replay.header, path)
    return await undo_plan(client, replay)


async def undo_plan(client: Client, replay: Replay) -> Plan:
    """Return what takes back a journal's job, whose kind can be, by what the server shows."""
    header, job = replay.header, written_job_of(replay.header)
    kind = kind_of(header)
    settle = job.pace.settle_seconds
    client.keep_to(job.pace)
    await client.ping()
    if in_doubt := replay.count(Outcome.IN_DOUBT):
        # What was sent last may still take effect: only past that is a reading the last word.
        await client.settling.wait(settle, f"for {counted(in_doubt, 'lost answer')} to settle")

    def weigh(observations: Observations) -> Weighed:
        # A skip says that somebody else was there.
        both = zip(undo(replay, observations, kind), replay.operations.values(), strict=True)
        ours = [(d, p.operation) for d, p in both if not is_not_ours(d)]
        skipped = any(isinstance(decided, Skip) for decided, _ in ours)
        return Weighed(skipped, absent((operation for _, operation in ours), observations))

    observations, missing = await read_settled(client, replay, settle, weigh)
    decided = list(undo(replay, observations, kind, missing))
    operations = [d for d in decided if isinstance(d, Operation)]
    return Plan(
        job,
        header.resolved,
        operations=operations,
        skips=[d for d in decided if isinstance(d, Skip)],
        notes=kind.notes(operations),
        undo_of=header.run_id,
        address=client.address,
        rate=client.pacer.rate,
    )
