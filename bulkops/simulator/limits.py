"""The API's rate limit: requests per second and user, over all of the user's tokens.

HashiCorp documents the number but not the window; both kinds are in use, so both are supported.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, TypeAlias

import msgspec

Window: TypeAlias = Literal["fixed", "sliding"]
WINDOW_SECONDS = 1.0


class Verdict(msgspec.Struct, frozen=True):
    """The limit's decision on one request.

    Attributes:
        allowed: whether the request is accepted; if not, it is answered 429.
        remaining: the number of further requests allowed now.
        reset: seconds until the window ends (fixed) or its oldest request leaves it (sliding).
    """

    allowed: bool
    remaining: int
    reset: float


class RateLimits:
    """The limit of every user, each counted separately.

    Args:
        rate, window, other_client: see ``RateLimit``; a rate of 0 is no limit.
    """

    def __init__(self, rate: int, window: Window, other_client: int) -> None:
        self._rate = rate
        self._window: Window = window
        self._other_client = other_client
        self._by_user: dict[str, RateLimit] = {}

    def take(self, user: str, now: float, headers: dict[str, str]) -> bool:
        """Count one request of this user, add the limit to ``headers``, and return if it may pass.

        Args:
            now: monotonic seconds, never decreasing.
        """
        if not self._rate:
            return True
        limit = self._by_user.get(user)
        if limit is None:
            limit = RateLimit(self._rate, self._window, self._other_client)
            self._by_user[user] = limit
        verdict = limit.take(now)
        headers["x-ratelimit-limit"] = str(self._rate)
        headers["x-ratelimit-remaining"] = str(verdict.remaining)
        # Rounded up, so that a client that waits exactly this long isn't too early.
        headers["x-ratelimit-reset"] = f"{math.ceil(verdict.reset * 1000) / 1000:.3f}"
        return verdict.allowed


class RateLimit:
    """One user's window.

    Args:
        rate: the requests per window; at least 1.
        window: ``fixed`` resets at every whole second, ``sliding`` covers the last second.
        other_client: requests per second that another client of this user sends, evenly spaced,
            within the same limit.
    """

    def __init__(self, rate: int, window: Window, other_client: int) -> None:
        self._rate = rate
        self._window = window
        self._other_client = other_client
        self._other_sent_until = -math.inf
        self._admitted: deque[float] = deque()

    def take(self, now: float) -> Verdict:
        """Decide on one request at ``now`` (monotonic seconds, never decreasing)."""
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
        """Count the requests that the other client sent since the last call."""
        # Requests older than two windows no longer matter for either kind of window.
        since = max(self._other_sent_until, math.floor(now) - 2 * WINDOW_SECONDS)
        first = math.floor(since * self._other_client) + 1
        last = math.floor(now * self._other_client)
        for number in range(first, last + 1):
            self._admit(number / self._other_client)
        self._other_sent_until = now
