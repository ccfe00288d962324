"""Tracks the progress of an execution. Pure.

The replay of the journal counts the operations. A ``ProgressTracker`` takes the waves as they are
recorded and turns the time and the execution's activity into a ``JobProgress``: all that a view
shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from bulkops.cli.output.progress.model import Doing, JobProgress, WaveProgress
from bulkops.cli.output.progress.speed import Speed
from bulkops.job.rollout import MANUAL, Rollout, Wave, wave_pause_seconds
from bulkops.journal.progress import Progress
from bulkops.journal.records import Rest, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome, Reached
from bulkops.runner.activity import Activity


class ProgressTracker:
    """Tracks the progress of one execution.

    Args:
        replay: of its journal, updated while it runs.
        rollout: the job's waves and pauses.
        rate: the job's own limit in requests per second; ``None`` for none.

    Attributes:
        journal_only: another process runs it: only operations that were sent are seen in flight.
    """

    journal_only = False

    def __init__(self, replay: Replay, rollout: Rollout, rate: float | None = None) -> None:
        self._replay = replay
        self._rollout = rollout
        self._ceiling = rate
        self._waves = replay.waves_of(rollout)
        self._speed = Speed()
        self._start = self._starting(begun=False)
        self._busy = False
        self._at_gate = False
        self._pause: tuple[float, str] | None = None
        self._closed: tuple[float, Rest] | None = None
        self._given_up_at: float | None = None

    def reached(self, wave: WaveReached, now: float) -> None:
        """Note the state of a wave, which the replay knows already."""
        self._pause = None
        if wave.reached is Reached.OPEN:
            self._busy, self._start = False, self._starting(begun=True)
            self._speed.starts(now, self._start.counts.total())
        elif wave.until:
            self._pause = now + wave_pause_seconds(self._rollout), wave.until

    def rests(self, rest: Rest, now: float, wall: datetime) -> None:
        """Note that it rests outside its windows, or that one has opened: then it reads again."""
        self._start = self._starting(begun=False)
        self._closed = None
        if rest.until:
            left = datetime.fromisoformat(rest.until) - wall
            self._closed = now + left.total_seconds(), rest

    def stopping(self, given_up_at: float) -> None:
        """Note that it was stopped, and when operations in flight are given up."""
        self._given_up_at = given_up_at

    @contextmanager
    def at_gate(self) -> Iterator[None]:
        """Note that the gate is running while the block does."""
        self._at_gate = True
        try:
            yield
        finally:
            self._at_gate = False

    def look(self, now: float, activity: Activity) -> JobProgress:
        """Return the progress at this moment; moments must not go backwards."""
        self._notice(in_flight=activity.in_flight > 0)
        counts, operations = self._replay.operations.results, len(self._replay.operations)
        wave = self._wave()
        done = self._start.done(counts)
        left = wave.size - done - self._start.in_doubt(counts) if wave else 0
        doing = self._doing(wave, activity, left)
        # There is no estimate for the last few of a wave, or for a server that is down.
        waits = 0 < left <= activity.in_flight
        self._speed.measure(now, counts.total(), goes=not waits and doing is Doing.CARRYING_OUT)
        pause = max(0.0, self._pause[0] - now) if self._pause else 0.0
        closed = max(0.0, self._closed[0] - now) if self._closed else 0.0
        limit = min(filter(None, (activity.limit, self._ceiling)), default=None)
        drained, seconds_left = self._given_up_at, None
        pauses = self._rollout.pause == MANUAL and wave is not None and not wave.last
        if wave is not None and not waits and drained is None and not self._closed:
            left = left if pauses else operations - counts.total()
            seconds_left = self._seconds_left(wave, left, pause, limit)
            if seconds_left is not None:
                seconds_left = max(seconds_left, activity.settle_seconds)
        return JobProgress(
            at=now,
            doing=doing,
            done=counts.total() - counts[Outcome.IN_DOUBT],
            of=operations,
            counts={o.value: counts[o] for o in Outcome if counts[o]},
            activity=activity,
            rate=self._speed.rate,
            limit=limit,
            wave=wave.number if wave else 0,
            waves=tuple(self._waves_shown(wave, done)),
            until=self._pause[1] if self._pause else "",
            idle_seconds=closed or pause,
            closed=self._closed[1] if self._closed else None,
            seconds_left=seconds_left,
            pauses=pauses,
            drain_seconds=None if drained is None else max(0.0, drained - now),
        )

    def _notice(self, *, in_flight: bool) -> None:
        """Note whether an operation has been started or finished since the last look."""
        more = self._replay.operations.results != self._start.counts
        if self._start.begun:
            self._busy |= in_flight or more
        elif in_flight or more:
            # With nothing in flight, reading decided it, and it may belong to any wave.
            self._busy, self._start = in_flight, self._starting(begun=in_flight)

    def _starting(self, *, begun: bool) -> _Start:
        wave = self._wave()
        start, end = (wave.start, wave.end) if wave else (0, 0)
        elsewhere, along = 0, list[Progress]()
        for place, progress in enumerate(self._replay.operations.values()):
            if start <= place < end:
                continue
            if _is_done(progress):
                elsewhere += 1
            elif place < start or progress.outcome is Outcome.IN_DOUBT:
                along.append(progress)
        return _Start(begun, Counter(self._replay.operations.results), elsewhere, along)

    def _wave(self) -> Wave | None:
        """Return the current wave, ``None`` if all have passed."""
        return next(
            (w for w in self._waves if self._replay.reached(w.number) is not Reached.PASSED), None
        )

    def _doing(self, wave: Wave | None, activity: Activity, left: int) -> Doing:
        if self._closed is not None:
            return Doing.CLOSED
        if self._at_gate:
            return Doing.GATE
        if self._pause is not None:
            return Doing.PAUSING
        if not self._start.begun:
            return Doing.READING
        is_open = wave is not None and self._replay.reached(wave.number) is Reached.OPEN
        if activity.in_flight or (is_open and (not self._busy or (self.journal_only and left > 0))):
            return Doing.CARRYING_OUT
        return Doing.VERIFYING

    def _waves_shown(self, current: Wave | None, done: int) -> Iterator[WaveProgress]:
        for wave in self._waves:
            passed = self._replay.reached(wave.number) is Reached.PASSED
            wave_done = wave.size if passed else done if wave is current else 0
            yield WaveProgress(wave.number, wave.size, wave_done)

    def _seconds_left(
        self, wave: Wave, left: int, pause: float, limit: float | None
    ) -> float | None:
        between = wave_pause_seconds(self._rollout)
        to_come = (
            len(self._waves) - wave.number - (self._replay.reached(wave.number) is not Reached.OPEN)
        )
        pauses = pause + between * max(0, to_come)
        if left <= 0:
            return pauses or None
        rate = limit if self._speed.rate is None else self._speed.rate
        return left / rate + pauses if rate else None


class _Start(NamedTuple):
    """The state when a wave started, or when the execution started to read.

    Attributes:
        begun: a wave has started.
        counts: outcome → operations, of all waves.
        elsewhere: operations of other waves that were done.
        along: operations of other waves that were not done, and are handled with this wave.
    """

    begun: bool
    counts: Counter[Outcome]
    elsewhere: int
    along: list[Progress]

    def done(self, counts: Counter[Outcome]) -> int:
        """Return how many operations of the wave are done."""
        everywhere = counts.total() - counts[Outcome.IN_DOUBT]
        return everywhere - self.elsewhere - sum(map(_is_done, self.along))

    def in_doubt(self, counts: Counter[Outcome]) -> int:
        """Return how many of the wave's operations have a result and are in doubt."""
        return counts[Outcome.IN_DOUBT] - sum(
            p.result is not None and p.result.outcome is Outcome.IN_DOUBT for p in self.along
        )


def _is_done(progress: Progress) -> bool:
    return progress.result is not None and progress.result.outcome is not Outcome.IN_DOUBT
