"""Reads the newest journals of a fleet's shards, several at a time; sends no request."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bulkops.errors import BulkopsError
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.standing import recorded
from bulkops.fleet.waves import State
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Place, place_of_undo
from bulkops.journal.replay import Replay
from bulkops.plan.trusted import sound_journal
from bulkops.report.model import report
from bulkops.report.text import totals
from bulkops.report.timeline import Timeline
from bulkops.report.words import running_in_words

AT_ONCE = 16
"""Journals that are read at the same time: each may be in a store, whose answers take time."""


def read_shards(jobs: Sequence[ShardJob]) -> tuple[ShardReport, ...]:
    """Return what became of each shard, from its newest journal of this job.

    A journal that can't be read is the shard's own ``problem``.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(_read, jobs))


def _read(job: ShardJob) -> ShardReport:
    name, organization = job.shard.name, job.job.organization
    try:
        place = job.journals().newest(job.is_mine)
        if place is None:
            return ShardReport(shard=name, organization=organization, state=State.NOT_BEGUN)
        return _report(name, organization, place)
    except BulkopsError as problem:
        return ShardReport(
            shard=name, organization=organization, state=State.FAILED, problem=str(problem)
        )


def _report(name: str, organization: str, place: Place) -> ShardReport:
    timeline = Timeline()

    def state() -> Replay:
        return sound_journal(place.reader(), timeline.restarted()).replay

    replay, holder = place.read_with_holder(state)
    of = report(replay, timeline, holder, killed=was_killed(place, replay))
    return ShardReport(
        shard=name,
        organization=organization,
        state=recorded(replay, running=holder is not None),
        journal=str(place),
        report=of,
        note=running_in_words(of.running) if of.running else _undo_of(place),
    )


def _undo_of(place: Place) -> str:
    """Return what became of a journal's undo; empty if none has begun."""
    undo = place_of_undo(place)
    if not undo.exists():
        return ""
    try:
        return f"undo: {totals(report(sound_journal(undo.reader()).replay))}"
    except BulkopsError as problem:
        return f"undo: {problem}"
