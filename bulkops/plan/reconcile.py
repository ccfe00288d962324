"""Journal and a fresh reading → what a resumed job still has to do. Pure.

| the journal records | the server shows  | result                                              |
|---------------------|-------------------|-----------------------------------------------------|
| pending, no intent  | the state before  | carried out                                         |
| pending, no intent  | the desired state | skipped: set outside this job, an undo leaves it    |
| pending, no intent  | anything else     | conflict                                            |
| pending, no intent  | that something    | conflict                                            |
|                     | must come first   |                                                     |
| pending, or in      | that it would     | conflict                                            |
| doubt and not done  | remove the last   |                                                     |
| pending             | can't be read     | carried out                                         |
| pending, or decided | nothing, since    | skipped if it would have removed something, else    |
| again               | the target is     | conflict; both results report the target as gone    |
|                     | gone              |                                                     |
| in doubt            | anything else     | the worker reads each one again                     |
| failed, conflict    | anything          | left; decided again with ``retry_failed``           |
| done                | the desired state | left                                                |
| done                | anything else     | left; decided again with ``retry_failed``           |
| failed, in an undo  | see pending       | with ``retry_failed``: see pending                  |
| or a saved plan     |                   |                                                     |

An undo or a saved plan decides nothing again: a change outside the job stays a conflict. Something
must come first if it was done and then undone outside the job, or if it wasn't needed when this
was planned. "The last": the old run task if the new one is gone, or the other way round. When this
is decided, everything in doubt has settled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

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
from bulkops.operations.model import (
    Observations,
    Operation,
    Skip,
    keys_of_several,
    observed_in,
)


def reconcile(
    replay: Replay,
    observations: Observations,
    kind: Kind,
    *,
    retry_failed: bool,
    date: str,
    missing: Collection[str] = (),
) -> Iterator[Planned | Result]:
    """Yield the records that update the journal to what the server shows now.

    The operations that are still pending or in doubt after them are the work that is left.

    Args:
        missing: ids of the targets that no longer exist.
    """
    records = _updates(replay, observations, kind, retry_failed=retry_failed, date=date)
    for record in records:
        operation = replay.operations[record.key].operation
        if isinstance(record, Result) and operation.target.id in missing:
            # Not changed, but deleted together with its target.
            outcome = Outcome.SKIPPED if operation.desired is None else Outcome.CONFLICT
            yield _result(operation, outcome, gone(operation.target), date)
        else:
            yield record


def rests_on_another(replay: Replay, kind: Kind) -> bool:
    """Return whether a removal rests on nothing but a reading that shows the other run task."""
    return any(
        progress.operation.desired is None
        and kind.beside(progress.operation)
        and not _come_first(progress.operation, replay, kind)
        for progress in replay.having(None, Outcome.IN_DOUBT)
    )


def _come_first(operation: Operation, replay: Replay, kind: Kind) -> list[Progress]:
    """Return the predecessors that write one of the aspects of which one must stay."""
    beside = kind.beside(operation)
    first = (replay.operations[key] for key in operation.after)
    return [progress for progress in first if progress.operation.aspect in beside]


def _updates(
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
    """Whether it is an undo or a saved plan, which are applied exactly as planned."""
    return bool(replay.header.undo_of or replay.header.plan)


def _retried(
    progress: Progress, replay: Replay, observations: Observations, kind: Kind, date: str
) -> Iterator[Planned | Result]:
    operation = progress.operation
    if not _decides_nothing(replay):
        decisions = kind.decided(operation.target, observations)
        yield _decided_again(operation, decisions, replay, date)
    elif progress.outcome is Outcome.FAILED:
        yield Planned.of(operation)
        yield from _pending(operation, replay, observations, kind, date)


def _decided_again(
    operation: Operation, decisions: Sequence[Operation | Skip], replay: Replay, date: str
) -> Planned | Result:
    """Return the record for an operation whose target was decided again."""
    decided = _same(operation, decisions)
    if decided is not None:
        if reason := _not_to_come(decided, replay):
            return _result(operation, Outcome.CONFLICT, reason, date)
        after = (key for now in decided.after for key in _still_to_come(now, replay))
        return Planned.of(msgspec.structs.replace(decided, after=tuple(dict.fromkeys(after))))
    skip = next((d for d in decisions if isinstance(d, Skip)), None)
    if skip is not None and skip.blocked:
        return _result(operation, Outcome.CONFLICT, skip.reason, date)
    reason = skip.reason if skip is not None else "nothing is left to do"
    return _result(operation, Outcome.SKIPPED, reason, date)


def _drifted(
    operation: Operation, replay: Replay, observations: Observations, kind: Kind, date: str
) -> Iterator[Planned | Result]:
    """Yield the record that restores a drifted operation; nothing if none can."""
    if compare(operation, observed_in(observations, operation)) is Shown.DESIRED:
        return
    decisions = kind.decided(operation.target, observations)
    if _same(operation, decisions) or any(isinstance(d, Skip) and d.blocked for d in decisions):
        yield _decided_again(operation, decisions, replay, date)


def _same(operation: Operation, decisions: Sequence[Operation | Skip]) -> Operation | None:
    operations = (d for d in decisions if isinstance(d, Operation))
    if not operation.number:
        return next((d for d in operations if d.key == operation.key), None)
    # If there were several, others may be gone by now, which changes the numbers in the keys.
    same = (d for d in operations if d.before and d.before.id == operation.before_id)
    return next((msgspec.structs.replace(d, kind=operation.kind) for d in same), None)


def _not_to_come(decided: Operation, replay: Replay) -> str:
    """Return what must come first but won't, as it isn't planned or is already done; or empty."""
    for key in decided.after:
        if not _still_to_come(key, replay):
            return f"{key} must come first, but isn't part of this plan: plan the job again"
    return ""


def _still_to_come(key: str, replay: Replay) -> list[str]:
    """Return the planned operations that a key of an operation decided now stands for.

    Of several objects on a target some may be gone by now, which changes the numbers in the keys.
    """
    several = list(takewhile(replay.operations.__contains__, keys_of_several(key)))
    planned = several or [one for one in (key,) if one in replay.operations]
    return [one for one in planned if replay.operations[one].outcome not in DONE]


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
    """Return why a pending operation must not be carried out though it could be; or empty."""
    reason = _undone(operation, replay, observations)
    reason = reason or _not_needed_then(operation, replay, observations, kind)
    if reason or any(p.outcome not in DONE for p in _come_first(operation, replay, kind)):
        # What comes first may resolve the rest.
        return reason
    return bare(kind, operation, observations)


def _undone(operation: Operation, replay: Replay, observations: Observations) -> str:
    """Return which predecessor was done and then undone outside this job; empty if none."""
    for key in operation.after:
        first = replay.operations[key]
        if first.outcome not in DONE or first.operation.aspect not in observations:
            continue
        observed = observed_in(observations, first.operation)
        if compare(first.operation, observed) is not Shown.DESIRED:
            shows = wording.reading(first.operation, observed)
            return (
                f"{key} must come first, but was undone outside this job: the server shows {shows}"
            )
    return ""


def _not_needed_then(
    operation: Operation, replay: Replay, observations: Observations, kind: Kind
) -> str:
    """Return what must come first now, but didn't when the job was planned; empty if nothing."""
    if replay.header.undo_of or len(kind.aspects) == 1:
        return ""
    decided = _same(operation, kind.decided(operation.target, observations))
    return _not_to_come(decided, replay) if decided else ""


def _result(operation: Operation, outcome: Outcome, reason: str, date: str) -> Result:
    return Result(key=operation.key, outcome=outcome, at=date, reason=reason)
