"""A signal's way to whatever an execution is doing just now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from bulkops.runner.runner import Runner


class Interruption:
    """Ends what may end at once, and lets a runner drain.

    Attributes:
        signal: that stopped it, empty for none.
        runner: that carries something out, or did.
    """

    def __init__(self) -> None:
        self.signal = ""
        self.runner: Runner | None = None
        self._scope: anyio.CancelScope | None = None

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: in good order the first time, at once the second.

        Args:
            drain: seconds that what is in flight may take to finish.
        """
        if self._scope is not None:
            self._scope.cancel()
        if self.runner is not None and self.signal:
            self.runner.stop_at_once(signal)
        elif self.runner is not None:
            self.runner.stop(signal, drain)
        self.signal = self.signal or signal

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal end the block at once; it is left without an exception, ``signal`` set.

        Nothing that changes anything may be inside.
        """
        with anyio.CancelScope() as self._scope:
            if self.signal:
                self._scope.cancel()
            yield
        self._scope = None
