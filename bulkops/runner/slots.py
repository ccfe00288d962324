"""How many operations are in flight at once, and how many there should be."""

from __future__ import annotations

import math
from collections import deque

import anyio

LEAST_PLACES = 4
MOST_PLACES = 256
"""Whatever the latency: a server that gets slower and slower is ill."""

UNPACED = 32
"""Places where no limit is told."""


def slots_needed(rate: float | None, latency: float) -> int:
    """Return how many operations to have in flight at a pace and a latency (Little's law).

    Twice as many as are on their way to the server and back, so that there is always one whose
    intent is on disk when the next may leave.

    Args:
        rate: requests a second, ``None`` where nothing limits it.
        latency: seconds until an answer, 0 where nobody knows yet.
    """
    if rate is None:
        return UNPACED
    return min(MOST_PLACES, LEAST_PLACES + math.ceil(2 * rate * latency))


class Slots:
    """Places to be taken, given back, and taken again by who gave one away for a while.

    Args:
        total: how many there are; may be set to another number at any time.

    Attributes:
        taken: how many are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self._waiting: deque[anyio.Event] = deque()

    @property
    def enough(self) -> bool:
        """Whether whoever has a place may keep it for something new."""
        return self.taken <= self.total and not self._waiting

    def take(self) -> bool:
        """Take a place if there is one that nobody waits for."""
        if self._waiting or self.taken >= self.total:
            return False
        self.taken += 1
        return True

    async def take_again(self) -> None:
        """Wait for a place, before anybody new gets one."""
        if self.taken < self.total and not self._waiting:
            self.taken += 1
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        await turn.wait()

    def give(self) -> None:
        """Give a place back: to whoever waits longest, else to anybody."""
        if self._waiting and self.taken <= self.total:
            self._waiting.popleft().set()
        else:
            self.taken -= 1
