"""Journal and a fresh reading → what a resumed job still has to do. Pure.

| the journal says    | the server shows | then                                                |
|---------------------|------------------|-----------------------------------------------------|
| pending, no intent  | as planned from  | carried out                                         |
| pending, no intent  | as wanted        | skipped: somebody else's work, undo leaves it       |
| pending, no intent  | anything else    | conflict                                            |
| pending             | can't be read    | carried out                                         |
| in doubt            | whatever         | looked at one by one, by the worker                 |
| failed, conflict    | whatever         | left; decided anew where ``retry_failed`` was asked |
| failed, in an undo  | as pending       | as pending, where ``retry_failed`` was asked        |
| or of a saved plan  |                  |                                                     |

An undo, or a saved plan, decides nothing anew: what somebody changed since stays a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bulkops.journal.records import Planned, Record, Result
from bulkops.journal.replay import Progress, Replay
from bulkops.operations import wording
from bulkops.operations.model import Kind, Operation, Seen, Showing, Skip, seen_in
from bulkops.outcome import RETRIED, Outcome, Shown, compare


def reconcile(
    replay: Replay, showing: Showing, kind: Kind, *, retry_failed: bool, date: str
) -> Iterator[Record]:
    """Yield the records that bring the journal up to what the server shows now.

    What is pending or in doubt after them is the work that is left.
    """
    for progress in replay.operations.values():
        readable = progress.operation.aspect in showing
        seen = seen_in(showing, progress.operation) if readable else ()
        if progress.outcome is None:
            if readable:
                yield from _pending(progress, compare(progress.operation, seen), seen, date)
        elif not retry_failed or progress.outcome not in RETRIED:
            continue
        elif replay.header.undo_of or replay.header.plan:
            if progress.outcome is Outcome.FAILED:
                yield Planned.of(progress.operation)
                yield from _pending(progress, compare(progress.operation, seen), seen, date)
        else:
            yield _anew(progress, kind.decide(progress.operation.target, showing), replay, date)


def _anew(
    progress: Progress, decisions: Sequence[Operation | Skip], replay: Replay, date: str
) -> Record:
    """Return what becomes of an operation whose target was decided anew."""
    key = progress.operation.key
    for decision in decisions:
        if isinstance(decision, Operation) and decision.key == key:
            if not all(map(replay.knows, decision.after)):
                return _result(progress, Outcome.CONFLICT, "more must come first: plan anew", date)
            return Planned.of(decision)
    skip = next((d for d in decisions if isinstance(d, Skip)), None)
    if skip is not None and skip.blocked:
        return _result(progress, Outcome.CONFLICT, skip.reason, date)
    reason = skip.reason if skip is not None else "nothing is left to do"
    return _result(progress, Outcome.SKIPPED, reason, date)


def _pending(progress: Progress, shown: Shown, seen: Sequence[Seen], date: str) -> Iterator[Result]:
    if shown is Shown.WANTED:
        yield _result(progress, Outcome.SKIPPED, "somebody else made it so in the meantime", date)
    elif shown is not Shown.BEFORE:
        operation = progress.operation
        reason = (
            f"somebody else changed it: the server shows {wording.reading(operation, seen)}, "
            f"planned was {wording.change(operation)}"
        )
        yield _result(progress, Outcome.CONFLICT, reason, date)


def _result(progress: Progress, outcome: Outcome, reason: str, date: str) -> Result:
    return Result(key=progress.operation.key, outcome=outcome, at=date, reason=reason)
