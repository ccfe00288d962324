"""Finds a rate limit that a server does not announce, from its 503s. Pure.

A gateway in front of the API (for example nginx ``limit_req``) answers 503 to requests over its
own limit, whatever ``X-RateLimit-Limit`` says. 503s between other answers point to a limit; if
nothing is answered, it is an outage (``bulkops.client.outage``).

Each 503 adds 1 to a score and each answer lowers it, so a few 503s among many answers don't count
as a limit. If the score is high, the pace drops to the rate that was let through, and then
doubles every ``DOUBLING`` seconds. Each time the limit is hit again, the doubling time is doubled,
so that a lasting limit is seldom tested. If the pace drops repeatedly and the share of 503s stays
the same, they aren't related to the pace: it returns to the full rate, and for a while it takes
more 503s to lower it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

WINDOW = 1.0
"""Seconds of the pause after the pace drops; by its end the limit's window has passed."""

SAMPLE_SECONDS = 2.0
SAMPLE_REQUESTS = 10
"""The rate let through is measured over this many seconds, or this many requests if they take
longer."""

BELOW = 0.9
"""The new pace, as a fraction of the rate that was let through."""

SLOWEST = 0.5
LEAST = 0.1
"""The slowest pace: ``SLOWEST`` requests per second, or ``LEAST`` of the first lowered pace if
that is more."""

LONGEST_GAP = 2.5
"""Seconds without an answer that mean an outage; a limit lets some requests through."""

DOUBLING = 30.0
LONGEST_DOUBLING = 120.0
DOUBLING_REQUESTS = 200
"""The pace doubles in ``DOUBLING`` seconds (at most ``LONGEST_DOUBLING``), or in the time for
``DOUBLING_REQUESTS`` requests if that is longer."""

SAME = 0.7
"""Hitting a limit at more than this fraction of the pace of the last hit counts as the same limit.
"""

CHECKED = 30
HELPED = 0.5
"""A lower pace helped if among the next ``CHECKED`` requests the share of 503s is below this
fraction of the former share."""

USELESS = 4
"""After this many drops in a row that didn't help, the 503s are not a limit's."""

NOISE_SECONDS = 300.0
"""Seconds for which ``NOISE`` applies."""


class Doubt(NamedTuple):
    """How much evidence it takes to see a limit in 503s.

    Attributes:
        answer: how much an answer lowers the score.
        enough: the score at which the pace drops.
    """

    answer: float
    enough: float


UNKNOWN = Doubt(0.12, 5.0)
FOUND = Doubt(0.1, 2.5)
"""Applies while the pace is lowered, and rises until it hits the limit again."""

NOISE = Doubt(0.5, 8.0)
"""Applies after 503s that were unrelated to the pace."""


class HiddenLimit:
    """Learns from the outcome of each request. Times are monotonic seconds.

    Attributes:
        found: how often the pace was lowered.
        full: the pace before it was lowered, in requests per second; it returns to this.
    """

    def __init__(self) -> None:
        self.found = 0
        self.full = 0.0
        self._score = 0.0
        self._sample = deque[tuple[float, bool]]()
        self._refused_at = 0.0
        self._answered_at = 0.0
        self._rate: float | None = None
        self._set_at = 0.0
        self._met_at = 0.0
        self._least = SLOWEST
        self._doubling = DOUBLING
        self._share = 0.0
        self._useless = 0
        # Since the pace dropped.
        self._first = list[bool]()
        self._outcomes = self._refusals = 0
        self._noise_until = 0.0

    def rate(self, now: float) -> float | None:
        """Return the lowered pace in requests per second, ``None`` if it isn't lowered."""
        if self._rate is None:
            return None
        doubling = max(self._doubling, DOUBLING_REQUESTS / self._rate)
        rate = self._rate * 2.0 ** min(20.0, (now - self._set_at) / doubling)
        if rate >= self.full:
            self._rate = None
        return self._rate and rate

    def refused(self, sent_at: float, now: float) -> None:
        """Record a 503 to a request sent at ``sent_at``."""
        if sent_at < self._set_at:
            return
        self._score += 1
        self._refused_at = sent_at
        self._take(sent_at, now, answered=False)

    def answered(self, sent_at: float, now: float, pace: float | None) -> bool:
        """Record any other answer; lower the pace if it shows a limit, and return whether it did.

        Args:
            pace: the current pace in requests per second, ``None`` if there is no limit.
        """
        gap, self._answered_at = now - self._answered_at, now
        if sent_at < self._set_at:
            return False
        if gap >= (max(LONGEST_GAP, 3 / self._rate) if self._rate else LONGEST_GAP):
            self._forget()
        self._take(sent_at, now, answered=True)
        doubt = self._doubt(now)
        if self._score >= doubt.enough and sent_at >= self._refused_at:
            self._lower(now, pace)
            return self._rate is not None
        self._score = max(0.0, self._score - doubt.answer)
        return False

    def _doubt(self, now: float) -> Doubt:
        if self._rate is not None:
            return FOUND
        return NOISE if now < self._noise_until else UNKNOWN

    def _take(self, sent_at: float, now: float, *, answered: bool) -> None:
        self._outcomes += 1
        self._refusals += not answered
        if len(self._first) < CHECKED:
            self._first.append(answered)
        self._sample.append((sent_at, answered))
        long = SAMPLE_SECONDS
        if self._rate is not None:
            long = max(long, SAMPLE_REQUESTS / self._rate)
        while self._sample[0][0] < now - long and len(self._sample) > 1:
            self._sample.popleft()

    def _lower(self, now: float, pace: float | None) -> None:
        answered = [one for _, one in self._sample]
        passed = max(0.05, now - self._sample[0][0])
        pace = pace or len(answered) / passed
        # A sample may hold only part of a limit's cycle of a burst and a gap, so half of it counts.
        measured = answered.count(True) / max(1.0, passed)
        if self._rate is None:
            self.full = pace
        # Counts from the first 503, when the gateway's burst allowance is used up.
        since = answered[answered.index(False) :] if False in answered else answered
        share = since.count(False) / len(since)
        rate = BELOW * max(pace * (1 - share), measured / 2)
        if self._rate is None:
            self._useless, self._share = 0, share
            self._least = max(SLOWEST, LEAST * rate)
        else:
            helped = self._first.count(False) < HELPED * self._share * len(self._first)
            self._useless = 0 if helped else self._useless + 1
            if helped and pace >= SAME * self._met_at:
                self._doubling = min(LONGEST_DOUBLING, 2 * self._doubling)
            self._share = self._refusals / self._outcomes
        self._met_at = pace
        self._rate = max(self._least, rate)
        if self._useless == USELESS:
            self._rate, self._doubling = None, DOUBLING
            self._noise_until = now + NOISE_SECONDS
        self._first.clear()
        self._outcomes = self._refusals = 0
        self._set_at = now
        self.found += 1
        self._forget()

    def _forget(self) -> None:
        self._sample.clear()
        self._score = 0.0
