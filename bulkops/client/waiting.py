"""Holds requests back while the server is away, and probes it: does what ``outage`` decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import anyio

from bulkops.api.jsonapi import error_texts
from bulkops.api.messages import Response
from bulkops.client.outage import Outage, State
from bulkops.clock import Clock
from bulkops.errors import NoResponse, RetriesSpent
from bulkops.log import Log

log = Log(__name__)


class Waiting:
    """One client's wait for its server.

    Args:
        probe: sends one request that changes nothing, and has ``judge`` told of its outcome.

    Attributes:
        outage: what is known of the server.
    """

    def __init__(
        self, clock: Clock, random: Random, probe: Callable[[], Awaitable[object]]
    ) -> None:
        self.outage = Outage()
        self.outage.listeners.append(self._log)
        self._clock = clock
        self._random = random
        self._probe = probe
        self._turn = anyio.Lock()

    async def until_answering(self) -> None:
        """Return when the server answers, at once unless there is an outage.

        One of those who wait probes for all of them.

        Raises:
            RetriesSpent: it was away for longer than is borne.
        """
        outage = self.outage
        if outage.holds:
            async with self._turn:
                while outage.holds:
                    seconds = outage.next_probe(self._clock.now(), self._random.random())
                    await self._clock.sleep(seconds)
                    outage.expire(self._clock.now())
                    # Whoever sent something before may have been answered meanwhile.
                    if outage.holds:
                        await self._probe()
        if outage.state is State.GIVEN_UP:
            raise RetriesSpent(
                f"the server has not answered for {outage.seconds(self._clock.now()):.0f} s, "
                f"longer than the job waits for it ([pace] outage); last: {outage.reason}. "
                "Nothing has failed for it: run the same command again later"
            )

    def judge(self, answer: Response | NoResponse, sent_at: float, *, probe: bool) -> None:
        """Take note of what the outcome of one request says of the server as a whole."""
        now = self._clock.now()
        if isinstance(answer, Response) and answer.status < 500 and answer.status != 408:
            self.outage.answered(now)
        elif isinstance(answer, Response) or not answer.lasting:
            self.outage.failed(sent_at, now, _words(answer), probe=probe)

    def _log(self, outage: Outage) -> None:
        event = {
            State.AWAY: "outage_began",
            State.ANSWERING: "outage_ended",
            State.GIVEN_UP: "outage_given_up",
        }[outage.state]
        seconds = round(outage.seconds(self._clock.now()), 1)
        log.info(event, extra={"seconds": seconds, "reason": outage.reason})


class Settling:
    """Waits until lost writes have taken effect and reads have caught up, then to read again.

    Attributes:
        reason: of the current wait, to follow "waiting 10 s"; empty if there is none.
        listeners: called with the seconds and the reason when a wait begins.
    """

    def __init__(self, clock: Clock) -> None:
        self.reason = ""
        self.listeners: list[Callable[[float, str], None]] = []
        self._clock = clock
        self._until = 0.0

    @property
    def seconds(self) -> float:
        """Seconds left of the current wait; 0 if there is none."""
        return max(0.0, self._until - self._clock.now()) if self.reason else 0.0

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait; one wait at a time.

        Args:
            reason: ``to read again what differs``.
        """
        self.reason, self._until = reason, self._clock.now() + seconds
        try:
            for listener in self.listeners:
                listener(seconds, reason)
            await self._clock.sleep(seconds)
        finally:
            self.reason = ""


def _words(answer: Response | NoResponse) -> str:
    if isinstance(answer, NoResponse):
        return str(answer)
    return " ".join([str(answer.status), *error_texts(answer)[:1]]).rstrip(".")
