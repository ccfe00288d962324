"""Distinguishes an outage of the server from the failure of one request. Pure: a table.

While every request fails, a failure says nothing about its operation. The client then sends only
probes, and every other request waits until the server answers or the outage has lasted longer
than is tolerated.

| state     | an answer | a failure | several in a row | a probe fails late | not tolerated |
|-----------|-----------|-----------|------------------|--------------------|---------------|
| unheard   | answering | unheard   | unheard          |                    |               |
| answering | answering | answering | suspected        |                    |               |
| suspected | answering | suspected | suspected        | away               | given up      |
| away      | answering | away      | away             | away               | given up      |
| given up  | given up  | given up  | given up         | given up           | given up      |

A failure is a request without an answer, or with a 5xx or 408. Several in a row are ``IN_A_ROW``,
or two if ``LONG_SECONDS`` have passed since the first was sent. A probe fails late if
``AWAY_SECONDS`` have passed since then, or the tolerated time if that is less. *Not tolerated*
means that a probe fails after the tolerated time. If only one endpoint fails, a probe of another
one shows it immediately. A server that has never answered (unheard) may not exist: the address
may be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

IN_A_ROW = 5
"""Must be less than the attempts of one request, so that an outage doesn't use them up."""

LONG_SECONDS = 10.0
AWAY_SECONDS = 3.0

PROBE_BASE = 1.0
PROBE_CAP = 15.0
"""Seconds between two probes; doubles with each probe, up to the cap."""


class State(Enum):
    """The state of the server, as far as it is known (see the table)."""

    UNHEARD = "unheard"
    ANSWERING = "answering"
    SUSPECTED = "suspected"
    AWAY = "away"
    GIVEN_UP = "given up"


class Outage:
    """Derives the server's state from the outcomes of a client's requests.

    Times are monotonic seconds.

    Attributes:
        state: the state in the table.
        number: the number of outages so far.
        reason: a description of the last failure.
        listeners: functions called when an outage begins (away), ends (answering) or is given
            up.
    """

    def __init__(self) -> None:
        self.state = State.UNHEARD
        self.number = 0
        self.reason = ""
        self.listeners: list[Callable[[Outage], None]] = []
        self._tolerated: float | None = None
        self._answered_at = -math.inf
        self._began = 0.0
        self._lasted = 0.0
        self._failures = 0
        self._probes = 0

    @property
    def tolerated(self) -> float | None:
        """The seconds that an outage may last; ``None`` if each request fails by itself."""
        return self._tolerated

    @property
    def only_probes(self) -> bool:
        """Whether only probes may be sent."""
        return self.state in (State.SUSPECTED, State.AWAY)

    @property
    def explains_failures(self) -> bool:
        """Whether failures are due to the server rather than to their requests."""
        return self.only_probes or self.state is State.GIVEN_UP

    def tolerate(self, seconds: float | None) -> None:
        """Set how long an outage is tolerated; try a server that was given up again."""
        self._tolerated = seconds
        if self.state is State.GIVEN_UP:
            self.state = State.ANSWERING
            self._failures = 0

    def lasting(self, now: float) -> float:
        """Return for how many seconds the server has been away; 0 if it isn't known to be."""
        return self.seconds(now) if self.state is State.AWAY else 0.0

    def seconds(self, now: float) -> float:
        """Return how long the server hasn't answered, or else how long the last outage lasted."""
        return max(0.0, now - self._began) if self.only_probes else self._lasted

    def answered(self, now: float) -> None:
        """Record an answer that shows that the server is available."""
        self._failures, self._answered_at = 0, now
        if self.state is State.GIVEN_UP:
            return
        before, self._lasted = self.state, self.seconds(now)
        self.state = State.ANSWERING
        if before is State.AWAY:
            self._notify()

    def failed(self, sent_at: float, now: float, reason: str, *, probe: bool = False) -> None:
        """Record a failure: no answer, or a 5xx or 408."""
        if self.state in (State.UNHEARD, State.GIVEN_UP) or self._tolerated is None:
            return
        self.reason = reason
        # A request sent before the last answer may have been waiting for long.
        since = max(sent_at, self._answered_at)
        self._began = min(self._began, since) if self._failures else since
        self._failures += 1
        self._probes += probe
        passed = now - self._began
        if self.state is State.ANSWERING:
            if self._failures >= IN_A_ROW or (self._failures > 1 and passed >= LONG_SECONDS):
                self.state, self._probes = State.SUSPECTED, 0
        elif (
            self.state is State.SUSPECTED and probe and passed >= min(AWAY_SECONDS, self._tolerated)
        ):
            self.state = State.AWAY
            self.number += 1
            self._notify()
        self.expire(now)

    def expire(self, now: float) -> None:
        """Give up an outage that has lasted longer than is tolerated, once a probe has failed."""
        if self.state is State.AWAY and self.left(now) <= 0:
            self._lasted = self.seconds(now)
            self.state = State.GIVEN_UP
            self._notify()

    def left(self, now: float) -> float:
        """Return for how many more seconds the outage is tolerated."""
        return math.inf if self._tolerated is None else self._began + self._tolerated - now

    def next_probe(self, now: float, jitter: float) -> float:
        """Return the seconds until the next probe, or until the outage is given up.

        Args:
            jitter: a random number from 0 to 1, so that clients don't probe simultaneously.
        """
        if not self._probes:
            return 0.0
        longest = min(PROBE_CAP, PROBE_BASE * 2.0 ** min(self._probes - 1, 10))
        return max(0.0, min(longest * (0.5 + jitter / 2), self.left(now)))

    def _notify(self) -> None:
        for listener in self.listeners:
            listener(self)
