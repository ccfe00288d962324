"""Sends requests: paced, retried where that is safe, answers turned into values or errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from random import Random

from bulkops.api.endpoints import route
from bulkops.api.jsonapi import error_of, request_id, retry_after
from bulkops.api.messages import Request, Response
from bulkops.api.rate_limit import window_of
from bulkops.api.verdict import InDoubt, Retry, Succeeded, Verdict, classify
from bulkops.client.pacing import Pacer
from bulkops.client.retry_budget import RetryBudget
from bulkops.client.transport import Transport
from bulkops.clock import Clock
from bulkops.errors import ApiError, NoResponse, RetriesSpent
from bulkops.log import Log

ATTEMPTS = 6
"""For one request; a 429 does not count, the whole client waits for it."""

LATENCY_WEIGHT = 0.1
"""Of one answer in the running mean of how long they take."""

REFUSALS = 30
"""429s for one request, after which it is given up."""

BACKOFF_BASE = 0.5
BACKOFF_CAP = 8.0
"""Seconds; full jitter, as in AWS's "Exponential backoff and jitter"."""

LONG_SECONDS = 10.0
"""After so long without an answer somebody who waits is told."""

Announce = Callable[[], Awaitable[None]]
"""Makes it known, durably, that a request is about to leave."""

log = Log(__name__)


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
        self._budget = RetryBudget()
        self._spent_on: ApiError | None = None
        self._told = False
        self.requests = 0
        """Attempts sent so far."""
        self.retries = 0
        """Of them, those of a request that was sent before."""
        self.latency = 0.0
        """Seconds an answer takes, a running mean."""

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
        self.retries += number > 1
        started = self.clock.now()
        self.pacer.sent(started)
        answer: Response | NoResponse
        try:
            answer = await self._transport.send(request)
        except NoResponse as lost:
            answer = lost
        seconds = self.clock.now() - started
        if isinstance(answer, NoResponse):
            self._tell_once(answer, seconds)
        else:
            self._learn(answer, started, seconds)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("request_finished", extra=_facts(request, answer, number, seconds))
        return answer

    async def persist(
        self, request: Request, announce: Announce | None = None
    ) -> tuple[Verdict, int]:
        """Send until there is a verdict other than "not carried out", within the caps.

        Args:
            announce: awaited once, just before the request leaves for the first time.

        Returns:
            the last verdict and how often the request was sent.

        Raises:
            RetriesSpent: too many requests of this client failed, this one's last attempt or
                another's.
        """
        failures = refusals = 0
        while True:
            self._check_budget()
            number = failures + refusals + 1
            answer = await self.attempt(request, number, announce if number == 1 else None)
            verdict = classify(request, answer)
            refused = isinstance(answer, Response) and answer.status == 429
            refusals += refused
            failures += not refused
            self._spend(request, verdict, refused=refused)
            if not isinstance(verdict, Retry) or failures >= ATTEMPTS or refusals >= REFUSALS:
                return verdict, failures + refusals
            if not refused:
                await self.clock.sleep(max(verdict.after, backoff(failures, self.random)))

    def _learn(self, answer: Response, started: float, seconds: float) -> None:
        if answer.status == 429:
            self.pacer.refused(started, retry_after(answer))
            return
        self.pacer.told(started, window_of(answer.headers))
        self.latency += (seconds - self.latency) * (LATENCY_WEIGHT if self.latency else 1.0)

    def _spend(self, request: Request, verdict: Verdict, *, refused: bool) -> None:
        if refused or not isinstance(verdict, Retry | InDoubt):
            self._budget.answered()
            return
        self._budget.failed()
        if self._budget.spent and self._spent_on is None:
            self._spent_on = error_of(request, verdict.answer)

    def _check_budget(self) -> None:
        if self._spent_on is not None:
            raise RetriesSpent(
                f"too many requests failed, the last one so: {self._spent_on}. Stopped, not to "
                "hammer a server that is down; nothing is lost, run the same command again later"
            )

    def _tell_once(self, lost: NoResponse, seconds: float) -> None:
        # So that whoever waits for the retries knows what for.
        if not self._told and (not lost.sent or seconds >= LONG_SECONDS):
            self._told = True
            log.warning("server_unreachable", extra={"error": str(lost)})

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


def _facts(
    request: Request, answer: Response | NoResponse, number: int, seconds: float
) -> dict[str, object]:
    told = answer if isinstance(answer, Response) else None
    return {
        "method": request.method,
        "route": route(request),
        "path": request.path,
        "status": told and told.status,
        "attempt": number,
        "seconds": round(seconds, 4),
        "request_id": told and (request_id(told) or None),
        "error": None if told else str(answer),
    }
