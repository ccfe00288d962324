"""The rate that a server bears and tells nobody, found by its 503s. Pure.

A gateway in front of the API (nginx ``limit_req``, for instance) answers 503 to what is over its
own limit, whatever ``X-RateLimit-Limit`` says. A 503 is a limit's where others are answered in
between; where nothing is answered it is an outage's (``bulkops.client.outage``), and a few among
many are neither.

Then the pace falls to what was let through, and doubles every ``DOUBLING`` seconds. Each time the
limit is met again that takes twice as long, so that a lasting limit is seldom tried. If the 503s
stay as many however slow it goes, they are no limit's: the pace falls no further for a while.
"""

from __future__ import annotations

from collections import deque

SAMPLE_SECONDS = 2.0
SAMPLE_REQUESTS = 10
"""Requests are looked at that left in the last seconds, or would in so many at the pace."""

LEAST_REFUSED = 3
LEAST_SHARE = 0.1
"""Of the requests looked at, answered 503: what is less is no limit."""

BELOW = 0.9
"""Of the rate that was let through, kept as the pace."""

SLOWEST = 0.5
"""Requests a second, however little is let through."""

LONGEST_GAP = 2.5
"""Seconds without an answer after which it was an outage; a limit lets something through."""

BUSY = 0.3
"""Of the pace, used: where less was sent, what was let through says nothing of the limit."""

DOUBLING = 30.0
LONGEST_DOUBLING = 480.0

STEPS = 4
USELESS = 0.7
HELD_SECONDS = 30.0
"""After so many steps down in a row that left so much of the share of 503s, none for so long."""


class HiddenLimit:
    """Learns from each outcome of a request. Times are monotonic seconds.

    Attributes:
        found: how often the pace was lowered.
        full: requests a second before it was, which it comes back to.
    """

    def __init__(self) -> None:
        self.found = 0
        self.full = 0.0
        self._sample = deque[tuple[float, bool]]()
        self._refused = 0
        self._refused_at = 0.0
        self._answered_at = 0.0
        self._rate: float | None = None
        self._set_at = 0.0
        self._doubling = DOUBLING
        self._steps = 0
        self._first_share = 0.0
        self._held_until = 0.0

    def rate(self, now: float) -> float | None:
        """Return the requests a second that are borne, ``None`` if no limit holds (any more)."""
        if self._rate is None:
            return None
        rate = self._rate * 2.0 ** min(20.0, (now - self._set_at) / self._doubling)
        if rate >= self.full:
            self._rate = None
        return self._rate and rate

    def refused(self, sent_at: float, now: float) -> None:
        """Take note of a 503 to what left at ``sent_at``."""
        if sent_at < self._set_at:
            return
        self._take(sent_at, now, answered=False)
        self._refused_at = sent_at

    def answered(self, sent_at: float, now: float, pace: float | None) -> bool:
        """Take note of an answer; return whether it shows that the pace must fall, and falls.

        Args:
            pace: requests a second that may leave now, ``None`` where nothing limits them.
        """
        gap, self._answered_at = now - self._answered_at, now
        if sent_at < self._set_at:
            return False
        longest = LONGEST_GAP if self._rate is None else max(LONGEST_GAP, 3 / self._rate)
        if gap >= longest:
            self._forget()
        self._take(sent_at, now, answered=True)
        share = self._refused / len(self._sample)
        mixed = self._refused >= LEAST_REFUSED and sent_at >= self._refused_at
        if not mixed or share < LEAST_SHARE or now < self._held_until:
            return False
        self._lower(now, share, pace)
        return True

    def _take(self, sent_at: float, now: float, *, answered: bool) -> None:
        self._sample.append((sent_at, answered))
        self._refused += not answered
        long = SAMPLE_SECONDS
        if self._rate is not None:
            long = max(long, SAMPLE_REQUESTS / self._rate)
        while self._sample[0][0] < now - long and len(self._sample) > 1:
            self._refused -= not self._sample.popleft()[1]

    def _lower(self, now: float, share: float, pace: float | None) -> None:
        passed = max(0.05, now - self._sample[0][0])
        pace = pace or len(self._sample) / passed
        if self._rate is None:
            self.full = pace
        let_through = pace * (1 - share)
        if len(self._sample) >= BUSY * pace * passed:
            let_through = min(let_through, (len(self._sample) - self._refused) / max(1.0, passed))
        if now - self._set_at <= 2 * SAMPLE_SECONDS and self._steps:
            self._steps += 1
        else:
            if self.found:
                self._doubling = min(LONGEST_DOUBLING, 2 * self._doubling)
            self._steps, self._first_share = 1, share
        if self._steps >= STEPS and share >= USELESS * self._first_share:
            self._held_until, self._steps = now + HELD_SECONDS, 0
        self._rate, self._set_at = max(SLOWEST, BELOW * let_through), now
        self.found += 1
        self._forget()

    def _forget(self) -> None:
        self._sample.clear()
        self._refused = 0
