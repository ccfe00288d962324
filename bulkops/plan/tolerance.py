"""How far a job is from its failure tolerance, and whether that holds it. Pure.

Failures are counted from the journal, over all executions: see ``Replay.failures``. Whether a job
is held, by its last execution:

| the last execution                    | failures exceed the tolerance | then                    |
|---------------------------------------|-------------------------------|-------------------------|
| came to its end                       | whatever                      | not held                |
| says that they exceeded it            | whatever: the job file may    | held until somebody     |
|                                       | have been changed since       | says ``--continue``     |
| was killed, or ended in any other way | yes                           | held likewise           |
| likewise                              | no                            | not held                |
"""

from __future__ import annotations

from collections.abc import Iterable

from bulkops.job.rollout import Rollout, Wave
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import Exceeded, How, Reached


def stopped_by_tolerance(replay: Replay, rollout: Rollout) -> Exceeded | None:
    """Return what holds a job until somebody says ``--continue``, ``None`` where nothing does.

    Args:
        rollout: in force now.
    """
    ended = replay.ended
    if ended is not None and (ended.exceeded is not None or ended.how == How.COMPLETE):
        return ended.exceeded
    found = exceeded(replay, rollout)
    if found is None and ended is not None and ended.how == How.TOLERANCE:
        # 0.1 did not say by how much, and counted each execution's failures on their own.
        return _over_all(replay, rollout)
    return found


def exceeded(replay: Replay, rollout: Rollout) -> Exceeded | None:
    """Return which tolerance failures exceed: the whole run's before that of the wave."""
    over_all = _over_all(replay, rollout)
    if over_all.failures > over_all.tolerated:
        return over_all
    steps = rollout.steps(len(replay.operations)) if replay.failures else []
    wave = next((w for w in steps if replay.reached(w.number) is not Reached.PASSED), None)
    if wave is None or wave.tolerated is None:
        return None
    failures = replay.failures_in(wave.number, wave.start, wave.end)
    if failures <= wave.tolerated:
        return None
    return Exceeded(failures, wave.tolerated, wave.size, wave.number)


def _over_all(replay: Replay, rollout: Rollout) -> Exceeded:
    operations = len(replay.operations)
    return Exceeded(replay.failures, rollout.tolerated(operations), operations)


class Margin:
    """How many more failures are borne, while operations are carried out.

    Args:
        replay: that the results bring forward.
        wave: whose own tolerance holds, beside the whole run's; ``None`` for none.
        others: of what is carried out, what is no part of that wave.
    """

    def __init__(
        self, replay: Replay, rollout: Rollout, wave: Wave | None, others: Iterable[Progress] = ()
    ) -> None:
        self._replay = replay
        self._tolerated = rollout.tolerated(len(replay.operations))
        self._wave = wave
        self._others = frozenset(progress.operation.key for progress in others)
        own = wave is not None and wave.tolerated is not None
        self._in_wave = replay.operations.failed(wave.start, wave.end) if wave and own else 0

    @property
    def left(self) -> int:
        """How many more are borne; below 0 where they exceed what is."""
        left = self._tolerated - self._replay.failures
        if self._wave is None or self._wave.tolerated is None:
            return left
        drifted = self._replay.drifted_in(self._wave.number)
        return min(left, self._wave.tolerated - self._in_wave - drifted)

    def take_failure(self, key: str) -> None:
        """Take note that an operation failed; the replay knows it already."""
        self._in_wave += key not in self._others
