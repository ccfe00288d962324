"""How far a shard is, and what a fleet's command exits with. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bulkops.errors import (
    SIGNALS,
    BulkopsError,
    ExitCode,
    NoResponse,
    RateLimited,
    RequestRejected,
)
from bulkops.fleet.waves import ShardProgress, State
from bulkops.job.rollout import Rollout
from bulkops.journal.replay import Replay
from bulkops.journal.states import Held, How, Outcome, Reached
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.report.model import exit_code

WORST_FIRST = (
    ExitCode.USAGE,
    ExitCode.JOURNAL_DAMAGED,
    ExitCode.JOURNAL_UNWRITABLE,
    ExitCode.PLAN_STALE,
    *SIGNALS.values(),
    ExitCode.ERROR,
    ExitCode.JOURNAL_IN_USE,
    ExitCode.STOPPED,
    ExitCode.IN_DOUBT,
    ExitCode.PAUSED,
    ExitCode.UNFULFILLED,
    ExitCode.DONE,
)
"""The order of the exit codes: a fleet's command exits with the first of its shards'."""

_STATES = {
    ExitCode.DONE: State.DONE,
    ExitCode.UNFULFILLED: State.DONE,
    ExitCode.PAUSED: State.PAUSED,
    ExitCode.ERROR: State.INTERRUPTED,
    ExitCode.IN_DOUBT: State.INTERRUPTED,
    **dict.fromkeys(SIGNALS.values(), State.INTERRUPTED),
}


def worst(codes: Iterable[int]) -> ExitCode:
    """Return the exit code of a fleet's command, given its shards'; ``DONE`` for none."""
    return min(map(ExitCode, codes), key=WORST_FIRST.index, default=ExitCode.DONE)


def ended_as(code: ExitCode) -> State:
    """Return the state of a shard whose job ended with this exit code.

    One with failed operations is done: ``max_failures`` counts them. It is interrupted if the same
    command goes on where it ended, after an error or with operations in doubt, and has failed if
    its own tolerance or gate stopped it.
    """
    return _STATES.get(code, State.FAILED)


def ended_of(replay: Replay) -> State:
    """Return the state of a shard whose last execution has ended.

    One that ended outside its windows is interrupted: the same command goes on in the next one.
    """
    outside = replay.ended is not None and replay.ended.how == How.WINDOW
    return State.INTERRUPTED if outside else ended_as(exit_code(replay))


def stopped_by(problem: BulkopsError) -> State:
    """Return the state of a shard that an error ended.

    It is interrupted if the same command may help, such as after an outage, so that nobody counts
    it as failed before that was tried. It has failed if someone has to mend something first.
    """
    refused = isinstance(problem, RequestRejected) and not isinstance(problem, RateLimited)
    lasting = isinstance(problem, NoResponse) and problem.lasting
    if refused or lasting:
        return State.FAILED
    again = (ExitCode.ERROR, ExitCode.JOURNAL_UNWRITABLE)
    return State.INTERRUPTED if problem.exit_code in again else State.FAILED


def before_running(
    replay: Replay, rollout: Rollout, *, continue_paused: bool, retry_failed: bool
) -> State:
    """Return the state of a shard whose journal can be resumed and is not held.

    It has failed if its tolerance stopped it, and is paused if only ``--continue`` gives it
    anything to do.

    Args:
        rollout: the job's current ``[rollout]``.
        continue_paused: ``--continue`` was given.
        retry_failed: ``--retry-failed`` was given.
    """
    if continue_paused:
        return State.INTERRUPTED
    if stopped_by_tolerance(replay, rollout) is not None:
        return State.FAILED
    open_waves = (w for w in replay.waves.values() if w.reached is not Reached.PASSED)
    waits = any(wave.held == Held.MANUAL for wave in open_waves)
    other = replay.count(Outcome.IN_DOUBT) or (retry_failed and replay.to_retry)
    return State.PAUSED if waits and not other else State.INTERRUPTED


def recorded(replay: Replay, *, running: bool) -> State:
    """Return the state of a shard from its newest journal.

    Args:
        running: a process holds the journal.
    """
    if running:
        return State.RUNNING
    return ended_of(replay) if replay.ended else State.INTERRUPTED


def is_reverted(run_id: str, undo: Replay) -> bool:
    """Return whether a journal's undo has reverted all that the journal's job did.

    Args:
        run_id: that of the journal.
    """
    mine = undo.header.undo_of == run_id
    return mine and undo.ended is not None and exit_code(undo) is ExitCode.DONE


def progress_of(state: State, replay: Replay | None) -> ShardProgress:
    """Return a shard's progress; ``replay``: of its journal, ``None`` if it has none."""
    if replay is None:
        return ShardProgress(state)
    return ShardProgress(state, len(replay.operations), replay.failures)
