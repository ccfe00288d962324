"""Journal and a fresh reading → what a resumed job still has to do. Pure.

| the journal says    | the server shows | then                                                |
|---------------------|------------------|-----------------------------------------------------|
| pending, no intent  | as planned from  | carried out                                         |
| pending, no intent  | as wanted        | skipped: somebody else's work, undo leaves it       |
| pending, no intent  | anything else    | conflict                                            |
| pending, no intent  | that something   | conflict                                            |
|                     | must come first  |                                                     |
| pending, or in      | that it would be | conflict                                            |
| doubt and not done  | the last one     |                                                     |
| pending             | can't be read    | carried out                                         |
| pending, or decided | nothing, and the | skipped where it was to be taken away, else a       |
| anew                | target is gone   | conflict: in both cases it is told as gone          |
| in doubt            | anything else    | looked at one by one, by the worker                 |
| failed, conflict    | whatever         | left; decided anew where ``retry_failed`` was asked |
| done                | as wanted        | left                                                |
| done                | anything else    | likewise: somebody changed it since                 |
| failed, in an undo  | as pending       | as pending, where ``retry_failed`` was asked        |
| or of a saved plan  |                  |                                                     |

An undo, or a saved plan, decides nothing anew: what somebody changed since stays a conflict.
Something must come first where it was done and somebody undid it, or where it was not needed when
this was planned. The last one: the old run task, where the new one is gone, or the other way
round. By the reading that decides this what is in doubt has settled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from bulkops.journal.progress import Progress
from bulkops.journal.records import Planned, Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE, RETRIED, Outcome
from bulkops.operations import wording
from bulkops.operations.compare import (
    SET_OUTSIDE,
    Shown,
    bare,
    changed,
    compare,
    gone,
)
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Observations, Operation, Skip, observed_in


def reconcile(
    replay: Replay,
    observations: Observations,
    kind: Kind,
    *,
    retry_failed: bool,
    date: str,
    missing: Collection[str] = (),
) -> Iterator[Planned | Result]:
    """Yield the records that bring the journal up to what the server shows now.

    What is pending or in doubt after them is the work that is left.

    Args:
        missing: ids of the targets that are gone.
    """
    records = _brought_up(replay, observations, kind, retry_failed=retry_failed, date=date)
    for record in records:
        operation = replay.operations[record.key].operation
        if isinstance(record, Result) and operation.target.id in missing:
            # Nobody changed it: it went with what it was on.
            outcome = Outcome.SKIPPED if operation.desired is None else Outcome.CONFLICT
            yield _result(operation, outcome, gone(operation.target), date)
        else:
            yield record


def rests_on_another(replay: Replay, kind: Kind) -> bool:
    """Return whether something is to be taken away because a reading alone shows the other one."""
    return kind.never_empty and any(
        progress.operation.desired is None and not progress.operation.after
        for progress in replay.having(None, Outcome.IN_DOUBT)
    )


def _brought_up(
    replay: Replay, observations: Observations, kind: Kind, *, retry_failed: bool, date: str
) -> Iterator[Planned | Result]:
    for progress in replay.operations.values():
        operation, outcome = progress.operation, progress.outcome
        readable = operation.aspect in observations
        if outcome is None and readable:
            yield from _pending(operation, replay, observations, kind, date)
        elif outcome is Outcome.IN_DOUBT and readable:
            yield from _in_doubt(operation, observations, kind, date)
        elif retry_failed and outcome in RETRIED:
            yield from _retried(progress, replay, observations, kind, date)
        elif retry_failed and outcome in DONE and readable and not _decides_nothing(replay):
            yield from _drifted(operation, replay, observations, kind, date)


def _decides_nothing(replay: Replay) -> bool:
    """Whether it is an undo, or a saved plan, which are carried out as they were planned."""
    return bool(replay.header.undo_of or replay.header.plan)


def _retried(
    progress: Progress, replay: Replay, observations: Observations, kind: Kind, date: str
) -> Iterator[Planned | Result]:
    operation = progress.operation
    if not _decides_nothing(replay):
        decisions = kind.decided(operation.target, observations)
        yield _anew(operation, decisions, replay, date)
    elif progress.outcome is Outcome.FAILED:
        yield Planned.of(operation)
        yield from _pending(operation, replay, observations, kind, date)


def _anew(
    operation: Operation, decisions: Sequence[Operation | Skip], replay: Replay, date: str
) -> Planned | Result:
    """Return what becomes of an operation whose target was decided anew."""
    decided = _same(operation, decisions)
    if decided is not None:
        reason = _not_to_come(decided, replay)
        return _result(operation, Outcome.CONFLICT, reason, date) if reason else Planned.of(decided)
    skip = next((d for d in decisions if isinstance(d, Skip)), None)
    if skip is not None and skip.blocked:
        return _result(operation, Outcome.CONFLICT, skip.reason, date)
    reason = skip.reason if skip is not None else "nothing is left to do"
    return _result(operation, Outcome.SKIPPED, reason, date)


def _drifted(
    operation: Operation, replay: Replay, observations: Observations, kind: Kind, date: str
) -> Iterator[Planned | Result]:
    """Yield what makes so again what was done and is no longer so; nothing where nothing can."""
    if compare(operation, observed_in(observations, operation)) is Shown.DESIRED:
        return
    decisions = kind.decided(operation.target, observations)
    if _same(operation, decisions) or any(isinstance(d, Skip) and d.blocked for d in decisions):
        yield _anew(operation, decisions, replay, date)


def _same(operation: Operation, decisions: Sequence[Operation | Skip]) -> Operation | None:
    operations = (d for d in decisions if isinstance(d, Operation))
    if not operation.number:
        return next((d for d in operations if d.key == operation.key), None)
    # Of several the others may be gone by now, and with them the number by which it was planned.
    same = (d for d in operations if d.before and d.before.id == operation.before_id)
    return next((msgspec.structs.replace(d, kind=operation.kind) for d in same), None)


def _not_to_come(decided: Operation, replay: Replay) -> str:
    """Return, in words, what must come first and won't: it is not planned, or done already."""
    for key in decided.after:
        if key not in replay.operations or replay.operations[key].outcome in DONE:
            return f"{key} would have to come first, and is not to be done here: plan the job anew"
    return ""


def _pending(
    operation: Operation, replay: Replay, observations: Observations, kind: Kind, date: str
) -> Iterator[Result]:
    observed = observed_in(observations, operation)
    shown = compare(operation, observed)
    if shown is Shown.DESIRED:
        yield _result(operation, Outcome.SKIPPED, SET_OUTSIDE, date)
    elif shown is not Shown.BEFORE:
        yield _result(operation, Outcome.CONFLICT, changed(operation, observed), date)
    elif reason := _hindered(operation, replay, observations, kind):
        yield _result(operation, Outcome.CONFLICT, reason, date)


def _in_doubt(
    operation: Operation, observations: Observations, kind: Kind, date: str
) -> Iterator[Result]:
    if compare(operation, observed_in(observations, operation)) is Shown.BEFORE:
        reason = bare(kind, operation, observations)
        if reason:
            yield _result(operation, Outcome.CONFLICT, reason, date)


def _hindered(operation: Operation, replay: Replay, observations: Observations, kind: Kind) -> str:
    """Return, in words, why a pending operation is not to be carried out though it could be."""
    reason = _undone(operation, replay, observations)
    reason = reason or _not_needed_then(operation, replay, observations, kind)
    if reason or any(replay.operations[key].outcome not in DONE for key in operation.after):
        # What comes first may be what it waits for.
        return reason
    return bare(kind, operation, observations)


def _undone(operation: Operation, replay: Replay, observations: Observations) -> str:
    """Return what comes first, was done and is no longer so, in words."""
    for key in operation.after:
        first = replay.operations[key]
        if first.outcome not in DONE or first.operation.aspect not in observations:
            continue
        observed = observed_in(observations, first.operation)
        if compare(first.operation, observed) is not Shown.DESIRED:
            shows = wording.reading(first.operation, observed)
            return f"somebody undid {key}, which comes first: the server shows {shows}"
    return ""


def _not_needed_then(
    operation: Operation, replay: Replay, observations: Observations, kind: Kind
) -> str:
    """Return, in words, what must come first now and needed not when the job was planned."""
    if replay.header.undo_of or len(kind.aspects) == 1:
        return ""
    decided = _same(operation, kind.decide(operation.target, observations))
    return _not_to_come(decided, replay) if decided else ""


def _result(operation: Operation, outcome: Outcome, reason: str, date: str) -> Result:
    return Result(key=operation.key, outcome=outcome, at=date, reason=reason)
