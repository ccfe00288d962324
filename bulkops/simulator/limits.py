"""The API's rate limit: so many requests a second for each user, whatever their tokens.

HashiCorp documents the number, not the window; both kinds are in use, so both can be played.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, TypeAlias

import msgspec

Window: TypeAlias = Literal["fixed", "sliding"]
WINDOW_SECONDS = 1.0


class Verdict(msgspec.Struct, frozen=True):
    """What the limit says to one request.

    Attributes:
        allowed: False means 429.
        remaining: how many more would be allowed now.
        reset: seconds until the window ends (fixed) or its oldest request leaves it (sliding).
    """

    allowed: bool
    remaining: int
    reset: float


class RateLimit:
    """One user's window.

    Args:
        rate: requests a window; at least 1.
        window: ``fixed`` starts anew at every whole second, ``sliding`` looks back one second.
        other_client: requests a second that somebody else sends with this user's rights, evenly
            spaced, in competition for the same window.
    """

    def __init__(self, rate: int, window: Window, other_client: int) -> None:
        self._rate = rate
        self._window = window
        self._other_client = other_client
        self._other_sent_until = -math.inf
        self._admitted: deque[float] = deque()

    def take(self, now: float) -> Verdict:
        """Ask for one request at ``now`` (monotonic seconds, never running backwards)."""
        if self._other_client:
            self._play_other_client(now)
        allowed = self._admit(now)
        if self._window == "fixed":
            reset = math.floor(now) + WINDOW_SECONDS - now
        else:
            reset = max(0.0, self._admitted[0] + WINDOW_SECONDS - now)
        return Verdict(allowed, self._rate - len(self._admitted), reset)

    def _admit(self, now: float) -> bool:
        if self._window == "fixed":
            start = math.floor(now)
            if self._admitted and self._admitted[0] < start:
                self._admitted.clear()
        else:
            while self._admitted and self._admitted[0] <= now - WINDOW_SECONDS:
                self._admitted.popleft()
        if len(self._admitted) >= self._rate:
            return False
        self._admitted.append(now)
        return True

    def _play_other_client(self, now: float) -> None:
        """Let the other client send what it would have sent since the last call."""
        # What is older than two windows can't matter to either kind of window any more.
        since = max(self._other_sent_until, math.floor(now) - 2 * WINDOW_SECONDS)
        first = math.floor(since * self._other_client) + 1
        last = math.floor(now * self._other_client)
        for number in range(first, last + 1):
            self._admit(number / self._other_client)
        self._other_sent_until = now
