"""How far an execution has come, how fast it goes, and how long it still takes. Pure.

A ``Course`` is told results and waves as they are recorded; whoever wants to show where it stands
gives it the time and the execution's activity, and gets a ``Headway``: all that is shown.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice

import msgspec

from bulkops.job.rollout import MANUAL, Rollout, Wave, rest_seconds
from bulkops.journal.progress import Progress
from bulkops.journal.records import Result, WaveReached
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


class WaveHeadway(msgspec.Struct, frozen=True):
    """How far one wave has come.

    Attributes:
        number: from 1.
        done: of its ``size`` operations.
    """

    number: int
    size: int
    done: int


class Headway(msgspec.Struct, frozen=True, kw_only=True):
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
    waves: tuple[WaveHeadway, ...]
    until: str
    rest_seconds: float
    seconds_left: float | None
    pauses: bool
    drain_seconds: float | None


class Course:
    """The course of one execution.

    Args:
        replay: of its journal, which grows while it runs.
        rollout: in what waves it goes.
        rate: requests a second that the job allows itself, ``None`` for no limit of its own.
    """

    def __init__(self, replay: Replay, rollout: Rollout, rate: float | None = None) -> None:
        self._replay = replay
        self._rollout = rollout
        self._ceiling = rate
        self._waves = rollout.steps(len(replay.operations))
        self._begun = False
        self._busy = False
        self._at_gate = False
        self._rest: tuple[float, str] | None = None
        self._given_up_at: float | None = None
        self._seen = deque[tuple[float, int]]()
        self._rate: float | None = None
        self._count()

    def concluded(self, result: Result) -> None:
        """Take note of a result that is in the replay already."""
        if not self._begun:
            # Found out by reading, and of any wave: counted anew at the next look.
            self._stale = True
            return
        self._busy = True
        in_wave = True
        if result.key in self._in_doubt:
            in_wave = self._in_doubt.pop(result.key)
            self._counts[Outcome.IN_DOUBT] -= 1
        self._counts[result.outcome] += 1
        if result.outcome is Outcome.IN_DOUBT:
            self._in_doubt[result.key] = in_wave
        else:
            self._done_in_wave += in_wave

    def reached(self, said: WaveReached, now: float) -> None:
        """Take note of how far a wave came, which is in the replay already."""
        self._rest = None
        if said.reached is Reached.OPEN:
            self._begun, self._busy = True, False
            self._count()
            self._seen.append((now, self._counts.total()))
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

    def look(self, now: float, activity: Activity) -> Headway:
        """Return where it stands at this moment, which is no earlier than the last one."""
        if activity.in_flight and not self._begun:
            self._begun = self._stale = True
        if self._stale:
            self._count()
        self._busy |= activity.in_flight > 0
        wave = self._wave()
        doing = self._doing(wave, activity)
        left = wave.size - self._done_in_wave - sum(self._in_doubt.values()) if wave else 0
        # What the slowest of a wave, or a server that is down, will take nobody knows.
        waits = 0 < left <= activity.in_flight
        self._measure(now, doing, waits=waits)
        rest = max(0.0, self._rest[0] - now) if self._rest else 0.0
        limit = min(filter(None, (activity.limit, self._ceiling)), default=None)
        drained = self._given_up_at
        return Headway(
            at=now,
            doing=doing,
            done=self._counts.total() - self._counts[Outcome.IN_DOUBT],
            of=len(self._replay.operations),
            counts={o.value: self._counts[o] for o in Outcome if self._counts[o]},
            activity=activity,
            rate=self._rate,
            limit=limit,
            wave=wave.number if wave else 0,
            waves=tuple(self._waves_shown(wave)),
            until=self._rest[1] if self._rest else "",
            rest_seconds=rest,
            seconds_left=None
            if waits or drained is not None
            else self._seconds_left(wave, rest, limit),
            pauses=self._pauses(wave),
            drain_seconds=None if drained is None else max(0.0, drained - now),
        )

    def _wave(self) -> Wave | None:
        """Return the wave in which it stands, ``None`` where all have passed."""
        return next((w for w in self._waves if self._standing(w) is not Reached.PASSED), None)

    def _standing(self, wave: Wave) -> Reached:
        said = self._replay.waves.get(wave.number)
        return said.reached if said else Reached.OPEN

    def _count(self) -> None:
        """Count what the replay says."""
        self._stale = False
        wave, progress = self._wave(), self._replay.operations.values()
        start, end = (wave.start, wave.end) if wave else (0, 0)
        self._counts = Counter(p.result.outcome for p in progress if p.result)
        self._done_in_wave = sum(map(_is_done, islice(progress, start, end)))
        self._in_doubt = {
            p.operation.key: start <= place < end
            for place, p in enumerate(progress)
            if p.result and p.result.outcome is Outcome.IN_DOUBT
        }

    def _doing(self, wave: Wave | None, activity: Activity) -> Doing:
        if self._at_gate:
            return Doing.GATE
        if self._rest is not None:
            return Doing.RESTING
        if not self._begun:
            return Doing.READING
        is_open = wave is not None and self._standing(wave) is Reached.OPEN
        if activity.in_flight or (is_open and not self._busy):
            return Doing.CARRYING_OUT
        return Doing.VERIFYING

    def _measure(self, now: float, doing: Doing, *, waits: bool) -> None:
        seen, results = self._seen, self._counts.total()
        if waits or doing is not Doing.CARRYING_OUT:
            # The rate measured last still says how fast the next wave will be.
            seen.clear()
            return
        seen.append((now, results))
        while len(seen) > 2 and seen[1][0] <= now - LATELY:
            seen.popleft()
        began, before = seen[0]
        if now - began >= SOONEST:
            self._rate = (results - before) / (now - began)

    def _waves_shown(self, current: Wave | None) -> Iterator[WaveHeadway]:
        for wave in self._waves:
            passed = self._standing(wave) is Reached.PASSED
            done = wave.size if passed else self._done_in_wave if wave is current else 0
            yield WaveHeadway(wave.number, wave.size, done)

    def _pauses(self, wave: Wave | None) -> bool:
        return self._rollout.pause == MANUAL and wave is not None and not wave.last

    def _seconds_left(self, wave: Wave | None, rest: float, limit: float | None) -> float | None:
        if wave is None:
            return None
        left = len(self._replay.operations) - self._counts.total()
        if self._pauses(wave):
            left = wave.size - self._done_in_wave - sum(self._in_doubt.values())
        between = rest_seconds(self._rollout)
        to_come = len(self._waves) - wave.number - (self._standing(wave) is not Reached.OPEN)
        rests = rest + between * max(0, to_come)
        if left <= 0:
            return rests or None
        rate = limit if self._rate is None else self._rate
        return left / rate + rests if rate else None


def _is_done(progress: Progress) -> bool:
    return progress.result is not None and progress.result.outcome is not Outcome.IN_DOUBT
