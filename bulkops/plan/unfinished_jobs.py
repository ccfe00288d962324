"""The unfinished jobs: which journal a job resumes, and whose changes a plan would revert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from bulkops.client.access.address import is_at
from bulkops.errors import BulkopsError, JobError
from bulkops.job.job import same_organization
from bulkops.job.rollout import Rollout
from bulkops.journal.identity import Identity, identity_of
from bulkops.journal.place import Place, default_journals, place_of_undo
from bulkops.journal.progress import Progress
from bulkops.journal.reader import ends_of, header_of, header_of_unended, is_complete
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Outcome
from bulkops.journal.storage import Readable
from bulkops.operations.aspects.base import Source
from bulkops.operations.compare import Shown, compare
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation
from bulkops.operations.steps import bind
from bulkops.plan.model import Plan
from bulkops.plan.recorded import kind_of
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.plan.trusted import sound_journal
from bulkops.text import as_argument

AT_ONCE = 16
"""Journals that are looked at together."""


class Unfinished(NamedTuple):
    """The journal of an unfinished job that matters to a plan.

    Attributes:
        note: a note for the plan: what it would revert and prevent, and what to do first.
        run_id: that of the journal.
        contradicts: the plan reverts or prevents changes of that job; if not, it is another version
            of the plan's own job.
    """

    place: Place
    note: str
    run_id: str
    contradicts: bool = True


def is_resumable(
    replay: Replay,
    identity: Identity,
    address: str,
    rollout: Rollout,
    *,
    retry_failed: bool,
    finished: bool = False,
) -> bool:
    """Return whether a job resumes this journal, if it is the newest, and starts no new one.

    It has the job's identity and address, and something is left of it:

    | the journal's job                                     | is resumed               |
    |-------------------------------------------------------|--------------------------|
    | has operations pending or in doubt                    | yes                      |
    | is stopped by its failure tolerance                   | yes                      |
    | has a gate, and a wave that has begun has not passed  | yes                      |
    | has failed, in conflict or drifted operations         | with ``--retry-failed``  |
    | is finished                                           | if it is of a saved plan |
    | lost its run task                                     | no                       |

    Args:
        address: the server's, as ``canonical`` returns it.
        rollout: the job's current ``[rollout]``.
        finished: a finished journal counts as one to resume.
    """
    if replay.ended and replay.ended.how == How.GONE:
        return False
    left = finished or replay.unfinished or (retry_failed and replay.to_retry)
    left |= stopped_by_tolerance(replay, rollout) is not None
    left |= rollout.gate is not None and not replay.passed
    return left and identity_of(replay.header) == identity and is_at(replay.header.address, address)


def with_unfinished_noted(plan: Plan, unfinished: Iterable[Unfinished]) -> Plan:
    """Return the plan with a note per unfinished job; a saved plan may have some already."""
    notes = dict.fromkeys([*plan.notes, *(one.note for one in unfinished)])
    return msgspec.structs.replace(plan, notes=tuple(notes))


def unfinished_first(unfinished: object) -> JobError:
    """Return the error for a plan that contradicts a job, whose journal this is."""
    named = as_argument(unfinished)
    return JobError(
        f"nothing was changed: this plan contradicts {unfinished}, which is not finished. Finish "
        f"it with `bulkops resume {named}`, revert it with `bulkops undo {named}`, or add "
        "--despite-unfinished"
    )


def unfinished_jobs(plan: Plan, address: str, journal: Place | None = None) -> list[Unfinished]:
    """Return the journals of unfinished jobs that a plan contradicts, or of its own job as it was.

    It searches the default place and the folder of the plan's own journal. A journal that can't be
    read, is damaged or does not agree with itself is skipped: commands that use it report that.
    """
    around = [*default_journals().all(), *(journal.neighbours() if journal else ())]
    places = {str(place): place for place in around}

    def is_relevant(header: Header) -> bool:
        here = same_organization(header.organization, plan.job.organization)
        return here and is_at(header.address, address) and header.run_id != plan.undo_of

    # Each may be in a store, whose answers take their time.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        noted = pool.map(lambda place: list(_noted(place, is_relevant, plan)), places.values())
        found = [one for several in noted for one in several]
        # All others are looked at only if it matters whether one is the undo of these.
        undone = set(pool.map(_undone_by, places.values())) if found else ()
    return [one for one in found if one.run_id not in undone]


def is_undone(place: Place, run_id: str) -> bool:
    """Return whether the undo beside a journal has reverted its job.

    Args:
        run_id: that of the journal.

    Raises:
        JournalError: the undo's journal can't be read.
    """
    undo = place_of_undo(place)
    if not undo.exists():
        return False
    header, ended = ends_of(undo.reader())
    return header.undo_of == run_id and ended is not None and ended.how == How.COMPLETE


def _undone_by(place: Place) -> str:
    """Return the run that a journal has reverted; empty if it isn't that of a complete undo."""
    try:
        header = header_of(place.reader()) if is_complete(place.reader()) else None
    except (OSError, BulkopsError, msgspec.DecodeError):
        return ""
    return header.undo_of if header else ""


def _noted(place: Place, is_relevant: Callable[[Header], bool], plan: Plan) -> Iterator[Unfinished]:
    try:
        replay = _unfinished(place.reader(), is_relevant)
        theirs = kind_of(replay.header) if replay else None
    except (OSError, BulkopsError, ValueError, RecursionError, msgspec.DecodeError):
        return
    if replay is None or theirs is None:
        return
    # Its organization may be written in another case; that would make other sources of the same.
    organization = replay.header.organization
    resolved = msgspec.structs.replace(plan.resolved, organization=organization)
    ours = bind(plan.job.steps, resolved)
    undone, prevented = _disagreement(plan, ours, replay, theirs)
    named = as_argument(place)
    if undone or prevented:
        yield Unfinished(
            place,
            f"{place} is not finished: this plan {_effect(undone, prevented)}. Run `bulkops resume "
            f"{named}` or `bulkops undo {named}` first",
            replay.header.run_id,
        )
    elif _is_another_version(plan, replay.header):
        yield Unfinished(
            place,
            f"{place} is not finished: it is the journal of another version of this job. This plan "
            f"needs a new journal, and to undo everything you need both; `bulkops resume {named}` "
            "finishes the old one",
            replay.header.run_id,
            contradicts=False,
        )


def _effect(undone: int, prevented: int) -> str:
    effects = []
    if undone:
        effects.append(f"reverts {undone} of its changes")
    if prevented:
        effects.append(f"prevents {prevented} {'more' if undone else 'of its changes'}")
    return " and ".join(effects)


def _is_another_version(plan: Plan, header: Header) -> bool:
    mine = not (plan.undo_of or plan.saved or header.undo_of)
    return (
        mine
        and header.job.get("name") == plan.job.name
        and identity_of(header).digest != plan.digest
    )


def _unfinished(journal: Readable, is_relevant: Callable[[Header], bool]) -> Replay | None:
    header = header_of_unended(journal)
    if header is None or not is_relevant(header):
        return None
    replay = sound_journal(journal).replay
    return replay if replay.unfinished else None


def _disagreement(plan: Plan, ours: Kind, replay: Replay, theirs: Kind) -> tuple[int, int]:
    """Return how many changes of a job a plan reverts, and how many more it prevents."""
    planned = {_place(ours, o): o for o in plan.operations}
    undone = prevented = 0
    for progress in replay.operations.values():
        other = planned.get(_place(theirs, progress.operation))
        if other is None or other.desired == progress.operation.desired:
            continue
        undone += _undone(progress, other)
        prevented += progress.outcome in (None, Outcome.IN_DOUBT)
    return undone, prevented


def _place(kind: Kind, operation: Operation) -> tuple[Source | None, str]:
    """Return what an operation changes, and on which target."""
    return kind.of(operation.target).aspects[operation.aspect].source, operation.target.id


def _undone(progress: Progress, other: Operation) -> bool:
    """Return whether the other operation reverts what this one did."""
    current = [other.before] if other.before else []
    holds = compare(progress.operation, current) is Shown.DESIRED
    return progress.outcome is Outcome.SUCCEEDED and holds
