"""The recent rate of an execution, in operations per second. Pure."""

from __future__ import annotations

from collections import deque

LATELY = 10.0
"""Seconds over which the rate is averaged."""

SOONEST = 2.0
"""Seconds to measure before a rate is shown: a burst or pause at the start means nothing."""


class Speed:
    """Measures the recent rate of operations per second.

    Attributes:
        rate: the last one measured; ``None`` before that.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._observed = deque[tuple[float, int]]()

    def starts(self, now: float, results: int) -> None:
        """Note the number of results before an operation is started."""
        self._observed.append((now, results))

    def measure(self, now: float, results: int, *, goes: bool) -> None:
        """Note the number of results; they count only while operations are started (``goes``)."""
        observed = self._observed
        if not goes:
            # The last rate remains the best estimate for the next wave.
            observed.clear()
            return
        observed.append((now, results))
        while len(observed) > 2 and observed[1][0] <= now - LATELY:
            observed.popleft()
        began, before = observed[0]
        if now - began >= SOONEST:
            # An operation that is retried loses its result, so the number may shrink.
            self.rate = max(0, results - before) / (now - began)
