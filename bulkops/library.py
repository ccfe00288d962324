"""The public Python API: the commands as functions.

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

Journals and saved plans are interchangeable with those of the command line.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import msgspec
from anyio import to_thread

from bulkops.client.access.address import Stated, check_stated
from bulkops.client.api import Client
from bulkops.errors import JobError
from bulkops.inventory.reading import read_inventory
from bulkops.job.file import check_gate
from bulkops.job.job import Job, organization_in
from bulkops.job.windows.zones import windows_of
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Hold, Place, place_of
from bulkops.journal.process import holder
from bulkops.journal.reader import read
from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.journal.waiting import held
from bulkops.notify.opening import check_notify, notifying
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
    OnResult,
    OnWave,
    ignore,
    observer_of,
)
from bulkops.runner.execution import JobExecution
from bulkops.runner.gate import check_gate_to_resume
from bulkops.runner.hmac_key import key_of, key_to_resume
from bulkops.runner.starts.slots import slots_needed


async def plan_job(client: Client, job: Job, source: str = "job") -> Plan:
    """Read the server, in about 2·N/100 requests for N workspaces, and return a plan.

    Changes nothing.

    Args:
        source: name of the job file, for error messages.

    Raises:
        JobError: the job can't be carried out as it is, or its plan exceeds ``max_operations``.
        BulkopsError: the server can't be read, or doesn't show what the selection depends on.
    """
    plan = make_plan(job, await read_inventory(client, job, source, key_of(job)), source)
    operations, most = len(plan.operations), job.rollout.max_operations
    if most is not None and operations > most:
        raise JobError(
            f"{source}: {operations} operations are planned, but max_operations allows {most}. "
            "Select fewer workspaces, or allow more"
        )
    rate = client.pacer.rate
    notes = strict_notes(
        job.rollout,
        operations,
        plan.targets,
        most=job.pace.max_at_once or slots_needed(rate, client.latency),
        rate=rate,
        latency=client.latency,
    )
    return msgspec.structs.replace(
        plan, notes=[*plan.notes, *notes], address=client.address, rate=rate
    )


async def plan_undo(client: Client, journal: str | Path, *, trust_files: bool = False) -> Plan:
    """Return the plan that undoes a journal's job; changes nothing.

    ``apply_plan`` applies it, with a journal of its own, and holds only that: until it has ended,
    the job must neither run nor be resumed. A workspace on which the server no longer shows what
    the job wrote is a blocked skip.

    Args:
        trust_files: accept the journal even if other users own it or may write it.

    Raises:
        PlanStale: the journal is for another server.
        JobError: jobs of this kind can't be undone, or other users may have written the journal.
        JournalError: there is no such journal, or it is damaged.
        ApiError: the server can't be read.
    """
    replay = await _opened(client, place_of(journal), trust_files=trust_files)
    return await current_state.undo_recorded(client, replay, journal)


async def apply_plan(
    client: Client,
    plan: Plan,
    journal: str | Path,
    on_result: OnResult = ignore,
    on_wave: OnWave = ignore,
    *,
    trust_files: bool = False,
    wait: bool = False,
) -> Report:
    """Apply a plan, recorded in a new journal.

    If the job pauses, ``report.ended`` is ``"paused"``, and ``resume_journal`` continues it. A
    failed operation raises no exception: it is a row of the report.

    Args:
        on_result: called for each result, see ``OnResult``; an exception in it ends the job.
        on_wave: called for each step of a wave, see ``OnWave``.
        trust_files: accept the journal's folder even if others may write it.
        wait: wait while another process uses the journal.

    Raises:
        JobError: the job's gate can't be run, a time zone is unknown, or others may write to the
            journal's folder.
        PlanStale: the plan was made for another server.
        JournalError: the journal exists already (``resume_journal`` resumes it), is in use, or
            can't be written.
        ApiError: the server could not be read, or refused the token.
    """
    client.check_open()
    _check_made_at(plan, client)
    job = plan.job.effective(plan.undo_of)
    check_notify(job, begun=bool(plan.undo_of))
    observer = notifying(observer_of(on_result, on_wave), job, client)

    def begin(hold: Hold) -> LockedJournal:
        hold.place.check_folder(trusted=trust_files)
        check_gate(job)
        windows_of(job)
        start_journal(hold.storage, plan, client, hold.by)
        return LockedJournal(hold, read(hold.storage))

    clock, place = client.clock, place_of(journal)
    async with held(place, holder(clock), clock.sleep, wait=wait) as hold:
        opened = await to_thread.run_sync(begin, hold)
        instructions = Instructions(key=plan.resolved.key)
        execution = JobExecution(client, opened, job, instructions, observer)
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
    wait: bool = False,
) -> Report:
    """Resume a job from its journal; if it is finished, no change is sent.

    If too many failures stopped the job, the report's ``stopped`` is set, and nothing is sent
    unless ``continue_paused`` is set.

    Args:
        retry_failed: also decide failed and conflicting operations again.
        continue_paused: continue past the pause, the inconclusive gate or the stop by too many
            failures at which the job stopped; after such a stop, failures count from zero.
        trust_files: accept the journal even if other users own it or may write it.
        on_result: called for each result, see ``OnResult``; an exception in it ends the job.
        on_wave: called for each step of a wave, see ``OnWave``.
        wait: wait while another process uses the journal.

    Raises:
        PlanStale: the journal is for another server.
        RunTaskGone: its run task was deleted since, so that nothing is left to do.
        JobError: an HMAC key that the job needs is missing or is another one, other users may have
            written the journal, or the job's gate can't be run.
        JournalError: there is no such journal, or it is in use, damaged or can't be written.
        ApiError: the server could not be read, or refused the token.
    """
    client.check_open()
    observer = observer_of(on_result, on_wave)
    clock, place = client.clock, place_of(journal)
    async with held(place, holder(clock), clock.sleep, wait=wait) as hold:
        owned = hold.storage.owned(trusted=trust_files)
        contents = await to_thread.run_sync(open_journal, owned)
        replay = contents.replay
        check_stated(Stated(hold.place, replay.header.address), client.address)
        job = job_of(replay.header)
        if not continue_paused and stopped_by_tolerance(replay, job.rollout):
            return report(replay)
        await current_state.check_names(client, replay.header, hold.place)
        check_gate_to_resume(job, replay, retry_failed=retry_failed)
        check_notify(job, begun=True)
        observer = notifying(observer, job, client)
        key = key_to_resume(job, replay, retry_failed=retry_failed)
        instructions = Instructions(retry_failed, continue_paused, key)
        execution = JobExecution(client, LockedJournal(hold, contents), job, instructions, observer)
        return report(await execution.run())


async def verify_journal(
    client: Client, journal: str | Path, *, trust_files: bool = False
) -> Verified:
    """Read the server and return which operations of a journal still have their desired state.

    A difference is read again after the job's ``settle``, since a read may lag behind the job.

    Args:
        trust_files: accept the journal even if other users own it or may write it.

    Raises:
        PlanStale: the journal is for another server.
        JobError: other users may have written the journal.
        JournalError: there is no such journal, or it is damaged.
        ApiError: the server can't be read.
    """
    replay = await _opened(client, place_of(journal), trust_files=trust_files)
    return await current_state.read_recorded(client, replay, journal)


async def save_plan(client: Client, plan: Plan, path: str | Path) -> str:
    """Write a plan to a file, atomically, and return its SHA-256 in hex.

    An older plan of that name is replaced.

    Raises:
        PlanStale: the plan was made for another server.
        JobError: the file is not a plan, and was not changed; or there is no such folder.
        BulkopsError: it can't be written.
    """
    _check_made_at(plan, client)
    by, default = holder(client.clock), organization_in(os.environ)
    return await to_thread.run_sync(saved_plan.save_plan, Path(path), plan, client, by, default)


async def load_plan(client: Client, path: str | Path, *, trust_files: bool = False) -> Plan:
    """Return the plan in a file, for ``apply_plan`` to apply exactly.

    Args:
        trust_files: accept the file even if other users own it or may write it.

    Raises:
        JobError: other users may have written it.
        PlanStale: it was changed, or is for another address or organization.
        BulkopsError: it can't be read.
    """
    reading = partial(saved_plan.read_plan, Path(path), trust_files=trust_files)
    saved = await to_thread.run_sync(reading)
    check_stated(Stated(Path(path), saved.plan.address), client.address)
    saved.check_meant(Path(path), organization_in(os.environ))
    await current_state.check_names_of_plan(client, saved.plan.job, saved.plan.resolved, Path(path))
    return saved.plan


def read_report(journal: str | Path) -> Report:
    """Return the report of a journal, finished or not; sends no request.

    Raises:
        JournalError: there is no such journal, or it is damaged.
    """
    place, timeline = place_of(journal), Timeline()
    replay, runner = place.read_with_holder(
        lambda: sound_journal(place.reader(), timeline.restarted()).replay
    )
    return report(replay, timeline, runner, killed=was_killed(place, replay))


async def _opened(client: Client, place: Place, *, trust_files: bool) -> Replay:
    """Return the state of a journal that is for the client's server."""
    contents = await to_thread.run_sync(open_journal, place.reader(trusted=trust_files))
    check_stated(Stated(place, contents.replay.header.address), client.address)
    return contents.replay


def _check_made_at(plan: Plan, client: Client) -> None:
    if plan.address:
        check_stated(Stated("the plan", plan.address), client.address)
