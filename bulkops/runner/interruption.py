"""Passes a signal to whatever an execution is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Interruption:
    """Ends what an execution is doing, either immediately or after the drain time.

    Attributes:
        signal: the signal that stopped it, empty if none did; once it is set, nothing new starts.
    """

    def __init__(self) -> None:
        self.signal = ""
        self._scope: anyio.CancelScope | None = None
        self._drains = False

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: drain on the first call, stop immediately on the second.

        Args:
            drain: seconds in which operations in flight may finish.
        """
        if self._scope is not None and self._drains and not self.signal:
            self._scope.deadline = anyio.current_time() + drain
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

    def cut_short(self) -> None:
        """End the current block, if any, immediately."""
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def _entered(self, *, drains: bool) -> Iterator[None]:
        self._drains = drains
        with anyio.CancelScope() as self._scope:
            yield
        self._scope = None
