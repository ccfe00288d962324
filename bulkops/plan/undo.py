"""Journal and a fresh reading → the plan that undoes the job. Pure.

| the journal records            | the server shows  | result                               |
|--------------------------------|-------------------|--------------------------------------|
| done, or failed with an effect | what we wrote     | the inverse is planned               |
| in doubt                       | the desired state | assumed to be ours: inverse planned  |
| any of these                   | the state before  | skipped: reverted already            |
| any of these                   | anything else     | blocked: changed outside this job    |
| any of these                   | several           | blocked, naming each                 |
| one of several objects removed | only others that  | skipped: one is enough               |
|                                | the job found     |                                      |
| any of these                   | that it would     | blocked                              |
|                                | remove the last   |                                      |
| any of these                   | nothing, since    | skipped if it would be removed, else |
|                                | the target is     | blocked; reported as gone            |
|                                | gone              |                                      |
| any of these                   | that the run      | skipped; blocked if it would have to |
|                                | task is gone      | be attached again                    |
| pending, or not written by us  | anything          | skipped                              |

The inverse of an attach is a detach, of an update the old level and stages, of a detach the former
attachment; of several, that of the first that this job removed. An inverse is an ordinary
operation, so an undo can be undone. An operation that came after another is reverted before it. If
it can't be reverted, or if it was done outside this job and still holds, the other one isn't
reverted either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, product, takewhile

import msgspec

from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.operations.compare import Shown, bare, compare, gone
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Gone,
    Observations,
    Observed,
    Operation,
    Skip,
    keys_of_several,
    observed_in,
    own,
)
from bulkops.operations.several import step_of

NOT_OURS = "not changed by this job"
BACK = "already as it was before"
SURPLUS = "it was attached more than once: attaching it once is enough"


def undo(
    replay: Replay, observations: Observations, kind: Kind, missing: Collection[str] = ()
) -> Iterator[Operation | Skip]:
    """Yield the operations and skips that undo the job, in the order of its operations.

    Args:
        observations: read after every effect in doubt has settled.
        missing: ids of the targets that no longer exist.
    """
    followers = _followers(replay)
    for progress in replay.operations.values():
        decided = _decided(progress, replay, observations, kind)
        if decided.target.id in missing and not is_not_ours(decided):
            # What the undo would remove was deleted with the target; nothing can be restored on it.
            # A reading that still shows it is from before the deletion.
            removed = progress.restore is None
            yield Skip(decided.target, gone(decided.target), blocked=not removed)
            continue
        later = followers.get(progress.operation.key) if followers else None
        if isinstance(decided, Operation):
            decided = _after(decided, (later or {}).values(), replay, observations, kind)
        yield decided


def _followers(replay: Replay) -> dict[str, dict[str, Progress]]:
    """Return key → the operations that came after an operation, by their keys."""
    followers: dict[str, dict[str, Progress]] = {}
    for progress in replay.operations.values():
        for first in progress.operation.after:
            followers.setdefault(first, {})[progress.operation.key] = progress
    if replay.operations.per_target and not replay.header.undo_of:
        # An operation that was decided again no longer names those that were done by then.
        for _, group in groupby(replay.operations.values(), lambda p: p.operation.target.id):
            of_target = list(group)
            for one, later in product(of_target, of_target):
                if step_of(one.operation) < step_of(later.operation):
                    key = one.operation.key
                    followers.setdefault(key, {})[later.operation.key] = later
    return followers


def is_not_ours(decided: Operation | Skip) -> bool:
    """Return whether this job has nothing to revert here."""
    return isinstance(decided, Skip) and decided.reason == NOT_OURS


def not_covered(replay: Replay, undo: Replay) -> int:
    """Return how many changes a job has made since its undo was planned.

    Args:
        undo: of the undo's journal.
    """
    not_ours = sum(skip.reason == NOT_OURS for skip in undo.skips)
    return max(0, not_ours - sum(not _is_ours(one) for one in replay.operations.values()))


def _is_ours(progress: Progress) -> bool:
    """Return whether the job changed the target, or may have."""
    result = progress.result
    return progress.outcome is Outcome.IN_DOUBT or (result is not None and result.ours)


def _decided(
    progress: Progress, replay: Replay, observations: Observations, kind: Kind
) -> Operation | Skip:
    operation = progress.operation
    observed = observations[operation.aspect].get(operation.target.id, ())
    inverse = _inverse(progress, observed, kind)
    if inverse is None:
        return Skip(operation.target, NOT_OURS)
    if operation.number and (reason := _needless(progress, replay, observed)):
        return Skip(operation.target, reason)
    rows = observations[operation.aspect]
    if isinstance(rows, Gone):
        reason = f"the run task {kind.resolved.named(rows.task_id)} is gone"
        # Attachments were deleted with the run task; a detached one can't be restored.
        return Skip(operation.target, reason, blocked=inverse.before is None)
    return _decide(inverse, observed)


def _needless(progress: Progress, replay: Replay, observed: Sequence[Observed]) -> str:
    """Return why one of several objects on a target need not be restored; empty if it must be."""
    keys = takewhile(replay.operations.__contains__, keys_of_several(progress.operation.key))
    of_target = [replay.operations[key] for key in keys]
    if progress is not next(filter(_is_ours, of_target)):
        return SURPLUS
    left = [one for one in of_target if _is_left(one, own(one.operation, observed))]
    if not left or len(left) < len(observed):
        return ""
    return BACK if progress in left else SURPLUS


def _is_left(progress: Progress, observed: Sequence[Observed]) -> bool:
    """Return whether what a job found is there, and unchanged if the job may have removed it."""
    as_before = compare(progress.operation, observed) is Shown.BEFORE
    return as_before if _is_ours(progress) else bool(observed)


def _after(
    inverse: Operation,
    later: Iterable[Progress],
    replay: Replay,
    observations: Observations,
    kind: Kind,
) -> Operation | Skip:
    """Return an inverse that comes after the inverses of the operation's followers."""
    after, restored = list[str](), set[str]()
    for follower in later:
        decided = _decided(follower, replay, observations, kind)
        if isinstance(decided, Operation):
            after.append(decided.key)
            restored.add(decided.aspect)
            continue
        observed = observed_in(observations, follower.operation)
        holds = compare(follower.operation, observed) is Shown.DESIRED
        if decided.blocked or (holds and decided.reason == NOT_OURS):
            reason = f"what came after it can't be undone: {decided.reason}"
            return Skip(inverse.target, reason, blocked=True)
    if restored.isdisjoint(kind.beside(inverse)):
        # None of its followers restores what would be the last without it.
        reason = bare(kind, inverse, observations)
        if reason:
            return Skip(inverse.target, reason, blocked=True)
    return msgspec.structs.replace(inverse, after=tuple(after)) if after else inverse


def _inverse(progress: Progress, observed: Sequence[Observed], kind: Kind) -> Operation | None:
    """Return the write that reverts an operation, ``None`` if this job wrote nothing."""
    operation, result = progress.operation, progress.result
    written, written_id = operation.desired, ""
    if progress.outcome is Outcome.IN_DOUBT:
        # A target in its desired state is assumed to be ours: this job sent that very change.
        written_id = observed[0].id if observed else ""
    elif result is not None and result.ours:
        written, written_id = result.kept or written, progress.id
    else:
        return None
    before = None if written is None else Observed(written_id, written)
    # The one that was read, if it is equal: there may be a million.
    before = next((one for one in observed if one == before), before)
    desired = progress.restore.attributes if progress.restore else None
    inverse = Operation("", operation.target, before, desired, operation.aspect)
    return msgspec.structs.replace(
        inverse, kind=kind.kind_of_inverse(inverse), verb=kind.verb(inverse)
    )


def _decide(inverse: Operation, observed: Sequence[Observed]) -> Operation | Skip:
    shown = compare(inverse, observed)
    if shown is Shown.BEFORE:
        return inverse
    if shown is Shown.DESIRED:
        return Skip(inverse.target, BACK)
    shows = f"the server shows {wording.reading(inverse, observed)}"
    reason = f"changed outside this job: {shows}"
    if shown is Shown.SEVERAL:
        # Perhaps a second machine with a copy of the journal: which one is ours is unknown.
        reason = f"{shows}: detach all but one, then undo again"
    return Skip(inverse.target, reason, blocked=True)
