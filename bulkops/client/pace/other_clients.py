"""Estimates how much of the limit other clients of the same user take. Pure.

The limit is per user, so a Terraform run or another tool with the same user's token takes a part
of it (go-tfe #41). Every answer reports in ``X-RateLimit-Remaining`` and ``-Reset`` how many
requests of the current second are used; those that this client did not send are from others.

This works for both kinds of window. A fixed window began ``1 - reset`` seconds before the request
was counted; a sliding window's oldest request is that old. Send times are used in place of arrival
times, so the latency does not matter, only how much it varies between requests.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from bulkops.api.rate_limit import Window

WINDOW = 1.0
"""The length of the server's window in seconds (API page "Rate limiting")."""

REMEMBERED = 10.0
"""Seconds for which send times are kept; answers that take longer are ignored."""

YOUNGEST = 0.6
"""The least part of its window, in seconds, that an answer must cover to be used."""

WEIGHT = 0.15
"""The weight of one answer in the running mean: at 30 per second it follows a change within a
second."""

UNEVEN = 0.006
"""The usual variation of the latency in seconds: the window's oldest request may be ours."""

NOISE = 1.0
"""Estimates up to this many requests per second are taken for noise."""

TOO_MANY = 0.3
"""Requests per second by which the mean is too high (simulated): a request that begins a window is
counted in it, but the time before it is not."""


class OtherClients:
    """Estimates how many requests per second other clients send."""

    def __init__(self) -> None:
        self._sent: list[float] = []
        self._rate = 0.0

    @property
    def rate(self) -> float:
        """The others' requests per second; 0 if there may be none."""
        return self._rate - TOO_MANY if self._rate > NOISE else 0.0

    def sent(self, at: float) -> None:
        """Record that this client sent a request; ``at`` never decreases."""
        self._sent.append(at)
        if self._sent[0] < at - 2 * REMEMBERED:
            del self._sent[: bisect_left(self._sent, at - REMEMBERED)]

    def refused(self, sent_at: float) -> None:
        """Forget a request that the server refused, and so did not count."""
        at = bisect_left(self._sent, sent_at)
        if at < len(self._sent) and self._sent[at] == sent_at:
            del self._sent[at]

    def observe(self, sent_at: float, window: Window) -> None:
        """Update the estimate with the answer to the request sent at ``sent_at``."""
        covered = WINDOW - window.reset
        forgotten = bool(self._sent) and self._sent[-1] - sent_at > REMEMBERED - 2 * WINDOW
        if forgotten or not YOUNGEST <= covered <= WINDOW:
            return
        first = bisect_right(self._sent, sent_at - covered - UNEVEN)
        ours = bisect_right(self._sent, sent_at) - first
        others = (window.limit - window.remaining - ours) / covered
        self._rate += WEIGHT * covered**2 * (others - self._rate)
