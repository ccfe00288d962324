"""The rate that a server bears and tells nobody, found by its 503s. Pure.

A gateway in front of the API (nginx ``limit_req``, for instance) answers 503 to what is over its
own limit, whatever ``X-RateLimit-Limit`` says. A 503 is a limit's if others are answered in
between; if nothing is answered it is an outage's (``bulkops.client.outage``).

Each 503 adds 1 to a score, each answer takes some off, so that a few 503s among many answers are
no limit. When the score is high the pace falls to what was let through; then it doubles every
``DOUBLING`` seconds. Each time the limit is met again that takes twice as long, so that a lasting
limit is seldom tried. If the pace falls again and again and the 503s stay as many, they have
nothing to do with it: it is the full one again, and for a while it takes more to make it fall.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

WINDOW = 1.0
"""Seconds of a pause when the pace falls: what a limit counts is over by then."""

SAMPLE_SECONDS = 2.0
SAMPLE_REQUESTS = 10
"""What was let through is measured on what left in the last seconds, or on so many requests."""

BELOW = 0.9
"""Of the rate that was let through, kept as the pace."""

SLOWEST = 0.5
LEAST = 0.1
"""Requests a second, and of the pace to which it fell first, that are sent however many 503s."""

LONGEST_GAP = 2.5
"""Seconds without an answer after which it was an outage; a limit lets something through."""

DOUBLING = 30.0
LONGEST_DOUBLING = 120.0
DOUBLING_REQUESTS = 200
"""Seconds in which the pace doubles, or as long as it would take for so many requests."""

SAME = 0.7
"""Of the pace at which a limit was met last; met above it is taken for the same."""

CHECKED = 30
HELPED = 0.5
"""Of the share of 503s, left among so many requests after the pace fell: then that helped."""

USELESS = 4
"""So many times in a row the pace falls and it does not help; then it is no limit."""

NOISE_SECONDS = 300.0


class Doubt(NamedTuple):
    """How much it takes for a 503 to be a limit's.

    Attributes:
        answer: what an answer takes off the score.
        enough: score at which the pace falls.
    """

    answer: float
    enough: float


UNKNOWN = Doubt(0.12, 5.0)
FOUND = Doubt(0.1, 2.5)
"""While the pace is lowered: it comes back until the limit is met."""

NOISE = Doubt(0.5, 8.0)
"""After 503s that had nothing to do with the pace."""


class HiddenLimit:
    """Learns from each outcome of a request. Times are monotonic seconds.

    Attributes:
        found: how often the pace was lowered.
        full: requests a second before it was, which it comes back to.
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
        # Since the pace fell.
        self._first = list[bool]()
        self._outcomes = self._refusals = 0
        self._noise_until = 0.0

    def rate(self, now: float) -> float | None:
        """Return the requests a second that are borne, ``None`` if no limit holds (any more)."""
        if self._rate is None:
            return None
        doubling = max(self._doubling, DOUBLING_REQUESTS / self._rate)
        rate = self._rate * 2.0 ** min(20.0, (now - self._set_at) / doubling)
        if rate >= self.full:
            self._rate = None
        return self._rate and rate

    def refused(self, sent_at: float, now: float) -> None:
        """Take note of a 503 to what left at ``sent_at``."""
        if sent_at < self._set_at:
            return
        self._score += 1
        self._refused_at = sent_at
        self._take(sent_at, now, answered=False)

    def answered(self, sent_at: float, now: float, pace: float | None) -> bool:
        """Take note of an answer; return whether it shows that the pace must fall, and falls.

        Args:
            pace: requests a second that may leave now, ``None`` where nothing limits them.
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
        # Of a limit that lets all of its requests through at once, and then none, only a part.
        measured = answered.count(True) / max(1.0, passed)
        if self._rate is None:
            self.full = pace
        # Once the limit was met: what a gateway has saved up for a burst is used up by then.
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
