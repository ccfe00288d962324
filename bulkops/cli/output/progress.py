"""How far an execution has come, how fast it goes, and how long it still takes. Pure.

The replay of its journal counts the operations. A ``ProgressTracker`` is told the waves as they are
recorded, and knows since when; whoever wants to show where it stands gives it the time and the
execution's activity, and gets a ``JobProgress``: all that is shown.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bulkops.job.rollout import MANUAL, Rollout, Wave, rest_seconds
from bulkops.journal.progress import Progress
from bulkops.journal.records import WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome, Reached
from bulkops.runner.activity import Activity

LATELY = 10.0
"""Seconds over which the rate is a mean."""

SOONEST = 2.0
"""Seconds that a rate must be measured over: a burst, or a pause, at the start says nothing."""


class Doing(StrEnum):
    """What an execution is doing at one moment."""

    READING = "reading"
    CARRYING_OUT = "carrying out"
    VERIFYING = "verifying"
    RESTING = "resting"
    GATE = "running its gate"


class WaveProgress(msgspec.Struct, frozen=True):
    """How far one wave has come.

    Attributes:
        number: from 1.
        done: of its ``size`` operations.
    """

    number: int
    size: int
    done: int


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Where an execution stands at one moment.

    Attributes:
        at: monotonic seconds.
        done: operations with an outcome other than in doubt, those of earlier executions
            included; ``of`` all that were planned.
        counts: outcome → operations, without those that have none.
        rate: operations a second of late, ``None`` where too few were seen.
        limit: requests a second, the server's or the job's, ``None`` where nothing limits.
        wave: number of that in which it stands, 0 where all have passed.
        until: RFC 3339, where it is resting.
        rest_seconds: left of the rest.
        seconds_left: until its end, the rests between waves included, gates not, at the limit
            until a rate is known; ``None`` where nobody can know, as where all that is left of
            a wave is in flight. Where it ``pauses`` before the
            next wave, until then.
        pauses: until somebody says ``--continue``.
        drain_seconds: after which what is in flight is given up, ``None`` where nobody stopped it.
        silence: in words, for how long nothing was heard of an execution that is only watched.
    """

    at: float
    doing: Doing
    done: int
    of: int
    counts: dict[str, int]
    activity: Activity
    rate: float | None
    limit: float | None
    wave: int
    waves: tuple[WaveProgress, ...]
    until: str
    rest_seconds: float
    seconds_left: float | None
    pauses: bool
    drain_seconds: float | None
    silence: str = ""


class ProgressTracker:
    """The course of one execution.

    Args:
        replay: of its journal, which grows while it runs.
        rollout: in what waves it goes.
        rate: requests a second that the job allows itself, ``None`` for no limit of its own.

    Attributes:
        journal_only: another process runs it: an operation that waits for its turn is not seen
            in flight, only one that was sent is.
    """

    journal_only = False

    def __init__(self, replay: Replay, rollout: Rollout, rate: float | None = None) -> None:
        self._replay = replay
        self._rollout = rollout
        self._ceiling = rate
        self._waves = rollout.steps(len(replay.operations))
        self._speed = _Speed()
        self._start = self._starting(begun=False)
        self._busy = False
        self._at_gate = False
        self._rest: tuple[float, str] | None = None
        self._given_up_at: float | None = None

    def reached(self, said: WaveReached, now: float) -> None:
        """Take note of how far a wave came, which is in the replay already."""
        self._rest = None
        if said.reached is Reached.OPEN:
            self._busy, self._start = False, self._starting(begun=True)
            self._speed.starts(now, self._start.counts.total())
        elif said.until:
            self._rest = now + rest_seconds(self._rollout), said.until

    def stopping(self, given_up_at: float) -> None:
        """Take note that it was told to stop, and when it gives up what is in flight."""
        self._given_up_at = given_up_at

    @contextmanager
    def at_gate(self) -> Iterator[None]:
        """While the block runs, the gate does."""
        self._at_gate = True
        try:
            yield
        finally:
            self._at_gate = False

    def look(self, now: float, activity: Activity) -> JobProgress:
        """Return where it stands at this moment, which is no earlier than the last one."""
        self._notice(in_flight=activity.in_flight > 0)
        counts, operations = self._replay.operations.results, len(self._replay.operations)
        wave = self._wave()
        done = self._start.done(counts)
        left = wave.size - done - self._start.in_doubt(counts) if wave else 0
        doing = self._doing(wave, activity, left)
        # What the slowest of a wave, or a server that is down, will take nobody knows.
        waits = 0 < left <= activity.in_flight
        self._speed.measure(now, counts.total(), goes=not waits and doing is Doing.CARRYING_OUT)
        rest = max(0.0, self._rest[0] - now) if self._rest else 0.0
        limit = min(filter(None, (activity.limit, self._ceiling)), default=None)
        drained, seconds_left = self._given_up_at, None
        pauses = self._rollout.pause == MANUAL and wave is not None and not wave.last
        if wave is not None and not waits and drained is None:
            left = left if pauses else operations - counts.total()
            seconds_left = self._seconds_left(wave, left, rest, limit)
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
            until=self._rest[1] if self._rest else "",
            rest_seconds=rest,
            seconds_left=seconds_left,
            pauses=pauses,
            drain_seconds=None if drained is None else max(0.0, drained - now),
        )

    def _notice(self, *, in_flight: bool) -> None:
        """Find out whether something is, or was, carried out since the last look."""
        more = self._replay.operations.results != self._start.counts
        if self._start.begun:
            self._busy |= in_flight or more
        elif in_flight or more:
            # With nothing in flight it was found out by reading, and of any wave.
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
        """Return the wave in which it stands, ``None`` where all have passed."""
        return next(
            (w for w in self._waves if self._replay.reached(w.number) is not Reached.PASSED), None
        )

    def _doing(self, wave: Wave | None, activity: Activity, left: int) -> Doing:
        if self._at_gate:
            return Doing.GATE
        if self._rest is not None:
            return Doing.RESTING
        if not self._start.begun:
            return Doing.READING
        is_open = wave is not None and self._replay.reached(wave.number) is Reached.OPEN
        goes = not self._busy or (self.journal_only and left > 0)
        if activity.in_flight or (is_open and goes):
            return Doing.CARRYING_OUT
        return Doing.VERIFYING

    def _waves_shown(self, current: Wave | None, done: int) -> Iterator[WaveProgress]:
        for wave in self._waves:
            passed = self._replay.reached(wave.number) is Reached.PASSED
            of_it = wave.size if passed else done if wave is current else 0
            yield WaveProgress(wave.number, wave.size, of_it)

    def _seconds_left(
        self, wave: Wave, left: int, rest: float, limit: float | None
    ) -> float | None:
        between = rest_seconds(self._rollout)
        to_come = (
            len(self._waves) - wave.number - (self._replay.reached(wave.number) is not Reached.OPEN)
        )
        rests = rest + between * max(0, to_come)
        if left <= 0:
            return rests or None
        rate = limit if self._speed.rate is None else self._speed.rate
        return left / rate + rests if rate else None


class _Start(NamedTuple):
    """Where a wave began to be carried out, or the execution to read.

    Attributes:
        begun: to be carried out.
        counts: outcome → operations of all waves, then.
        elsewhere: operations of other waves that were done then.
        along: those of other waves that were not, and are looked at along with this one.
    """

    begun: bool
    counts: Counter[Outcome]
    elsewhere: int
    along: list[Progress]

    def done(self, counts: Counter[Outcome]) -> int:
        """Return how many operations of the wave are done by now."""
        everywhere = counts.total() - counts[Outcome.IN_DOUBT]
        return everywhere - self.elsewhere - sum(map(_is_done, self.along))

    def in_doubt(self, counts: Counter[Outcome]) -> int:
        """Return how many of its operations have a result and are in doubt by now."""
        return counts[Outcome.IN_DOUBT] - sum(
            p.result is not None and p.result.outcome is Outcome.IN_DOUBT for p in self.along
        )


class _Speed:
    """Operations a second of late.

    Attributes:
        rate: measured last, ``None`` where too little was seen.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._observed = deque[tuple[float, int]]()

    def starts(self, now: float, results: int) -> None:
        """Take note of what there is when something is about to be carried out."""
        self._observed.append((now, results))

    def measure(self, now: float, results: int, *, goes: bool) -> None:
        """Take note of how many results there are; only where it ``goes`` on do they count."""
        observed = self._observed
        if not goes:
            # The rate measured last still says how fast the next wave will be.
            observed.clear()
            return
        observed.append((now, results))
        while len(observed) > 2 and observed[1][0] <= now - LATELY:
            observed.popleft()
        began, before = observed[0]
        if now - began >= SOONEST:
            # What is sent again has no result meanwhile.
            self.rate = max(0, results - before) / (now - began)


def _is_done(progress: Progress) -> bool:
    return progress.result is not None and progress.result.outcome is not Outcome.IN_DOUBT
