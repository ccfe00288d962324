"""The public door for Python: what the commands do, as functions.

::

    async with Client("https://app.terraform.io", token) as client:
        plan = await plan_job(client, load_job("jobs/canary.toml"))
        report = await apply_plan(client, plan, "canary.jsonl")
        for row in report.rows:
            if row.outcome != "succeeded":
                print(row.name, row.outcome, row.reason)
        verified = await verify_journal(client, "canary.jsonl")
        print(report.counts, verified.verified)
        if verified.differing:
            undo = await plan_undo(client, "canary.jsonl")
            await apply_plan(client, undo, "canary.undo.jsonl")

Every journal and saved plan is a file of the command line's, too, and the other way round.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
from anyio import to_thread

from bulkops.client.access.address import Stated, check_stated
from bulkops.client.api import Client
from bulkops.errors import JobError
from bulkops.inventory.reading import read_inventory
from bulkops.job.file import check_gate
from bulkops.job.job import Job
from bulkops.journal.following.holder import read_with_holder
from bulkops.journal.lock import holder, locked
from bulkops.journal.ownership import check_folder
from bulkops.journal.reader import read
from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.plan import current_state
from bulkops.plan import saved as saved_plan
from bulkops.plan.model import Plan, make_plan
from bulkops.plan.notes import strict_notes
from bulkops.plan.recorded import job_of, start_journal
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.plan.trusted import open_journal, sound_journal
from bulkops.report.model import Report, report
from bulkops.report.timeline import Timeline
from bulkops.runner.assignment import (
    Instructions,
    LockedJournal,
    Observer,
    OnResult,
    OnWave,
    ignore,
)
from bulkops.runner.execution import JobExecution
from bulkops.runner.gate import check_gate_to_resume
from bulkops.runner.hmac_key import key_of, key_to_resume
from bulkops.runner.slots import slots_needed


async def plan_job(client: Client, job: Job, source: str = "job") -> Plan:
    """Read the server in about 2·N/100 requests and decide every selected workspace.

    Changes nothing.

    Args:
        source: the job file's name, for error messages.

    Raises:
        JobError: the job can't be carried out as it stands, or is larger than it allows itself.
        BulkopsError: the server can't be read, or doesn't show what decides the selection.
    """
    plan = make_plan(job, await read_inventory(client, job, source, key_of(job)), source)
    operations, most = len(plan.operations), job.rollout.max_operations
    if most is not None and operations > most:
        raise JobError(
            f"{source}: {operations} operations are planned, and max_operations allows {most}: "
            "select fewer, or allow more"
        )
    rate = client.pacer.rate
    notes = strict_notes(
        job.rollout,
        operations,
        most=job.pace.max_at_once or slots_needed(rate, client.latency),
        rate=rate,
        latency=client.latency,
    )
    return msgspec.structs.replace(
        plan, notes=[*plan.notes, *notes], address=client.address, rate=rate
    )


async def plan_undo(client: Client, journal: str | Path, *, trust_files: bool = False) -> Plan:
    """Return the plan that takes back what a journal's job did; changes nothing.

    ``apply_plan`` carries it out, into a journal of its own. Where the server no longer shows what
    the job wrote, the workspace is a blocked skip.

    Args:
        trust_files: believe the journal, whoever owns it or may write it.

    Raises:
        PlanStale: the journal is of another server.
        JobError: nothing can take back what jobs of this kind do, or others may have written it.
        JournalError: there is no such journal, or it is damaged.
        ApiError: the server can't be read.
    """
    replay = await _opened(client, Path(journal), trust_files=trust_files)
    return await current_state.undo_recorded(client, replay, Path(journal))


async def apply_plan(
    client: Client,
    plan: Plan,
    journal: str | Path,
    on_result: OnResult = ignore,
    on_wave: OnWave = ignore,
    *,
    trust_files: bool = False,
) -> Report:
    """Carry a plan out, recorded in a new journal.

    A job that pauses itself ends with ``report.ended == "paused"``; ``resume_journal`` goes on.
    An operation that fails is no exception, but a row of the report.

    Args:
        on_result: told every result as it is recorded.
        on_wave: told how far a wave came as it is recorded.
        trust_files: whoever else may write the journal's folder.

    Raises:
        JobError: the job's gate surely can't be run, or others may write the folder.
        PlanStale: the plan was made at another server.
        JournalError: the journal exists, is in use or can't be written.
        ApiError: the server could not be read, or refused the token.
    """
    _check_made_at(plan, client)
    job = plan.job.taking_back(plan.undo_of)

    def begin() -> LockedJournal:
        held = stack.enter_context(locked(Path(journal), holder(client.clock)))
        check_folder(held.path, trusted=trust_files)
        check_gate(job)
        start_journal(held.path, plan, client, held.by, held.files)
        return LockedJournal(held.path, read(held.path, held.files), held.by, held.files)

    with ExitStack() as stack:
        opened = await to_thread.run_sync(begin)
        execution = JobExecution(
            client,
            opened,
            job,
            Instructions(key=plan.resolved.key),
            Observer(on_result, on_wave),
        )
        return report(await execution.run())


async def resume_journal(
    client: Client,
    journal: str | Path,
    *,
    retry_failed: bool = False,
    continue_paused: bool = False,
    trust_files: bool = False,
    on_result: OnResult = ignore,
    on_wave: OnWave = ignore,
) -> Report:
    """Go on where a journal stops; a finished one sends no change.

    Where too many failures stopped the job, the report's ``stopped`` says so, and without
    ``continue_paused`` nothing is sent.

    Args:
        retry_failed: decide failed and conflicting operations anew, too.
        continue_paused: past the pause, the inconclusive gate, or the stop by too many failures,
            at which the job stands; after such a stop failures are counted from zero.
        trust_files: believe the journal, whoever owns it or may write it.
        on_result: told every result as it is recorded.
        on_wave: told how far a wave came as it is recorded.

    Raises:
        PlanStale: the journal is of another server.
        RunTaskGone: its run task was deleted since: nothing of it is left to do.
        JobError: an HMAC key that the job needs to go on is not there, or another one; others may
            have written the journal; or its gate surely can't be run.
        JournalError: there is none, or it is in use, damaged or can't be written.
        ApiError: the server could not be read, or refused the token.
    """

    def begin() -> LockedJournal:
        held = stack.enter_context(locked(Path(journal), holder(client.clock)))
        contents = open_journal(held.path, held.files, trust_files=trust_files)
        return LockedJournal(held.path, contents, held.by, held.files)

    with ExitStack() as stack:
        opened = await to_thread.run_sync(begin)
        replay = opened.contents.replay
        check_stated(Stated(opened.path, replay.header.address), client.address)
        job = job_of(replay.header)
        if not continue_paused and stopped_by_tolerance(replay, job.rollout):
            return report(replay)
        await current_state.check_names(client, replay.header, opened.path)
        check_gate_to_resume(job, replay, retry_failed=retry_failed)
        key = key_to_resume(job, replay, retry_failed=retry_failed)
        execution = JobExecution(
            client,
            opened,
            job,
            Instructions(retry_failed, continue_paused, key),
            Observer(on_result, on_wave),
        )
        return report(await execution.run())


async def verify_journal(
    client: Client, journal: str | Path, *, trust_files: bool = False
) -> Verified:
    """Read the organization again and return which operations it still shows as wanted.

    What differs is read once more after the job's ``settle``: a read may lag behind the job.

    Args:
        trust_files: believe the journal, whoever owns it or may write it.

    Raises:
        PlanStale: the journal is of another server.
        JobError: others may have written it.
        JournalError: there is no such journal, or it is damaged.
        ApiError: the server can't be read.
    """
    replay = await _opened(client, Path(journal), trust_files=trust_files)
    return await current_state.read_recorded(client, replay, Path(journal))


async def save_plan(client: Client, plan: Plan, path: str | Path) -> str:
    """Write a plan into a file, whole or not at all, and return its SHA-256 in hex.

    An older plan there is replaced, anything else is left as it is.

    Raises:
        PlanStale: the plan was made at another server.
        JobError: there is something else, or no such folder.
        BulkopsError: it can't be written.
    """
    _check_made_at(plan, client)
    by, default = holder(client.clock), os.environ.get("TFE_ORGANIZATION", "")
    return await to_thread.run_sync(saved_plan.save_plan, Path(path), plan, client, by, default)


async def load_plan(client: Client, path: str | Path, *, trust_files: bool = False) -> Plan:
    """Return the plan in a file, for ``apply_plan`` to carry out exactly.

    Args:
        trust_files: believe it, whoever owns it or may write it.

    Raises:
        JobError: others may have written it.
        PlanStale: it is no longer what was written, or is for another address or organization.
        BulkopsError: it can't be read.
    """
    reading = partial(saved_plan.read_plan, Path(path), trust_files=trust_files)
    saved = await to_thread.run_sync(reading)
    check_stated(Stated(Path(path), saved.plan.address), client.address)
    saved.check_meant(Path(path), os.environ.get("TFE_ORGANIZATION", ""))
    await current_state.check_names_of_plan(client, saved.plan.job, saved.plan.resolved, Path(path))
    return saved.plan


def read_report(journal: str | Path) -> Report:
    """Return the report of a journal, finished or not; sends no request.

    Raises:
        JournalError: there is no such journal, or it is damaged.
    """
    path, timeline = Path(journal), Timeline()

    def read_again() -> Replay:
        timeline.clear()
        return sound_journal(path, timeline.take).replay

    replay, runner = read_with_holder(path, read_again)
    return report(replay, timeline, runner)


async def _opened(client: Client, path: Path, *, trust_files: bool) -> Replay:
    """Return a journal of the client's server, for a command that only reads it."""
    contents = await to_thread.run_sync(partial(open_journal, path, trust_files=trust_files))
    check_stated(Stated(path, contents.replay.header.address), client.address)
    return contents.replay


def _check_made_at(plan: Plan, client: Client) -> None:
    if plan.address:
        check_stated(Stated("the plan", plan.address), client.address)
