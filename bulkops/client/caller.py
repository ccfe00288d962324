"""Sends requests, paced, and retries them if that is safe; turns answers into values or errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Protocol

import anyio

from bulkops.api import endpoints
from bulkops.api.echo import echoed
from bulkops.api.failures import error_of, retry_after
from bulkops.api.messages import Request, Response
from bulkops.api.rate_limit import window_of
from bulkops.api.verdict import InDoubt, Refused, Retry, Succeeded, Verdict, classify
from bulkops.client.attempt import Attempt, OnAttempt
from bulkops.client.log_events import log_finished
from bulkops.client.outage import Outage
from bulkops.client.pace.pacing import Pacer
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.client.retry_budget import RetryBudget
from bulkops.client.transport import Transport
from bulkops.client.waiting import Waiting
from bulkops.clock import Clock
from bulkops.errors import NoResponse
from bulkops.log import Log

ATTEMPTS = 6
"""The most attempts of one request. Those that make the whole client wait don't count: a 429, a
``Retry-After``, an outage."""

LATENCY_WEIGHT = 0.1
"""The weight of one answer in the running mean of the latency."""

REFUSALS = 30
"""A request is given up after this many answers that asked to wait."""

BACKOFF_BASE = 0.5
BACKOFF_CAP = 8.0
"""Seconds; full jitter, as in AWS's "Exponential backoff and jitter"."""

LONG_SECONDS = 10.0
"""Seconds without an answer after which a warning is logged."""

PROBED = 3
"""The number of recently answered reads that probes repeat: any of them shows that a server is
back."""

PROBE_SECONDS = 15.0
SLOWER = 3.0
"""A probe waits for its answer for ``PROBE_SECONDS``, or for ``SLOWER`` times the mean latency if
that is longer."""

Announce = Callable[[], Awaitable[None]]
"""Records durably that a request is about to be sent."""

PING = endpoints.ping().path

log = Log(__name__)


def backoff(attempt: int, random: Random) -> float:
    """Return the seconds to wait after a failed attempt; the first attempt is 1."""
    return random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** (attempt - 1)))


class Pace(Protocol):
    """The pace that a job sets."""

    @property
    def rate(self) -> float | None:
        """The most requests per second; ``None`` if the job sets no limit."""
        ...

    @property
    def outage_seconds(self) -> float:
        """How long an outage is tolerated, in seconds."""
        ...


class Caller:
    """Sends one user's requests to one server; every request goes through ``attempt``."""

    def __init__(self, transport: Transport, pacer: Pacer, clock: Clock, random: Random) -> None:
        self._transport = transport
        self.pacer = pacer
        self.clock = clock
        self.random = random
        self._waiting = Waiting(clock, random, self._probe)
        self._read = deque[Request](maxlen=PROBED)
        self._budget = RetryBudget()
        self._warned = False
        self.listeners: list[OnAttempt] = [log_finished]
        """Each is called after every attempt."""
        self.requests = 0
        """The number of attempts so far."""
        self.retries = 0
        """The number of these attempts that repeated a request."""
        self.latency = 0.0
        """The time to an answer in seconds, as a running mean."""

    @property
    def outage(self) -> Outage:
        """Whether the server answers at the moment."""
        return self._waiting.outage

    def keep_to(self, pace: Pace) -> None:
        """Apply a job's pace: its rate, and how long it waits for a server that is away.

        Without a job no outage is tolerated, and each request fails by itself.
        """
        self.pacer.lower(pace.rate)
        self.outage.tolerate(pace.outage_seconds)

    async def until_answering(self) -> None:
        """Wait for the end of an outage; return immediately if there is none.

        Raises:
            RetriesSpent: the outage lasts longer than is tolerated.
        """
        await self._waiting.until_answering()

    async def attempt(
        self,
        request: Request,
        number: int = 1,
        announce: Announce | None = None,
        permit: Permit = ALWAYS,
    ) -> Response | NoResponse:
        """Send once, as soon as there is no outage and the pacer lets it; return the outcome.

        Args:
            number: the number of this attempt, starting at 1.
            announce: awaited after the pacer. If it raises, nothing is sent and its exception is
                passed on.
            permit: what must hold when the request is sent.

        Raises:
            RetriesSpent: an outage lasts longer than is tolerated; nothing was sent.
            JournalError: the permit is lost; nothing was sent.
        """
        await self._waiting.until_answering()
        await self.pacer.wait()
        while self.outage.only_probes:
            await self._waiting.until_answering()
            await self.pacer.wait()
        if announce is not None:
            await announce()
        while True:
            await self._until_clear(permit)
            # Nothing may be awaited in between: the permit holds now.
            with suppress(Withheld):
                return await self._send(request, number, permit)

    async def _until_clear(self, permit: Permit) -> None:
        # The announcement may have taken long: those that it held up don't leave in a burst, and an
        # outage, a pause or the end of the permit may have come meanwhile.
        while True:
            await permit.wait()
            await self.pacer.space()
            if not self.outage.only_probes and permit.holds():
                return
            await self._waiting.until_answering()

    async def _probe(self) -> None:
        # Takes turns, because one of these reads may fail for a reason of its own.
        self._read.rotate()
        request = self._read[0] if self._read else endpoints.ping()
        await self.pacer.wait()
        started = self.clock.now()
        patience = max(PROBE_SECONDS, SLOWER * self.latency)
        with anyio.move_on_after(min(patience, self.outage.left(started))) as sending:
            await self._send(request, probe=True)
        if sending.cancelled_caught:
            late = NoResponse("no answer in time", sent=True)
            self._waiting.judge(late, started, self.clock.now(), probe=True)

    async def _send(
        self, request: Request, number: int = 1, permit: Permit = ALWAYS, *, probe: bool = False
    ) -> Response | NoResponse:
        self.requests += 1
        self.retries += number > 1
        started = self.clock.now()
        self.pacer.sent(started)
        answer: Response | NoResponse
        try:
            answer = await self._transport.send(request, permit)
        except Withheld:
            raise
        except NoResponse as lost:
            answer = lost
        now = self.clock.now()
        seconds = now - started
        if isinstance(answer, NoResponse):
            self._warn_once(answer, seconds)
        else:
            self._learn(request, answer, started, seconds)
        self._waiting.judge(answer, started, now, probe=probe)
        attempt = Attempt(request, answer, number, seconds, probe)
        for listener in self.listeners:
            listener(attempt)
        return answer

    async def persist(
        self, request: Request, announce: Announce | None = None, permit: Permit = ALWAYS
    ) -> tuple[Verdict, int]:
        """Send, and retry while that is safe, at most ``ATTEMPTS`` times.

        Args:
            announce: awaited once, before the request is sent for the first time.
            permit: what must hold at each attempt.

        Returns:
            The last verdict, and how often the request was sent.

        Raises:
            RetriesSpent: too many of this client's requests failed, or an outage lasts longer
                than is tolerated.
            JournalError: the permit is lost; this attempt was not sent.
        """
        failures = refusals = sent = 0
        outages = self.outage.number
        while True:
            self._budget.check()
            sent += 1
            answer = await self.attempt(request, sent, announce if sent == 1 else None, permit)
            verdict = classify(request, answer)
            refused = isinstance(answer, Response) and answer.status == 429
            # A server that announces when to try again is not failing.
            waits = refused or self._requested_wait(answer) > 0
            refusals += waits
            failures += not waits
            self._spend(request, verdict, waits=waits)
            if not isinstance(verdict, Retry):
                return verdict, sent
            await self._waiting.until_answering()
            if outages != self.outage.number:
                # The failures so far were the outage's, not this request's.
                outages, failures = self.outage.number, 0
            elif failures >= ATTEMPTS or refusals >= REFUSALS:
                early = isinstance(answer, Response) and answer.status == 425
                return Refused(answer) if early else verdict, sent
            if not waits:
                await self.clock.sleep(backoff(failures, self.random))

    def _learn(self, request: Request, answer: Response, started: float, seconds: float) -> None:
        after = self._requested_wait(answer)
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
        self.pacer.observe(started, window_of(answer.headers))
        self.latency += (seconds - self.latency) * (LATENCY_WEIGHT if self.latency else 1.0)

    def _remember(self, read: Request) -> None:
        # Not ``/ping``, because a gateway may answer that by itself.
        if read.path not in (PING, *(known.path for known in self._read)):
            self._read.append(read)

    def _requested_wait(self, answer: Response | NoResponse) -> float:
        """Return for how many seconds an answer asks the client to wait."""
        return 0.0 if isinstance(answer, NoResponse) else retry_after(answer, self.clock.wall)

    def _spend(self, request: Request, verdict: Verdict, *, waits: bool) -> None:
        if waits or not isinstance(verdict, (Retry, InDoubt)):
            self._budget.answered()
            return
        if self.outage.explains_failures:
            # Only probes are sent meanwhile, so the server is not overloaded by retries.
            return
        self._budget.failed(error_of(request, verdict.answer))

    def _warn_once(self, lost: NoResponse, seconds: float) -> None:
        # Explains to the user why the retries take so long.
        if not (self._warned or lost.lasting) and (not lost.sent or seconds >= LONG_SECONDS):
            self._warned = True
            log.warning("server_unreachable", extra={"error": str(lost)})

    async def call(self, request: Request) -> Response:
        """Return a successful answer; retry a read, and a write only if it did not take effect.

        Raises:
            RequestRejected: the server refused (401, 403, 404, 422, …, or 429 on every attempt).
            ServerBroken, NoResponse: all attempts of a read failed, or one attempt of a write
                did. The write may have taken effect: read back before sending it again.
        """
        verdict, _ = await self.persist(request)
        if isinstance(verdict, Succeeded):
            return echoed(request, verdict.answer)
        raise error_of(request, verdict.answer)
