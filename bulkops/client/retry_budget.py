"""How many failed requests a whole run bears before it ends. Pure.

A server that fails at every other request is never away (``bulkops.client.outage``); without a
common end each operation would try it for itself, and hundreds of them would hammer it. Each
answer earns a little back, so that a run of any length bears a failure now and then (as gRPC's
retry throttling, proposal A6).
"""

from __future__ import annotations

MOST = 100.0
"""Failures borne, less what answers in between earn back."""

EARNED = 0.1
"""Failures that one answer earns back: one in eleven is borne for ever."""


class RetryBudget:
    """What is left of the failures a run bears."""

    def __init__(self) -> None:
        self._left = MOST

    @property
    def spent(self) -> bool:
        """Whether nothing more may be sent."""
        return self._left < 1

    def answered(self) -> None:
        """Count an answer, whatever it says."""
        self._left = min(MOST, self._left + EARNED)

    def failed(self) -> None:
        """Count a request that got no answer, or none but that the server is ill (5xx, 408)."""
        self._left -= 1
