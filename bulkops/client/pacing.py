"""One limiter in front of every attempt, reads and retries included.

The limit counts per user over all endpoints (API page "Rate limiting": 30 requests a second),
so one pacer serves a whole client. It is aiolimiter's leaky bucket, kept to hardly more than one
request, because a big one lets a whole second's worth through at once: ``AsyncLimiter(30, 1)``
admitted 59 requests in its first second (measured). What others take of the limit is left to
them. A 429 pauses everybody until the server's reset, then the pace comes back slower and
recovers; so does any answer that says ``Retry-After``. What 503s among other answers show of a
limit that no header tells is kept, too (``bulkops.client.hidden_limit``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from random import Random

import anyio
from aiolimiter import AsyncLimiter

from bulkops.api.rate_limit import DEFAULT_LIMIT, Window
from bulkops.client.hidden_limit import WINDOW, HiddenLimit
from bulkops.client.other_clients import OtherClients
from bulkops.clock import Clock
from bulkops.log import Log

HEADROOM = 0.985
"""Of the limit L. L + 1 requests in a row then take 15 ms more than a second: by so much may
their ways, and the syncs before they leave, differ until the server's second holds one too many.
"""

WIDER = 0.01
"""Of the limit, left free in addition after a 429 that nobody else is seen to have caused: the
ways differ more than that."""

WIDEST = 0.9
"""Of the limit, kept whatever the ways are like."""

CATCH_UP = 0.005
"""Seconds a request may leave early after one that left late: a late timer costs no throughput."""

SLOWEST = 0.75
"""Of the pace, right after a 429."""

RECOVERY = 1.0
"""Seconds from the slowest pace back to the full one."""

LEAST = 0.1
"""Of the pace, however much others take."""

LONG_PAUSE = 5.0
"""Seconds of a pause somebody who waits is told of."""

log = Log(__name__)


class Pacer:
    """Lets requests through in the order they came, no faster than the server allows.

    Args:
        ceiling: requests a second never to be exceeded whatever the server allows
            (``[pace] rate``), ``None`` for none.

    Attributes:
        refusals: 429s so far.
        pause_status: of the answer that asked for the last pause.
    """

    def __init__(self, clock: Clock, random: Random, ceiling: float | None = None) -> None:
        self.refusals = 0
        self.pause_status = 429
        self._pauses = 0
        self._clock = clock
        self._random = random
        self._ceiling = ceiling
        self._turn = anyio.Lock()
        self._resumes_at = 0.0
        self._listeners = list[Callable[[float], None]]()
        self._told: float | None = None
        self._limit: float | None = None
        self._limiter: AsyncLimiter | None = None
        self._succeeds = False
        self._headroom = HEADROOM
        self._others = OtherClients()
        self._hidden = HiddenLimit()
        self._spare: AsyncLimiter | None = None
        self._shared = False
        self.learn(DEFAULT_LIMIT)

    def learn(self, limit: float | None) -> None:
        """Take over the server's limit in requests a second; ``None``: it tells no limit."""
        self._told = limit
        self._renew()

    def lower(self, ceiling: float | None) -> None:
        """Never exceed ``ceiling`` requests a second from now on; ``None`` changes nothing."""
        ceilings = [one for one in (ceiling, self._ceiling) if one]
        self._ceiling = min(ceilings) if ceilings else None
        self._renew()

    def _renew(self) -> None:
        limits = [one for one in (self._told, self._ceiling) if one]
        lowest = min(limits) if limits else None
        if lowest == self._limit:
            return
        # A limiter's rate can't be changed: a new one takes over.
        self._succeeds = self._limiter is not None
        self._limit = lowest
        self._limiter = _limiter(lowest * HEADROOM) if lowest else None

    @property
    def rate(self) -> float | None:
        """The full pace in requests a second, ``None`` where nothing limits it."""
        return self._limit and self._limit * HEADROOM

    @property
    def limit(self) -> float | None:
        """Requests a second that the server allows, ``None`` where it tells none."""
        return self._told

    @property
    def others_rate(self) -> float:
        """Requests a second that other clients of the same user send, by the server's count."""
        return self._others.rate

    @property
    def pause_seconds(self) -> float:
        """What is left of a pause that the server asked for, 0 where there is none."""
        return max(0.0, self._resumes_at - self._clock.now())

    @contextmanager
    def telling(self, refused: Callable[[float], None]) -> Iterator[None]:
        """While the block runs, tell of every 429 after how many seconds the server counts anew."""
        self._listeners.append(refused)
        try:
            yield
        finally:
            self._listeners.remove(refused)

    async def wait(self) -> None:
        """Return when one more request may leave."""
        now = self._clock.now()
        limiter = self._limiter or (self._spare if self._hidden.rate(now) else None)
        if limiter is None and now >= self._resumes_at:
            return
        async with self._turn:
            while True:
                await self._pause()
                pauses = self._pauses
                if (limiter := self._limiter or self._spare) is not None:
                    await self._take(limiter)
                if pauses == self._pauses:
                    return

    def sent(self, at: float) -> None:
        """Take note that a request left at this moment."""
        if self._told:
            self._others.sent(at)

    def told(self, sent_at: float, window: Window | None) -> None:
        """Learn what others take from the answer to the request that left at ``sent_at``."""
        # Other endpoints count by the minute (listing runs): nothing about this limit.
        if window is None or window.limit != self._told:
            return
        self._others.told(sent_at, window)
        shared = self._others.rate > 0
        if shared and not self._shared:
            log.info("limit_shared", extra={"others_rate": round(self._others.rate, 1)})
        self._shared = shared

    def refused(self, sent_at: float, after: float) -> None:
        """Pause every request: the server answered 429 and counts anew in ``after`` seconds."""
        if self._clock.now() >= self._resumes_at and not self._others.rate:
            self._headroom = max(WIDEST, self._headroom - WIDER)
        self.pause(after, 429, "rate limit")
        self.refusals += 1
        self._others.refused(sent_at)
        for tell in self._listeners:
            tell(after)

    def pause(self, seconds: float, status: int, reason: str) -> None:
        """Pause every request: an answer of this status asked to be left alone for so long."""
        now = self._clock.now()
        if now >= self._resumes_at:
            level = logging.WARNING if seconds >= LONG_PAUSE else logging.INFO
            facts = {"seconds": round(seconds, 3), "reason": reason}
            log.log(level, "client_paused", extra=facts)
        # Everybody else who shares the limit wakes at the same reset: don't join the rush.
        jitter = self._random.uniform(0.02, 0.1)
        self._resumes_at = max(self._resumes_at, now + max(seconds, 0.05) + jitter)
        self.pause_status = status
        self._pauses += 1

    def unavailable(self, sent_at: float) -> None:
        """Take note of a 503 to the request that left at ``sent_at``."""
        self._hidden.refused(sent_at, self._clock.now())

    def answered(self, sent_at: float) -> None:
        """Take note of any other answer; slow down where 503s among them show a limit."""
        now = self._clock.now()
        if not self._hidden.answered(sent_at, now, self._pace(now)):
            return
        if self._limiter is None:
            self._spare = _limiter(self._hidden.full)
        rate = self._hidden.rate(now) or 0.0
        log.warning("client_slowed", extra={"rate": round(rate, 1), "reason": "503s"})
        self.pause(WINDOW, 503, "limit found")

    async def _pause(self) -> None:
        while (left := self._resumes_at - self._clock.now()) > 0:
            await self._clock.sleep(left)

    async def _take(self, limiter: AsyncLimiter) -> None:
        if self._succeeds:
            # What left under the old limit still counts at the server: no second burst.
            self._succeeds = False
            await limiter.acquire(limiter.max_rate)
        await limiter.acquire()
        # How many requests at the full pace one of them stands for now.
        slower = (self.rate or self._hidden.full) / (self._pace(self._clock.now()) or inf) - 1
        while slower > 0:
            await limiter.acquire(min(slower, 1))
            slower -= 1

    def _pace(self, now: float) -> float | None:
        """Return the requests a second that may leave now, ``None`` where nothing limits them."""
        pace = self.rate
        if pace is not None:
            told = self._told * self._headroom - self._others.rate if self._told else pace
            pace = max(LEAST * pace, min(pace, told) * self._recovered())
        hidden = self._hidden.rate(now)
        return min(filter(None, (pace, hidden)), default=None)

    def _recovered(self) -> float:
        """Return the part of the pace that is kept after a pause."""
        if not self._pauses:
            return 1.0
        since = max(0.0, self._clock.now() - self._resumes_at)
        return min(1.0, SLOWEST + (1 - SLOWEST) * since / RECOVERY)


def _limiter(rate: float) -> AsyncLimiter:
    burst = 1 + CATCH_UP * rate
    return AsyncLimiter(burst, burst / rate)
