"""Reads the newest journals of a fleet's shards, several at a time; sends no request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from bulkops.errors import BulkopsError, ExitCode, JournalDamaged, NotAJournal
from bulkops.fleet.processes.record import Entry
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.standing import is_reverted, progress_of, recorded
from bulkops.fleet.waves import ShardProgress, State
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Place, place_of_undo
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.plan.trusted import sound_journal
from bulkops.report.model import report
from bulkops.report.text import totals
from bulkops.report.timeline import Timeline
from bulkops.report.words import running_in_words

AT_ONCE = 16
"""Journals that are read at the same time: each may be in a store, whose answers take time."""


def read_shards(jobs: Sequence[ShardJob], entries: Mapping[str, Entry]) -> tuple[ShardReport, ...]:
    """Return what became of each shard, from its newest journal of this job.

    A journal that can't be read is the shard's own ``problem``.

    Args:
        entries: name → entry in the record of the job's rollout.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(completed(one, entries.get(one.shard)) for one in pool.map(_read, jobs))


def with_ended(
    shards: Sequence[ShardReport], jobs: Mapping[str, ShardJob]
) -> tuple[ShardReport, ...]:
    """Return the shards, those that have nothing left to do with what they did earlier.

    Args:
        jobs: name → job.
    """
    ended = {one.shard: jobs[one.shard] for one in shards if _has_nothing_to_do(one)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        earlier = dict(zip(ended, pool.map(_read, ended.values()), strict=True))
    return tuple(_with_earlier(one, earlier.get(one.shard)) for one in shards)


def _has_nothing_to_do(one: ShardReport) -> bool:
    return one.state is State.DONE and one.report is None and not one.problem


def _with_earlier(one: ShardReport, earlier: ShardReport | None) -> ShardReport:
    if earlier is None or earlier.undone or earlier.state is not State.DONE:
        return one
    return replace(one, journal=earlier.journal, report=earlier.report, note="")


def completed(one: ShardReport, entry: Entry | None) -> ShardReport:
    """Return what became of a shard.

    Args:
        one: as its newest journal has it.
        entry: in the rollout's record; ``None`` if there is none.
    """
    if entry is None or one.problem or (state := entry.completed(one.state)) is one.state:
        return one
    if state is State.FAILED:
        return replace(one, state=state, problem=entry.problem)
    blocked = f"; {entry.blocked:,} blocked" if entry.blocked else ""
    return replace(one, state=state, blocked=entry.blocked, note=f"nothing to do{blocked}")


def running_progress(job: ShardJob) -> ShardProgress | None:
    """Return the progress of a shard that has begun, from its newest journal.

    ``None`` if it can't be read, there is none yet, or it has ended: it may be an earlier one.
    """
    try:
        place = job.journals().newest(job.is_mine)
        replay = place and sound_journal(place.reader()).replay
    except BulkopsError:
        return None
    return progress_of(State.RUNNING, replay) if replay and not replay.ended else None


def newest_holder(job: ShardJob) -> Holder | None:
    """Return the process that holds a shard's newest journal, to carry it out or undo it.

    ``None`` if none does, or the journal is damaged.
    """
    try:
        place = job.journals().newest(job.is_mine)
        if place is None:
            return None
        reader = place.reader
        return place.read_with_holder(lambda: sound_journal(reader()).replay)[1]
    except (JournalDamaged, NotAJournal):
        return None


def _read(job: ShardJob) -> ShardReport:
    name, organization = job.shard.name, job.job.organization
    try:
        place = job.journals().newest(job.is_mine)
        if place is None:
            return ShardReport(
                shard=name,
                organization=organization,
                state=State.NOT_BEGUN,
                elsewhere=job.elsewhere(),
            )
        return _report(name, organization, place)
    except BulkopsError as problem:
        return ShardReport(
            shard=name,
            organization=organization,
            state=State.FAILED,
            problem=str(problem),
            failed_with=ExitCode(problem.exit_code),
        )


def _report(name: str, organization: str, place: Place) -> ShardReport:
    timeline = Timeline()

    def state() -> Replay:
        return sound_journal(place.reader(), timeline.restarted()).replay

    replay, holder = place.read_with_holder(state)
    of = report(replay, timeline, holder, killed=was_killed(place, replay))
    undone, note = (False, running_in_words(of.running)) if of.running else undo_of(place, replay)
    return ShardReport(
        shard=name,
        organization=organization,
        state=recorded(replay, running=holder is not None),
        journal=str(place),
        report=of,
        undone=undone,
        note=note,
    )


def undo_of(place: Place, replay: Replay) -> tuple[bool, str]:
    """Return whether a journal was undone completely, and what became of its undo, if any."""
    undo = place_of_undo(place)
    if not undo.exists():
        return False, ""
    try:
        found = sound_journal(undo.reader()).replay
    except BulkopsError as problem:
        return False, f"undo: {problem}"
    words, undone = totals(report(found)), is_reverted(replay.header.run_id, found)
    return undone, words if undone else f"undo: {words}"
