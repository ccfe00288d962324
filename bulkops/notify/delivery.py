"""The delivery of one message to one receiver: attempts until it has arrived or is given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from bulkops.clock import Clock
from bulkops.notify.attempt import PATIENCE, Attempt, delay
from bulkops.notify.message import Message
from bulkops.notify.receivers import Receiver

ATTEMPT_SECONDS = 10.0
"""Seconds for one attempt."""

NOT_IN_TIME = Attempt("no answer in time", again=True)


async def attempted(send: Callable[[], Awaitable[Attempt]]) -> Attempt:
    """Return the result of one attempt, within ``ATTEMPT_SECONDS``; raises nothing."""
    result = NOT_IN_TIME
    try:
        with anyio.move_on_after(ATTEMPT_SECONDS):
            result = await send()
    except Exception as error:  # noqa: BLE001 - a rollout must not end because of it
        # Not its text, which may contain the URL.
        result = Attempt(f"it can't be sent: {type(error).__name__}")
    return result


class Delivery:
    """The delivery of one message to one receiver.

    Attributes:
        attempts: number of attempts so far.
        problem: why the last one failed, human-readable; empty if it didn't.
    """

    def __init__(self, message: Message, receiver: Receiver, clock: Clock) -> None:
        self.message = message
        self.receiver = receiver
        self.attempts = 0
        self.problem = "no answer yet"
        self._clock = clock
        self._superseded = anyio.Event()
        self._over = anyio.Event()

    async def run(self) -> None:
        """Send the message until it has arrived or is given up; raises nothing."""
        latest = self._clock.now() + PATIENCE
        try:
            while (wait := await self._attempt()) is not None:
                if self._superseded.is_set() or self._clock.now() + wait > latest:
                    return
                with anyio.move_on_after(wait):
                    await self._superseded.wait()
                    return
        finally:
            self._over.set()

    def supersede(self) -> None:
        """Make no further attempt, since a later message says more."""
        self._superseded.set()

    async def wait(self) -> None:
        """Return once it has arrived or is given up."""
        await self._over.wait()

    async def _attempt(self) -> float | None:
        """Send once; return the seconds until the next attempt, ``None`` for no other one."""
        self.attempts += 1
        result = await attempted(lambda: self.receiver.attempt(self.message))
        self.problem = result.problem
        return delay(self.attempts, result.wait) if result.again else None
