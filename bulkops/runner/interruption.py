"""A signal's way to whatever an execution is doing just now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Interruption:
    """Ends what an execution is doing: at once, or once what is in flight has had its time.

    Attributes:
        signal: that stopped it, empty for none; whoever sees one begins nothing new.
    """

    def __init__(self) -> None:
        self.signal = ""
        self._scope: anyio.CancelScope | None = None
        self._drains = False

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: in good order the first time, at once the second.

        Args:
            drain: seconds that what is in flight may take to finish.
        """
        if self._scope is not None and self._drains and not self.signal:
            self._scope.deadline = anyio.current_time() + drain
        else:
            self.cut_short()
        self.signal = self.signal or signal

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal end the block at once; it is left without an exception, ``signal`` set.

        Nothing that changes anything may be inside.
        """
        with self._entered(drains=False):
            if self.signal:
                self.cut_short()
            yield

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Let a signal end the block after its ``drain`` seconds, a second one at once."""
        with self._entered(drains=True):
            yield

    def cut_short(self) -> None:
        """End at once whatever block there is."""
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def _entered(self, *, drains: bool) -> Iterator[None]:
        self._drains = drains
        with anyio.CancelScope() as self._scope:
            yield
        self._scope = None
