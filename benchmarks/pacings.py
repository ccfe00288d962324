"""Other clients' ways to keep to a rate limit, reimplemented from their sources."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from random import Random

from aiolimiter import AsyncLimiter

from bulkops.api.messages import Request, Response

Send = Callable[[Request], Awaitable[Response]]
Pacing = Callable[[Send, Iterable[Request], float, Random], Awaitable[None]]
"""Sends every request until it is accepted; the limit is the server's, in requests per second."""


class TokenBucket:
    """Go's ``golang.org/x/time/rate.Limiter``: starts full, and serves waiting calls in order."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Wait for a token; like ``reserveN``, this lets the count go below 0."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)


async def go_tfe(
    send: Send, requests: Iterable[Request], limit: float, random: Random, parallel: int = 10
) -> None:
    """Pace as go-tfe does, with the concurrency of Terraform and its provider.

    hashicorp/go-tfe, ``tfe.go``: ``configureLimiter`` makes a token bucket with 0.66 of the limit
    as its rate and 0.33 of it as its burst. ``Client.do`` waits for it once per call, so retries of
    go-retryablehttp bypass it. ``rateLimitBackoff`` waits for X-RateLimit-Reset, at least 100 ms,
    plus up to 300 ms of jitter. Terraform walks its graph ten nodes at a time (``-parallelism``).
    The provider's additional reads are omitted, in its favor.
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
    """Pace as a script on aiohttp does: with ``AsyncLimiter(30, 1)``, and retries after a 429.

    aiolimiter's README shows this use. After a 429, the request waits for X-RateLimit-Reset plus
    up to 100 ms, and then for the limiter again.
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
