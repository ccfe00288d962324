"""One limiter in front of every attempt, reads and retries included.

The limit counts per user over all endpoints (API page "Rate limiting": 30 requests a second),
so one pacer serves a whole client. It is aiolimiter's leaky bucket, kept small, because a big
one lets a whole second's worth through at once: ``AsyncLimiter(30, 1)`` admitted 59 requests in
its first second (measured). A 429 pauses everybody until the server's reset, then the pace
comes back at half and recovers.
"""

from __future__ import annotations

from random import Random

import anyio
import structlog
from aiolimiter import AsyncLimiter

from bulkops.clock import Clock

DEFAULT_RATE = 30.0
"""Requests a second where the server can't be asked (API page "Rate limiting")."""

BURST = 2
"""Requests let through at once, so that a late wake-up costs no throughput."""

HEADROOM = 0.95
"""Of the server's limit: a window may then hold BURST more than the even pace puts into it."""

SLOWEST = 0.5
"""Of the pace, right after a 429."""

RECOVERY = 5.0
"""Seconds from the slowest pace back to the full one, in steps of one second."""

log = structlog.get_logger()


class Pacer:
    """Lets requests through in the order they came, no faster than the server allows.

    Args:
        ceiling: requests a second never to be exceeded whatever the server allows
            (``[pace] rate``), ``None`` for none.
    """

    def __init__(self, clock: Clock, random: Random, ceiling: float | None = None) -> None:
        self._clock = clock
        self._random = random
        self._ceiling = ceiling
        self._turn = anyio.Lock()
        self._resumes_at = 0.0
        self._refusals = 0
        self.pauses = 0
        """How often a 429 has paused the client."""
        self._full: float | None = None
        self._pace: float | None = None
        self._limiter: AsyncLimiter | None = None
        self.learn(DEFAULT_RATE)

    def learn(self, limit: float | None) -> None:
        """Take over the server's limit in requests a second; ``None``: it tells no limit."""
        rates = [r for r in (limit and limit * HEADROOM, self._ceiling) if r]
        self._full = min(rates) if rates else None
        self._set(self._full)

    @property
    def rate(self) -> float | None:
        """The full pace in requests a second, ``None`` where nothing limits it."""
        return self._full

    async def wait(self) -> None:
        """Return when one more request may leave."""
        async with self._turn:
            while True:
                await self._pause()
                refusals = self._refusals
                self._recover()
                if self._limiter is not None:
                    await self._limiter.acquire()
                if refusals == self._refusals:
                    return

    def refused(self, after: float) -> None:
        """Pause every request: the server answered 429 and counts anew in ``after`` seconds."""
        now = self._clock.now()
        if now >= self._resumes_at:
            self.pauses += 1
            log.info("client_paused", seconds=round(after, 3))
        # Everybody else who shares the limit wakes at the same reset: don't join the rush.
        jitter = self._random.uniform(0.02, 0.25)
        self._resumes_at = max(self._resumes_at, now + max(after, 0.1) + jitter)
        self._refusals += 1

    async def _pause(self) -> None:
        while (left := self._resumes_at - self._clock.now()) > 0:
            await self._clock.sleep(left)

    def _recover(self) -> None:
        if self._full is None or not self._refusals:
            return
        steps = int(self._clock.now() - self._resumes_at)
        share = min(1.0, SLOWEST + (1 - SLOWEST) * steps / RECOVERY)
        self._set(self._full * share)

    def _set(self, pace: float | None) -> None:
        if pace != self._pace or self._limiter is None:
            self._pace = pace
            # A limiter's rate can't be changed: a new one takes over, empty.
            self._limiter = AsyncLimiter(BURST, BURST / pace) if pace else None
