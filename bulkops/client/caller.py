"""Sends requests: paced, retried where that is safe, answers turned into values or errors."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

import anyio

from bulkops.api import endpoints
from bulkops.api.endpoints import route
from bulkops.api.jsonapi import error_of, request_id, retry_after
from bulkops.api.messages import Request, Response
from bulkops.api.rate_limit import window_of
from bulkops.api.verdict import InDoubt, Refused, Retry, Succeeded, Verdict, classify
from bulkops.client.outage import Outage
from bulkops.client.pacing import Pacer
from bulkops.client.retry_budget import RetryBudget
from bulkops.client.transport import Transport
from bulkops.client.waiting import Waiting
from bulkops.clock import Clock
from bulkops.errors import ApiError, NoResponse, RetriesSpent
from bulkops.log import Log

ATTEMPTS = 6
"""For one request. What the whole client waits for does not count: a 429, a ``Retry-After``, an
outage."""

LATENCY_WEIGHT = 0.1
"""Of one answer in the running mean of how long they take."""

REFUSALS = 30
"""Answers to one request that asked to wait, after which it is given up."""

BACKOFF_BASE = 0.5
BACKOFF_CAP = 8.0
"""Seconds; full jitter, as in AWS's "Exponential backoff and jitter"."""

LONG_SECONDS = 10.0
"""After so long without an answer somebody who waits is told."""

PROBED = 3
"""Reads that were answered of late: any of them shows that a server that was away is back."""

PROBE_SECONDS = 15.0
SLOWER = 3.0
"""A probe waits for its answer so long, or so many times as long as answers took so far."""

Announce = Callable[[], Awaitable[None]]
"""Makes it known, durably, that a request is about to leave."""

PING = endpoints.ping().path

log = Log(__name__)


def backoff(attempt: int, random: Random) -> float:
    """Return the seconds to wait after the ``attempt``-th attempt (from 1) failed."""
    return random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** (attempt - 1)))


class Pace(Protocol):
    """What a job says of its pace."""

    @property
    def rate(self) -> float | None:
        """Requests a second never to be exceeded; ``None``: it sets no limit."""
        ...

    @property
    def outage_seconds(self) -> float:
        """How long an outage is borne."""
        ...


class Caller:
    """One user's way to one server; everything that is sent goes through ``attempt``."""

    def __init__(self, transport: Transport, pacer: Pacer, clock: Clock, random: Random) -> None:
        self._transport = transport
        self.pacer = pacer
        self.clock = clock
        self.random = random
        self._waiting = Waiting(clock, random, self._probe)
        self._read = deque[Request](maxlen=PROBED)
        self._budget = RetryBudget()
        self._spent_on: ApiError | None = None
        self._told = False
        self.requests = 0
        """Attempts sent so far."""
        self.retries = 0
        """Of them, those of a request that was sent before."""
        self.latency = 0.0
        """Seconds an answer takes, a running mean."""

    @property
    def outage(self) -> Outage:
        """Whether the server answers at all."""
        return self._waiting.outage

    def keep_to(self, pace: Pace) -> None:
        """From now on send no faster, and wait for a server that is away, as a job says.

        Without a job no outage is borne: each request fails for itself.
        """
        self.pacer.lower(pace.rate)
        self.outage.bear(pace.outage_seconds)

    async def until_answering(self) -> None:
        """Return when the server answers, at once unless there is an outage.

        Raises:
            RetriesSpent: it was away for longer than is borne.
        """
        await self._waiting.until_answering()

    async def attempt(
        self, request: Request, number: int = 1, announce: Announce | None = None
    ) -> Response | NoResponse:
        """Send once, when the server is there and the pacer lets it; return what came of it.

        Args:
            announce: awaited when the pacer has let the request through, just before it leaves;
                what it raises is raised, and nothing is sent.

        Raises:
            RetriesSpent: the server was away for longer than is borne; nothing was sent.
        """
        await self._waiting.until_answering()
        await self.pacer.wait()
        while self.outage.holds:
            await self._waiting.until_answering()
            await self.pacer.wait()
        if announce is not None:
            await announce()
        return await self._send(request, number)

    async def _probe(self) -> None:
        # In turn, for one of them may fail for itself.
        self._read.rotate()
        request = self._read[0] if self._read else endpoints.ping()
        await self.pacer.wait()
        started = self.clock.now()
        patience = max(PROBE_SECONDS, SLOWER * self.latency)
        with anyio.move_on_after(min(patience, self.outage.left(started))) as sending:
            await self._send(request, probe=True)
        if sending.cancelled_caught:
            late = NoResponse("no answer in time", sent=True)
            self._waiting.judge(late, started, probe=True)

    async def _send(
        self, request: Request, number: int = 1, *, probe: bool = False
    ) -> Response | NoResponse:
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
            self._learn(request, answer, started, seconds)
        self._waiting.judge(answer, started, probe=probe)
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
                another's, or the server was away for longer than is borne.
        """
        failures = refusals = sent = 0
        outages = self.outage.number
        while True:
            self._check_budget()
            sent += 1
            answer = await self.attempt(request, sent, announce if sent == 1 else None)
            verdict = classify(request, answer)
            refused = isinstance(answer, Response) and answer.status == 429
            # Its server is well enough to say when.
            waits = refused or self._asked(answer) > 0
            refusals += waits
            failures += not waits
            self._spend(request, verdict, waits=waits)
            if not isinstance(verdict, Retry):
                return verdict, sent
            await self._waiting.until_answering()
            if outages != self.outage.number:
                # The server was away: what has failed so far says nothing of this request.
                outages, failures = self.outage.number, 0
            elif failures >= ATTEMPTS or refusals >= REFUSALS:
                early = isinstance(answer, Response) and answer.status == 425
                return Refused(answer) if early else verdict, sent
            if not waits:
                await self.clock.sleep(backoff(failures, self.random))

    def _learn(self, request: Request, answer: Response, started: float, seconds: float) -> None:
        after = self._asked(answer)
        if answer.status == 429:
            self.pacer.refused(started, after)
            return
        if after:
            self.pacer.pause(after, answer.status, "asked to wait")
        elif answer.status == 503:
            self.pacer.unavailable(started)
        elif answer.status < 500:
            self.pacer.answered(started)
        if answer.status < 300 and not request.writes:
            self._remember(request)
        self.pacer.told(started, window_of(answer.headers))
        self.latency += (seconds - self.latency) * (LATENCY_WEIGHT if self.latency else 1.0)

    def _remember(self, read: Request) -> None:
        # Not ``/ping``: a gateway may answer that by itself.
        if read.path not in (PING, *(known.path for known in self._read)):
            self._read.append(read)

    def _asked(self, answer: Response | NoResponse) -> float:
        """Return the seconds for which an answer asks to be left alone."""
        return 0.0 if isinstance(answer, NoResponse) else retry_after(answer, self.clock.wall())

    def _spend(self, request: Request, verdict: Verdict, *, waits: bool) -> None:
        if waits or not isinstance(verdict, Retry | InDoubt):
            self._budget.answered()
            return
        if self.outage.stands:
            # Nothing is sent meanwhile that could hammer it.
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
