"""What a plan would take back of jobs that are not finished, told from their journals."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bulkops.client.access.address import is_at
from bulkops.errors import BulkopsError
from bulkops.journal.folder import DEFAULT_FOLDER
from bulkops.journal.progress import Progress
from bulkops.journal.reader import header_of_unended
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations import bind
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation
from bulkops.plan.model import Plan
from bulkops.plan.recorded import kind_of
from bulkops.plan.trusted import sound_journal


class Unfinished(NamedTuple):
    """A journal whose job a plan contradicts.

    Attributes:
        note: of the plan, on what it would take back and hinder, and what comes first.
    """

    path: Path
    note: str


def with_unfinished_noted(plan: Plan, unfinished: Iterable[Unfinished]) -> Plan:
    """Return the plan with a note for each; a saved one may have some of them already."""
    notes = dict.fromkeys([*plan.notes, *(one.note for one in unfinished)])
    return msgspec.structs.replace(plan, notes=tuple(notes))


def unfinished_jobs(plan: Plan, address: str, journal: Path | None = None) -> list[Unfinished]:
    """Return the journals of unfinished jobs that a plan disagrees with.

    Looked at are those in ``.bulkops/*/`` and beside the plan's own journal. One that can't be
    read, is damaged or does not agree with itself is passed over: the commands about it say so.
    """
    folders = [*DEFAULT_FOLDER.glob("*"), *([journal.parent] if journal else [])]
    paths = sorted({path for folder in folders for path in folder.glob("*.jsonl")})

    def meant(header: Header) -> bool:
        here = is_at(header.address, address) and header.organization == plan.job.organization
        return here and header.run_id != plan.undo_of

    return [Unfinished(path, note) for path in paths for note in _note(path, meant, plan)]


def _note(path: Path, meant: Callable[[Header], bool], plan: Plan) -> Iterator[str]:
    try:
        replay = _unfinished(path, meant)
        theirs = kind_of(replay.header) if replay else None
    except (OSError, BulkopsError, ValueError, RecursionError, msgspec.DecodeError):
        return
    if replay is None or theirs is None:
        return
    ours = bind(plan.job.operation_kind, plan.job.spec, plan.resolved)
    undone, hindered = _disagreement(plan, ours, replay, theirs)
    if undone or hindered:
        named = shlex.quote(str(path))
        yield (
            f"{path} is not finished: this takes back {undone} of its changes and is in the way of "
            f"{hindered} more; `bulkops resume {named}` or `bulkops undo {named}` comes first"
        )


def _unfinished(path: Path, meant: Callable[[Header], bool]) -> Replay | None:
    header = header_of_unended(path)
    if header is None or not meant(header):
        return None
    replay = sound_journal(path).replay
    return replay if replay.unfinished else None


def _disagreement(plan: Plan, ours: Kind, replay: Replay, theirs: Kind) -> tuple[int, int]:
    """Return how many changes of a job are taken back, and how many more are hindered."""
    planned = {(ours.aspects[o.aspect].source, o.target.id): o for o in plan.operations}
    undone = hindered = 0
    for progress in replay.operations.values():
        place = theirs.aspects[progress.operation.aspect].source, progress.operation.target.id
        other = planned.get(place)
        if other is None or other.desired == progress.operation.desired:
            continue
        undone += _undone(progress, other)
        hindered += progress.outcome in (None, Outcome.IN_DOUBT)
    return undone, hindered


def _undone(progress: Progress, other: Operation) -> bool:
    """Return whether the operation did what the other one, from there, takes back."""
    stands = other.before.attributes if other.before else None
    return progress.outcome is Outcome.SUCCEEDED and stands == progress.operation.desired
