"""Permits in virtual time that lapse, come back and are lost as a test says."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import anyio

from bulkops.errors import JournalWriteFailed

GONE = JournalWriteFailed("another process has the journal")


class Lapsing:
    """A permit that doesn't hold for a while, and then holds again.

    Args:
        now: the time in seconds.
        lapses: when it stops holding, and when it holds again.
    """

    def __init__(self, now: Callable[[], float], lapses: float, holds_again: float) -> None:
        self._now = now
        self.lapses = lapses
        self.holds_again = holds_again

    def holds(self) -> bool:
        return not self.lapses <= self._now() < self.holds_again

    async def wait(self) -> None:
        if not self.holds():
            await anyio.sleep(self.holds_again - self._now())


class Lost:
    """A permit that is lost for good, at a time or when it is asked for the nth time.

    Attributes:
        asked: how often it was asked.
    """

    def __init__(self, now: Callable[[], float], at: float = inf, asked: float = inf) -> None:
        self._now = now
        self._at = at
        self._most = asked
        self.asked = 0

    @property
    def is_lost(self) -> bool:
        """Whether it is lost by now."""
        return self.asked >= self._most or self._now() >= self._at

    def holds(self) -> bool:
        self.asked += 1
        return not self.is_lost

    async def wait(self) -> None:
        if not self.holds():
            raise GONE
