"""Limits how many requests of a run may fail before it ends. Pure.

A server that fails every other request never counts as away (``bulkops.client.outage``). Without a
common limit, hundreds of operations would each retry by themselves and overload it. Each answer
restores a little of the budget, so a run of any length survives occasional failures (like gRPC's
retry throttling, proposal A6).
"""

from __future__ import annotations

from bulkops.errors import ApiError, RetriesSpent

MOST = 100.0
"""The number of failures that a run may have, if no answer restores any."""

EARNED = 0.1
"""The number of failures that one answer restores: one failure in eleven is tolerated forever."""


class RetryBudget:
    """The number of failures that a run may still have; once it is spent, it remains so."""

    def __init__(self) -> None:
        self._left = MOST
        self._spent_on: ApiError | None = None

    def check(self) -> None:
        """Raise ``RetriesSpent`` if the budget is used up, so that nothing more may be sent."""
        if self._spent_on is not None:
            raise RetriesSpent(
                f"too many requests failed; the last error was: {self._spent_on}. Stopped so as "
                "not to overload a failing server; nothing is lost: run the same command again "
                "later"
            )

    def answered(self) -> None:
        """Record an answer."""
        self._left = min(MOST, self._left + EARNED)

    def failed(self, error: ApiError) -> None:
        """Record a request without an answer, or with a 5xx or 408."""
        self._left -= 1
        if self._left < 1 and self._spent_on is None:
            self._spent_on = error
