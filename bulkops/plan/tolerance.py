"""Whether failures exceed a job's tolerance and stop it, and how many more are tolerated. Pure.

Failures are counted from the journal, over all executions (see ``Replay.failures``). Whether a job
is stopped until ``--continue``, by its last execution:

| the last execution                    | failures exceed the tolerance | the job is stopped |
|---------------------------------------|-------------------------------|--------------------|
| completed                             | yes or no                     | no                 |
| recorded that they exceeded it        | yes or no: the job file may   | yes                |
|                                       | have been changed since       |                    |
| was killed, or ended in any other way | yes                           | yes                |
| was killed, or ended in any other way | no                            | no                 |
"""

from __future__ import annotations

from collections.abc import Iterable

from bulkops.job.rollout import Rollout, Wave
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import Exceeded, How, Reached


def stopped_by_tolerance(replay: Replay, rollout: Rollout) -> Exceeded | None:
    """Return the exceeded tolerance that stops a job until ``--continue``, ``None`` if none does.

    Args:
        rollout: the job's current ``[rollout]``, which may differ from the journal's.
    """
    ended = replay.ended
    if ended is not None and (ended.exceeded is not None or ended.how == How.COMPLETE):
        return ended.exceeded
    now = exceeded(replay, rollout)
    if now is None and ended is not None and ended.how == How.TOLERANCE:
        # 0.1 didn't record by how much, and counted each execution's failures separately.
        return _over_all(replay, rollout)
    return now


def exceeded(replay: Replay, rollout: Rollout) -> Exceeded | None:
    """Return the tolerance that failures exceed: the job's before the wave's; ``None`` if none."""
    over_all = _over_all(replay, rollout)
    if over_all.failures > over_all.tolerated:
        return over_all
    steps = replay.waves_of(rollout) if replay.failures else []
    wave = next((w for w in steps if replay.reached(w.number) is not Reached.PASSED), None)
    if wave is None or wave.tolerated is None:
        return None
    failures = replay.failures_in(wave.number, wave.start, wave.end)
    if failures <= wave.tolerated:
        return None
    targets = replay.targets
    units = wave.size if targets is None else targets.between(wave.start, wave.end)
    return Exceeded(failures, wave.tolerated, units, wave.number)


def _over_all(replay: Replay, rollout: Rollout) -> Exceeded:
    units = replay.units
    return Exceeded(replay.failures, rollout.tolerated(units), units)


class Margin:
    """The number of failures that are still tolerated while operations are in progress.

    Args:
        replay: the job's state, updated with each result.
        wave: the wave whose own tolerance applies too, ``None`` if there is none.
        others: operations in progress that are not part of that wave.
    """

    def __init__(
        self, replay: Replay, rollout: Rollout, wave: Wave | None, others: Iterable[Progress] = ()
    ) -> None:
        self._replay = replay
        self._tolerated = rollout.tolerated(replay.units)
        self._wave = wave
        self._others = frozenset(progress.operation.key for progress in others)
        own = wave is not None and wave.tolerated is not None
        counted = replay.operations.failing(wave.start, wave.end) if wave and own else ()
        self._in_wave = set(counted)

    @property
    def left(self) -> int:
        """The number of failures still tolerated; negative if the tolerance is exceeded."""
        left = self._tolerated - self._replay.failures
        if self._wave is None or self._wave.tolerated is None:
            return left
        drifted = self._replay.drifted_in(self._wave.number)
        return min(left, self._wave.tolerated - len(self._in_wave) - drifted)

    def take_failure(self, key: str) -> None:
        """Record that an operation failed; the replay has its result already."""
        if key not in self._others:
            operations = self._replay.operations
            self._in_wave.add(operations.unit(operations[key].operation))
