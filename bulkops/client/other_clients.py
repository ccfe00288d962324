"""What other clients of the same user take of the limit, by the server's own count. Pure.

The limit counts per user, so a Terraform run or a second tool with the same user's token takes
its part of it (go-tfe #41). Every answer tells, in ``X-RateLimit-Remaining`` and ``-Reset``, how
much of the server's second is used; what of that wasn't sent from here was sent by others.

This holds for both kinds of window. A fixed one began ``1 - reset`` seconds before the request
was counted; a sliding one's oldest request is that old. Send times stand for arrivals: how long
the way is does not matter then, only how much one request's way differs from another's.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from bulkops.api.rate_limit import Window

WINDOW = 1.0
"""Seconds of the server's window (API page "Rate limiting")."""

REMEMBERED = 10.0
"""Seconds for which departures are kept: an answer that took longer tells nothing new."""

YOUNGEST = 0.6
"""Seconds of its window an answer must have seen: too little of one says too little."""

WEIGHT = 0.15
"""Of one answer in the running mean: at 30 a second it follows a change within a second."""

UNEVEN = 0.006
"""Seconds by which two requests' ways commonly differ: the window's oldest may be ours."""

NOISE = 1.0
"""Requests a second that may seem to be others' where there are none."""
TOO_MANY = 0.3
"""Requests a second by which the mean comes out high (simulated): a request that begins a window
is counted with it, the time before it is not."""


class OtherClients:
    """Estimates how many requests a second others send."""

    def __init__(self) -> None:
        self._sent: list[float] = []
        self._rate = 0.0

    @property
    def rate(self) -> float:
        """Requests a second, 0 where it may be nobody."""
        return self._rate - TOO_MANY if self._rate > NOISE else 0.0

    def sent(self, at: float) -> None:
        """Take note of a departure of our own; ``at`` never runs backwards."""
        self._sent.append(at)
        if self._sent[0] < at - 2 * REMEMBERED:
            del self._sent[: bisect_left(self._sent, at - REMEMBERED)]

    def refused(self, sent_at: float) -> None:
        """Forget a departure: the server did not count it."""
        at = bisect_left(self._sent, sent_at)
        if at < len(self._sent) and self._sent[at] == sent_at:
            del self._sent[at]

    def told(self, sent_at: float, window: Window) -> None:
        """Learn from the answer to what left at ``sent_at``."""
        seen = WINDOW - window.reset
        forgotten = bool(self._sent) and self._sent[-1] - sent_at > REMEMBERED - 2 * WINDOW
        if forgotten or not YOUNGEST <= seen <= WINDOW:
            return
        first = bisect_right(self._sent, sent_at - seen - UNEVEN)
        ours = bisect_right(self._sent, sent_at) - first
        others = (window.limit - window.remaining - ours) / seen
        self._rate += WEIGHT * seen**2 * (others - self._rate)
