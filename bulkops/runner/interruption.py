"""Passes a signal to whatever an execution is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

LAST_SECONDS = 1.0
"""Seconds that the last notification has even after a second signal, or a long drain."""


class Interruption:
    """Ends what an execution is doing, either immediately or after the drain time.

    Attributes:
        signal: the signal that stopped it, empty if none did; once it is set, nothing new starts.
    """

    def __init__(self) -> None:
        self.signal = ""
        self._scope: anyio.CancelScope | None = None
        self._drains = False
        self._drained_at = 0.0

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: drain on the first call, stop immediately on the second.

        Args:
            drain: seconds in which operations in flight may finish.
        """
        now = anyio.current_time()
        self._drained_at = now if self.signal else now + drain
        if self._scope is not None and self._drains and not self.signal:
            self._scope.deadline = self._drained_at
        else:
            self.cut_short()
        self.signal = self.signal or signal

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal end the block immediately, without an exception and with ``signal`` set.

        The block must not contain writes.
        """
        with self._entered(drains=False):
            if self.signal:
                self.cut_short()
            yield

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Let a signal end the block after ``drain`` seconds, a second one immediately."""
        with self._entered(drains=True):
            yield

    @contextmanager
    def concluding(self) -> Iterator[None]:
        """Like ``draining``, but a signal that came before limits the block, too."""
        with self._entered(drains=True) as scope:
            if self.signal:
                scope.deadline = max(self._drained_at, anyio.current_time() + LAST_SECONDS)
            yield

    def cut_short(self) -> None:
        """End the current block, if any, immediately."""
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def _entered(self, *, drains: bool) -> Iterator[anyio.CancelScope]:
        self._drains = drains
        with anyio.CancelScope() as self._scope:
            yield self._scope
        self._scope = None
