"""How others keep to a rate limit, each restated from its source on one function that sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from random import Random

from aiolimiter import AsyncLimiter

from bulkops.api.messages import Request, Response

Send = Callable[[Request], Awaitable[Response]]
Pacing = Callable[[Send, Iterable[Request], float, Random], Awaitable[None]]
"""Sends every request until it is accepted; the limit in requests a second, as the server says."""


class TokenBucket:
    """Go's ``golang.org/x/time/rate.Limiter``: starts full, and serves those who wait in order."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Take a token, from the future if need be: ``reserveN`` lets the count go below 0."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)


async def go_tfe(
    send: Send, requests: Iterable[Request], limit: float, random: Random, parallel: int = 10
) -> None:
    """Pace as go-tfe does, and with it the Terraform provider and Terraform's ten at once.

    hashicorp/go-tfe, ``tfe.go``: ``configureLimiter`` makes a token bucket of 0.66 of the limit
    and a burst of 0.33 of it; ``Client.do`` waits for it once a call, so that the retries of
    go-retryablehttp bypass it; ``rateLimitBackoff`` waits X-RateLimit-Reset, but not less than
    100 ms, and up to 300 ms of jitter. Terraform walks its graph ten nodes at a time
    (``-parallelism``). The provider's own extra reads are left out, in its favour.
    """
    bucket = TokenBucket(limit * 0.66, int(limit * 0.33))

    async def one(request: Request) -> None:
        await bucket.wait()
        while True:
            answer = await send(request)
            if answer.status != 429:
                return
            await asyncio.sleep(max(0.1, _reset(answer)) + random.random() * 0.3)

    await _at_once(parallel, iter(requests), one)


async def bare_limiter(
    send: Send, requests: Iterable[Request], limit: float, random: Random, parallel: int = 64
) -> None:
    """Pace as a script on aiohttp does: ``AsyncLimiter(30, 1)``, and after a 429 once more.

    aiolimiter's own README shows this use. A 429 waits for X-RateLimit-Reset and up to 100 ms,
    then takes its turn anew.
    """
    limiter = AsyncLimiter(limit, 1)

    async def one(request: Request) -> None:
        while True:
            async with limiter:
                answer = await send(request)
            if answer.status != 429:
                return
            await asyncio.sleep(_reset(answer) + random.random() * 0.1)

    await _at_once(parallel, iter(requests), one)


PACINGS: dict[str, Pacing] = {"go-tfe": go_tfe, "aiolimiter": bare_limiter}


async def _at_once(
    parallel: int, requests: Iterator[Request], one: Callable[[Request], Awaitable[None]]
) -> None:
    async def worker() -> None:
        for request in requests:
            await one(request)

    async with asyncio.TaskGroup() as workers:
        for _ in range(parallel):
            workers.create_task(worker())


def _reset(answer: Response) -> float:
    return float(answer.headers.get("x-ratelimit-reset") or 0.0)
