"""Limits how many requests of a run may fail before it ends. Pure.

A server that fails every other request never counts as away (``bulkops.client.outage``). Without a
common limit, hundreds of operations would each retry by themselves and overload it. Each answer
restores a little of the budget, so a run of any length survives occasional failures (like gRPC's
retry throttling, proposal A6).
"""

from __future__ import annotations

MOST = 100.0
"""The number of failures that a run may have, if no answer restores any."""

EARNED = 0.1
"""The number of failures that one answer restores: one failure in eleven is tolerated forever."""


class RetryBudget:
    """The number of failures that a run may still have."""

    def __init__(self) -> None:
        self._left = MOST

    @property
    def spent(self) -> bool:
        """Whether the budget is used up, so that nothing more may be sent."""
        return self._left < 1

    def answered(self) -> None:
        """Record an answer."""
        self._left = min(MOST, self._left + EARNED)

    def failed(self) -> None:
        """Record a request without an answer, or with a 5xx or 408."""
        self._left -= 1
