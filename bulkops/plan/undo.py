"""Journal and a fresh reading → the plan that takes back what the job did. Pure.

| the journal says              | the server shows | then                               |
|-------------------------------|------------------|------------------------------------|
| done, or failed with a trace  | what we wrote    | the inverse is planned             |
| in doubt                      | as wanted        | taken for ours: inverse planned    |
| any of these                  | as it was before | skipped: back already              |
| any of these                  | anything else    | blocked: somebody changed it since |
| any of these                  | several          | blocked, naming each               |
| any of these                  | that it would be | blocked                            |
|                               | the last one     |                                    |
| any of these                  | nothing, and the | skipped where it was to be taken   |
|                               | target is gone   | away, else blocked: told as gone   |
| any of these                  | that the run     | skipped; blocked where it would    |
|                               | task is gone     | have to be attached again          |
| pending, or not of our making | whatever         | skipped                            |

The inverse of attached is detached, of changed the old level and stages, of detached attached
again as it was. An inverse is an operation like any other, so the undo of an undo works. What
came after another is taken back before it; where it can't be, or was somebody else's doing and
stands, the other one is left, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.operations.compare import Shown, bare, compare, gone
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Gone, Observations, Observed, Operation, Skip, observed_in

NOT_OURS = "not of this job's making"
BACK = "as it was before already"
SURPLUS = "it was attached more than once: once is enough"


def undo(
    replay: Replay, observations: Observations, kind: Kind, missing: Collection[str] = ()
) -> Iterator[Operation | Skip]:
    """Yield what takes the job's operations back, in their order.

    Args:
        observations: read after any effect in doubt has settled.
        missing: ids of the targets that are gone.
    """
    followers: dict[str, list[Progress]] = {}
    for progress in replay.operations.values():
        for first in progress.operation.after:
            followers.setdefault(first, []).append(progress)
    for progress in replay.operations.values():
        decided = _decided(progress, observations, kind)
        if decided.target.id in missing and not is_not_ours(decided):
            # What was to be taken away went with it; nothing else can be given back. Whatever a
            # reading shows of it, that was before it went.
            removed = progress.restore is None
            yield Skip(decided.target, gone(decided.target), blocked=not removed)
            continue
        later = followers.get(progress.operation.key) if followers else None
        if later and isinstance(decided, Operation):
            decided = _after(decided, later, observations, kind)
        if isinstance(decided, Operation) and not decided.after:
            reason = bare(kind, decided, observations)
            decided = Skip(decided.target, reason, blocked=True) if reason else decided
        yield decided


def is_not_ours(decided: Operation | Skip) -> bool:
    """Return whether there is nothing of the job's to take back."""
    return isinstance(decided, Skip) and decided.reason == NOT_OURS


def _decided(progress: Progress, observations: Observations, kind: Kind) -> Operation | Skip:
    operation = progress.operation
    observed = observations[operation.aspect].get(operation.target.id, ())
    inverse = _inverse(progress, observed, kind)
    if inverse is None:
        return Skip(operation.target, NOT_OURS)
    if operation.number > 1:
        return Skip(operation.target, SURPLUS)
    rows = observations[operation.aspect]
    if isinstance(rows, Gone):
        reason = f"the run task {kind.resolved.named(rows.task_id)} is gone"
        # What was attached went with it; what was detached can't come back.
        return Skip(operation.target, reason, blocked=inverse.before is None)
    return _decide(inverse, observed)


def _after(
    inverse: Operation, later: Iterable[Progress], observations: Observations, kind: Kind
) -> Operation | Skip:
    """Return an inverse that comes after those of what came after its operation."""
    after: list[str] = []
    for follower in later:
        decided = _decided(follower, observations, kind)
        if isinstance(decided, Operation):
            after.append(decided.key)
            continue
        observed = observed_in(observations, follower.operation)
        stands = compare(follower.operation, observed) is Shown.DESIRED
        if decided.blocked or (stands and decided.reason == NOT_OURS):
            reason = f"what came after it can't be taken back: {decided.reason}"
            return Skip(inverse.target, reason, blocked=True)
    return msgspec.structs.replace(inverse, after=tuple(after))


def _inverse(progress: Progress, observed: Sequence[Observed], kind: Kind) -> Operation | None:
    """Return the write that takes the operation back, ``None`` where nothing is of our making."""
    operation, result = progress.operation, progress.result
    written, written_id = operation.desired, ""
    if progress.outcome is Outcome.IN_DOUBT:
        # Whatever stands there as wanted is taken for ours: nobody else was asked for it.
        written_id = observed[0].id if observed else ""
    elif result is not None and result.ours:
        written, written_id = result.kept or written, progress.id
    else:
        return None
    before = None if written is None else Observed(written_id, written)
    desired = progress.restore.attributes if progress.restore else None
    inverse = Operation("", operation.target, before, desired, operation.aspect)
    verb = kind.verb(inverse)
    return msgspec.structs.replace(inverse, kind=verb, verb=verb)


def _decide(inverse: Operation, observed: Sequence[Observed]) -> Operation | Skip:
    shown = compare(inverse, observed)
    if shown is Shown.BEFORE:
        return inverse
    if shown is Shown.DESIRED:
        return Skip(inverse.target, BACK)
    shows = f"the server shows {wording.reading(inverse, observed)}"
    reason = f"somebody changed it since: {shows}"
    if shown is Shown.SEVERAL:
        # Perhaps a second machine with a copy of the journal: nobody can tell which one is ours.
        reason = f"{shows}: detach all but one, then undo again"
    return Skip(inverse.target, reason, blocked=True)
