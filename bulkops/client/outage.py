"""Is the server away, or does one request fail? Pure: a table.

While everything fails, a failure says nothing of the operation that met it. The client then sends
nothing but a probe now and then, and every request waits until the server answers or the outage
has lasted longer than is borne.

| state     | an answer | a failure  | many in a row | a probe, after a while | longer than borne |
|-----------|-----------|------------|---------------|------------------------|-------------------|
| unheard   | answering | unheard    | unheard       |                        |                   |
| answering | answering | answering  | suspected     |                        |                   |
| suspected | answering | suspected  | suspected     | away                   | given up          |
| away      | answering | away       | away          | away                   | given up          |
| given up  | given up  | given up   | given up      | given up               | given up          |

A failure is a request without an answer, or with one that says that the server is ill. Many in a
row are ``IN_A_ROW``, or two if ``LONG_SECONDS`` have passed since the first was sent; a while is
``AWAY_SECONDS``, counted likewise, or as long as is borne if that is less. The last two columns are
failures of probes. If only one endpoint fails, a probe of another one shows it at once. A server
that has not answered yet may not be there at all: its address may be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

IN_A_ROW = 5
"""Fewer than the attempts of one request, which must not be used up by an outage."""

LONG_SECONDS = 10.0
AWAY_SECONDS = 3.0

PROBE_BASE = 1.0
PROBE_CAP = 15.0
"""Seconds between two probes, from the second one on twice as long each time, up to the cap."""


class State(Enum):
    """What is known of the server: see the table."""

    UNHEARD = "unheard"
    ANSWERING = "answering"
    SUSPECTED = "suspected"
    AWAY = "away"
    GIVEN_UP = "given up"


class Outage:
    """What the outcomes of one client's requests say of its server. Times are monotonic seconds.

    Attributes:
        state: of the table.
        number: outages so far.
        reason: what the last failure was, in words.
        listeners: told when an outage begins (away), ends (answering) or is given up.
    """

    def __init__(self) -> None:
        self.state = State.UNHEARD
        self.number = 0
        self.reason = ""
        self.listeners: list[Callable[[Outage], None]] = []
        self._borne: float | None = None
        self._answered_at = -math.inf
        self._began = 0.0
        self._lasted = 0.0
        self._failures = 0
        self._probes = 0

    @property
    def borne(self) -> float | None:
        """Seconds that an outage may last; ``None``: every failure is its request's own."""
        return self._borne

    @property
    def holds(self) -> bool:
        """Whether nothing but probes may be sent."""
        return self.state in (State.SUSPECTED, State.AWAY)

    @property
    def stands(self) -> bool:
        """Whether a failure is the server's, and no request's own."""
        return self.holds or self.state is State.GIVEN_UP

    def bear(self, seconds: float | None) -> None:
        """Take over how long an outage is borne; what was given up is tried once more."""
        self._borne = seconds
        if self.state is State.GIVEN_UP:
            self.state = State.ANSWERING
            self._failures = 0

    def lasting(self, now: float) -> float:
        """Return how long the server has been away, 0 if it is not known to be."""
        return self.seconds(now) if self.state is State.AWAY else 0.0

    def seconds(self, now: float) -> float:
        """Return how long the server has not answered, or how long the last outage lasted."""
        return max(0.0, now - self._began) if self.holds else self._lasted

    def answered(self, now: float) -> None:
        """Take note of an answer that says that the server is there."""
        self._failures, self._answered_at = 0, now
        if self.state is State.GIVEN_UP:
            return
        before, self._lasted = self.state, self.seconds(now)
        self.state = State.ANSWERING
        if before is State.AWAY:
            self._tell()

    def failed(self, sent_at: float, now: float, reason: str, *, probe: bool = False) -> None:
        """Take note of no answer, or of none but that the server is ill."""
        if self.state in (State.UNHEARD, State.GIVEN_UP) or self._borne is None:
            return
        self.reason = reason
        # What was sent before the last answer may have waited long for its own.
        since = max(sent_at, self._answered_at)
        self._began = min(self._began, since) if self._failures else since
        self._failures += 1
        self._probes += probe
        passed = now - self._began
        if self.state is State.ANSWERING:
            if self._failures >= IN_A_ROW or (self._failures > 1 and passed >= LONG_SECONDS):
                self.state, self._probes = State.SUSPECTED, 0
        elif self.state is State.SUSPECTED and probe and passed >= min(AWAY_SECONDS, self._borne):
            self.state = State.AWAY
            self.number += 1
            self._tell()
        self.expire(now)

    def expire(self, now: float) -> None:
        """Give up what has lasted longer than is borne, once a probe has failed."""
        if self.state is State.AWAY and self.left(now) <= 0:
            self._lasted = self.seconds(now)
            self.state = State.GIVEN_UP
            self._tell()

    def left(self, now: float) -> float:
        """Return the seconds for which the outage is still borne."""
        return math.inf if self._borne is None else self._began + self._borne - now

    def next_probe(self, now: float, jitter: float) -> float:
        """Return the seconds until the next probe, or until it is given up.

        Args:
            jitter: from 0 up to 1, so that many clients don't come at once.
        """
        if not self._probes:
            return 0.0
        longest = min(PROBE_CAP, PROBE_BASE * 2.0 ** min(self._probes - 1, 10))
        return max(0.0, min(longest * (0.5 + jitter / 2), self.left(now)))

    def _tell(self) -> None:
        for tell in self.listeners:
            tell(self)
