"""Sends requests: paced, retried where that is safe, answers turned into values or errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import TypeVar

import anyio

from bulkops.client.jsonapi import (
    Many,
    R,
    Resource,
    decode,
    error_of,
    page,
    request_id,
    without_repeats,
)
from bulkops.client.pacing import Pacer
from bulkops.clock import Clock
from bulkops.errors import NoResponse
from bulkops.exchange import Request, Response, Transport
from bulkops.log import logger
from bulkops.outcome import Retry, Succeeded, Verdict, classify

T = TypeVar("T")

ATTEMPTS = 6
"""For one request; a 429 does not count, the whole client waits for it."""

REFUSALS = 30
"""429s for one request, after which it is given up."""

BACKOFF_BASE = 0.5
BACKOFF_CAP = 8.0
"""Seconds; full jitter, as in AWS's "Exponential backoff and jitter"."""

PAGES_AT_ONCE = 8
REREADS = 3
"""How often a list is read anew because it changed while it was read."""

Announce = Callable[[], Awaitable[None]]
"""Makes it known, durably, that a request is about to leave."""

log = logger(__name__)


def backoff(attempt: int, random: Random) -> float:
    """Return the seconds to wait after the ``attempt``-th attempt (from 1) failed."""
    return random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** (attempt - 1)))


class Caller:
    """One user's way to one server; everything that is sent goes through ``attempt``."""

    def __init__(self, transport: Transport, pacer: Pacer, clock: Clock, random: Random) -> None:
        self._transport = transport
        self.pacer = pacer
        self.clock = clock
        self.random = random
        self._unreachable = False
        self.requests = 0
        """Attempts sent so far."""

    async def attempt(
        self, request: Request, number: int = 1, announce: Announce | None = None
    ) -> Response | NoResponse:
        """Send once, when the pacer lets it, and return what came of it; never raises for it.

        Args:
            announce: awaited when the pacer has let the request through, just before it leaves;
                what it raises is raised, and nothing is sent.
        """
        await self.pacer.wait()
        if announce is not None:
            await announce()
        self.requests += 1
        started = self.clock.now()
        answer: Response | NoResponse
        try:
            answer = await self._transport.send(request)
        except NoResponse as lost:
            answer = lost
        verdict = classify(request, answer)
        if isinstance(verdict, Retry) and isinstance(answer, Response) and answer.status == 429:
            self.pacer.refused(verdict.after)
        log.debug(
            "request_finished",
            method=request.method,
            path=request.path,
            attempt=number,
            status=answer.status if isinstance(answer, Response) else 0,
            error=str(answer) if isinstance(answer, NoResponse) else None,
            seconds=round(self.clock.now() - started, 4),
            request_id=request_id(answer) if isinstance(answer, Response) else None,
        )
        return answer

    async def persist(
        self, request: Request, announce: Announce | None = None
    ) -> tuple[Verdict, int]:
        """Send until there is a verdict other than "not carried out", within the caps.

        Args:
            announce: awaited once, just before the request leaves for the first time.

        Returns:
            the last verdict and how often the request was sent.
        """
        failures = refusals = 0
        while True:
            number = failures + refusals + 1
            answer = await self.attempt(request, number, announce if number == 1 else None)
            verdict = classify(request, answer)
            refused = isinstance(answer, Response) and answer.status == 429
            refusals += refused
            failures += not refused
            self._say_if_unreachable(answer)
            if not isinstance(verdict, Retry) or failures >= ATTEMPTS or refusals >= REFUSALS:
                return verdict, failures + refusals
            if not refused:
                await self.clock.sleep(max(verdict.after, backoff(failures, self.random)))

    def _say_if_unreachable(self, answer: Response | NoResponse) -> None:
        # Once, so that whoever waits for the retries knows what for.
        if isinstance(answer, NoResponse) and not answer.sent and not self._unreachable:
            self._unreachable = True
            log.warning("server_unreachable", error=str(answer))

    async def call(self, request: Request) -> Response:
        """Return a successful answer; a read is repeated, a write only where it wasn't done.

        Raises:
            RequestRejected: the server said no (401, 403, 404, 422, …, or 429 to the end).
            ServerBroken, NoResponse: for a read, to the end; for a write, at once, since it
                may have taken effect: read back before sending it again.
        """
        verdict, _ = await self.persist(request)
        if isinstance(verdict, Succeeded):
            return verdict.answer
        raise error_of(request, verdict.answer)

    async def answers(self, request: Request) -> list[Response]:
        """Return the answers to every page of a short list, one after the other."""
        answers: list[Response] = []
        following: int | None = 1
        while following is not None and following > len(answers):
            answers.append(await self.call(page(request, following)))
            following = decode(answers[-1], Many[Resource]).meta.pagination.next_page
        return answers

    async def everything(
        self, request: Request, shape: type[Many[R]]
    ) -> tuple[list[R], list[Many[R]]]:
        """Return every resource of a list, each once, and the pages as they came."""
        pages = await self._pages(request, shape)
        for _ in range(REREADS):
            if _complete(pages):
                break
            log.info("list_moved", path=request.path)
            pages = await self._pages(request, shape)
        return without_repeats(pages), pages

    async def _pages(self, request: Request, shape: type[Many[R]]) -> list[Many[R]]:
        first = await self._page(request, 1, shape)
        pages = [first]
        total = first.meta.pagination.total_pages
        if total is not None:
            numbers = range(2, total + 1)
            calls = [lambda n=n: self._page(request, n, shape) for n in numbers]
            return pages + await in_order(calls, at_once=PAGES_AT_ONCE)
        while (following := pages[-1].meta.pagination.next_page) is not None:
            if following <= len(pages):
                break
            pages.append(await self._page(request, following, shape))
        return pages

    async def _page(self, request: Request, number: int, shape: type[Many[R]]) -> Many[R]:
        return decode(await self.call(page(request, number)), shape)


def _complete(pages: Sequence[Many[R]]) -> bool:
    """Return whether the pages show as many rows as each of them says there are.

    Fewer rows under one and the same total: a rename moved one past the page being read.
    """
    totals = {page.meta.pagination.total_count for page in pages}
    return totals in ({None}, {len(without_repeats(pages))})


async def in_order(calls: Iterable[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Return the calls' results in their order, so many running at once.

    After the first error nothing more is started; what is under way ends, and the error is
    raised as it is, not in a group.
    """
    waiting = list(enumerate(calls))
    waiting.reverse()
    results: dict[int, T] = {}
    errors: list[Exception] = []

    async def worker() -> None:
        while waiting and not errors:
            index, call = waiting.pop()
            try:
                results[index] = await call()
            except Exception as error:  # noqa: BLE001 - raised below, as it is
                errors.append(error)

    async with anyio.create_task_group() as workers:
        for _ in range(min(at_once, len(waiting))):
            workers.start_soon(worker)
    if errors:
        raise errors[0]
    return [results[index] for index in sorted(results)]
