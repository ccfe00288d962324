"""One rate limiter for all attempts, including reads and retries.

The limit is per user and covers all endpoints (API page "Rate limiting": 30 requests per second),
so a client has one pacer. It uses aiolimiter's leaky bucket with a capacity of little more than
one request, because a large bucket lets a full second's requests through in a burst:
``AsyncLimiter(30, 1)`` admitted 59 requests in its first second (measured). Changes are announced
in a journal after that; those that shared a slow sync are spaced again before they leave.

The part of the limit that other clients use is left to them. After a 429, or an answer with
``Retry-After``, all requests pause until the server's reset; then the pace starts lower and
recovers. A limit that only 503s reveal is kept as well (``bulkops.client.pace.hidden_limit``).
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
from bulkops.client.pace.hidden_limit import WINDOW, HiddenLimit
from bulkops.client.pace.other_clients import OtherClients
from bulkops.clock import Clock
from bulkops.log import Log

HEADROOM = 0.985
"""The full pace, as a fraction of the limit L. L + 1 consecutive requests then take 15 ms more
than a second. Latency, and the syncs before sending, may vary by that much before the server
counts one request too many in a second."""

WIDER = 0.01
"""The fraction of the limit given up after a 429 that no other client seems to have caused: the
latency varies more than ``HEADROOM`` allows for."""

WIDEST = 0.9
"""The least fraction of the limit that is used, however much the latency varies."""

CATCH_UP = 0.005
"""Seconds that a request may be early after a late one, so late timers cost no throughput."""

EVEN = CATCH_UP + 0.001
"""Seconds that a request may be early when it leaves. A millisecond more than ``CATCH_UP``, so that
what a disk's syncs vary by costs no second wait."""

SLOWEST = 0.75
"""The fraction of the pace right after a 429."""

RECOVERY = 1.0
"""Seconds from the slowest pace back to the full one."""

LEAST = 0.1
"""The least fraction of the pace, however much other clients take."""

LONG_PAUSE = 5.0
"""A pause of at least this many seconds is logged as a warning."""

log = Log(__name__)


class Pacer:
    """Lets requests through in order, no faster than the server allows.

    Args:
        ceiling: the most requests per second, whatever the server allows (``[pace] rate``);
            ``None`` for no such limit.

    Attributes:
        refusals: the number of 429s so far.
        pause_status: the status of the answer that caused the last pause.
    """

    def __init__(self, clock: Clock, random: Random, ceiling: float | None = None) -> None:
        self.refusals = 0
        self.pause_status = 429
        self._pauses = 0
        self._clock = clock
        self._random = random
        self._ceiling = ceiling
        self._turn = anyio.Lock(fast_acquire=True)
        self._leaving = anyio.Lock(fast_acquire=True)
        self._left_at = -inf
        self._resumes_at = 0.0
        self._listeners = list[Callable[[float], None]]()
        self._server_limit: float | None = None
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
        """Apply the server's limit in requests per second; ``None`` if it announces none."""
        self._server_limit = limit
        self._renew()

    def lower(self, ceiling: float | None) -> None:
        """Send at most ``ceiling`` requests per second from now on; ``None`` changes nothing."""
        ceilings = [one for one in (ceiling, self._ceiling) if one]
        self._ceiling = min(ceilings) if ceilings else None
        self._renew()

    def _renew(self) -> None:
        limits = [one for one in (self._server_limit, self._ceiling) if one]
        lowest = min(limits) if limits else None
        if lowest == self._limit:
            return
        # A limiter's rate can't be changed, so it is replaced.
        self._succeeds = self._limiter is not None
        self._limit = lowest
        self._limiter = _limiter(lowest * HEADROOM) if lowest else None

    @property
    def rate(self) -> float | None:
        """The full pace in requests per second, ``None`` if there is no limit."""
        return self._limit and self._limit * HEADROOM

    @property
    def limit(self) -> float | None:
        """The server's limit in requests per second, ``None`` if it announces none."""
        return self._server_limit

    @property
    def others_rate(self) -> float:
        """The requests per second of the same user's other clients, by the server's count."""
        return self._others.rate

    @property
    def pause_seconds(self) -> float:
        """The seconds left of a pause that the server asked for; 0 if there is none."""
        return max(0.0, self._resumes_at - self._clock.now())

    @contextmanager
    def notifying(self, refused: Callable[[float], None]) -> Iterator[None]:
        """Within the block, call ``refused`` on each 429 with the seconds until the reset."""
        self._listeners.append(refused)
        try:
            yield
        finally:
            self._listeners.remove(refused)

    async def wait(self) -> None:
        """Wait until one more request may be sent."""
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

    async def space(self) -> None:
        """Wait until a request that ``wait`` let through follows the one before it evenly.

        What it waited for since then may have let go of several at once, or a pause may have begun.
        Requests that leave as they were let through don't wait here.
        """
        now = self._clock.now()
        if self._leaving.locked() or self._early(now) > 0:
            async with self._leaving:
                while (early := self._early(now := self._clock.now())) > 0:
                    await self._clock.sleep(early)
        self._left_at = max(now, self._next(now))

    def _early(self, now: float) -> float:
        return max(self._resumes_at, self._next(now) - EVEN) - now

    def _next(self, now: float) -> float:
        """Return the time at which the next request leaves evenly."""
        pace = self._pace(now)
        return self._left_at + (1 / pace if pace else 0.0)

    def sent(self, at: float) -> None:
        """Record that a request was sent at this time."""
        if self._server_limit:
            self._others.sent(at)

    def observe(self, sent_at: float, window: Window | None) -> None:
        """Learn how much others take from the answer to the request sent at ``sent_at``."""
        # Some endpoints have a limit per minute (listing runs), which isn't this limit.
        if window is None or window.limit != self._server_limit:
            return
        self._others.observe(sent_at, window)
        shared = self._others.rate > 0
        if shared and not self._shared:
            log.info("limit_shared", extra={"others_rate": round(self._others.rate, 1)})
        self._shared = shared

    def refused(self, sent_at: float, after: float) -> None:
        """Pause all requests after a 429; the server's limit resets in ``after`` seconds."""
        if self._clock.now() >= self._resumes_at and not self._others.rate:
            self._headroom = max(WIDEST, self._headroom - WIDER)
        self.pause(after, 429, "rate limit")
        self.refusals += 1
        self._others.refused(sent_at)
        for listener in self._listeners:
            listener(after)

    def pause(self, seconds: float, status: int, reason: str) -> None:
        """Pause all requests for this many seconds, as an answer with this status asked."""
        now = self._clock.now()
        if now >= self._resumes_at:
            level = logging.WARNING if seconds >= LONG_PAUSE else logging.INFO
            facts = {"seconds": round(seconds, 3), "reason": reason}
            log.log(level, "client_paused", extra=facts)
        # All clients that share the limit resume at the same reset, so avoid their burst.
        jitter = self._random.uniform(0.02, 0.1)
        self._resumes_at = max(self._resumes_at, now + max(seconds, 0.05) + jitter)
        self.pause_status = status
        self._pauses += 1

    def unavailable(self, sent_at: float) -> None:
        """Record a 503 to the request sent at ``sent_at``."""
        self._hidden.refused(sent_at, self._clock.now())

    def answered(self, sent_at: float) -> None:
        """Record any other answer; slow down if 503s between such answers show a limit."""
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
            # The server still counts the requests sent under the old limit: no second burst.
            self._succeeds = False
            await limiter.acquire(limiter.max_rate)
        await limiter.acquire()
        # At a lowered pace, one request costs as much as several at the full pace.
        slower = (self.rate or self._hidden.full) / (self._pace(self._clock.now()) or inf) - 1
        while slower > 0:
            await limiter.acquire(min(slower, 1))
            slower -= 1

    def _pace(self, now: float) -> float | None:
        """Return the current pace in requests per second, ``None`` if there is no limit."""
        pace = self.rate
        if pace is not None:
            limit = self._server_limit
            share = limit * self._headroom - self._others.rate if limit else pace
            pace = max(LEAST * pace, min(pace, share) * self._recovered())
        hidden = self._hidden.rate(now)
        return min(pace, hidden) if pace and hidden else pace or hidden

    def _recovered(self) -> float:
        """Return the fraction of the pace that has recovered since the last pause."""
        if not self._pauses:
            return 1.0
        since = max(0.0, self._clock.now() - self._resumes_at)
        return min(1.0, SLOWEST + (1 - SLOWEST) * since / RECOVERY)


def _limiter(rate: float) -> AsyncLimiter:
    burst = 1 + CATCH_UP * rate
    return AsyncLimiter(burst, burst / rate)
