"""Holds requests back during an outage and probes the server, as ``outage`` decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import anyio

from bulkops.api.failures import error_texts
from bulkops.api.messages import Response
from bulkops.client.outage import Outage, State
from bulkops.clock import Clock
from bulkops.errors import NoResponse, RetriesSpent
from bulkops.log import Log

log = Log(__name__)


class Waiting:
    """Makes one client's requests wait during an outage of its server.

    Args:
        probe: sends one request that changes nothing, and passes its outcome to ``judge``.

    Attributes:
        outage: the server's state.
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
        """Wait for the end of an outage; return immediately if there is none.

        One of the waiting requests probes for all of them.

        Raises:
            RetriesSpent: the outage lasts longer than is tolerated.
        """
        outage = self.outage
        if outage.only_probes:
            async with self._turn:
                while outage.only_probes:
                    seconds = outage.next_probe(self._clock.now(), self._random.random())
                    await self._clock.sleep(seconds)
                    outage.expire(self._clock.now())
                    # A request sent earlier may have been answered meanwhile.
                    if outage.only_probes:
                        await self._probe()
        if outage.state is State.GIVEN_UP:
            raise RetriesSpent(
                f"the server has not answered for {outage.seconds(self._clock.now()):.0f} s, "
                f"longer than the job waits ([pace] outage); the last error was: {outage.reason}. "
                "No operation failed because of this: run the same command again later"
            )

    def judge(
        self, answer: Response | NoResponse, sent_at: float, now: float, *, probe: bool
    ) -> None:
        """Update the server's state with the outcome of one request."""
        if isinstance(answer, Response) and answer.status < 500 and answer.status != 408:
            self.outage.answered(now)
        elif isinstance(answer, Response) or not answer.lasting:
            self.outage.failed(sent_at, now, _description(answer), probe=probe)

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
            reason: ``before re-reading what differs``.
        """
        self.reason, self._until = reason, self._clock.now() + seconds
        try:
            for listener in self.listeners:
                listener(seconds, reason)
            await self._clock.sleep(seconds)
        finally:
            self.reason = ""


def _description(answer: Response | NoResponse) -> str:
    if isinstance(answer, NoResponse):
        return str(answer)
    return " ".join([str(answer.status), *error_texts(answer)[:1]]).rstrip(".")
