"""Slots: how many operations may be in flight, adapted to rate and latency."""

from __future__ import annotations

import math
from collections import deque

import anyio

LEAST_SLOTS = 4
MOST_SLOTS = 256
"""The maximum at any latency: a server that keeps getting slower is overloaded."""

UNPACED = 32
"""Slots if the server sets no limit."""


def slots_needed(rate: float | None, seconds: float) -> int:
    """Return the number of operations in flight for a rate and a duration (Little's law).

    It is twice the number of operations that wait for the journal or an answer, so that another one
    always has its intent on disk when the next request may be sent.

    Args:
        rate: requests per second, ``None`` if unlimited.
        seconds: the journal's sync and the latency of an answer, 0 if they are unknown yet.
    """
    if rate is None:
        return UNPACED
    return min(MOST_SLOTS, LEAST_SLOTS + math.ceil(2 * rate * seconds))


class Slots:
    """Slots that are taken and given back; one that was lent can be taken again with priority.

    Args:
        total: number of slots; may be changed at any time.

    Attributes:
        taken: number of slots in use.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self._waiting: deque[anyio.Event] = deque()

    @property
    def enough(self) -> bool:
        """Whether a slot may be kept for another operation."""
        return self.taken <= self.total and not self._waiting

    def take(self) -> bool:
        """Take a slot and return True, unless none is free or others wait for one."""
        if self._waiting or self.taken >= self.total:
            return False
        self.taken += 1
        return True

    async def take_again(self) -> None:
        """Wait for a slot, with priority over new operations."""
        if self.taken < self.total and not self._waiting:
            self.taken += 1
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        await turn.wait()

    def give(self) -> None:
        """Give a slot back; the operation that has waited longest gets it."""
        if self._waiting and self.taken <= self.total:
            self._waiting.popleft().set()
        else:
            self.taken -= 1
