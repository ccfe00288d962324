"""The signals that stop a command: taken first of all, remembered, and told to whatever runs.

The kernel drops a signal that PID 1 of a container has no handler for. So the handlers are set
before the rest of bulkops is imported, and no moment is without one: an event loop, which gives
its signals back to the system when it closes, closes while they are blocked. A blocked signal
waits. An exception raised by a handler can get lost, in a destructor for instance, so the signal
is remembered, and each later stage looks whether there was one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from bulkops.errors import SIGNALS

if TYPE_CHECKING:
    # No command that sends nothing waits for its import.
    from asyncio import AbstractEventLoop

DRAIN_SECONDS = 5.0
"""For what is in flight after a signal, unless the command line says another time: CI systems
kill 7.5 to 10 seconds after they asked."""

Listener = Callable[[signal.Signals], object]


class Received:
    """What this process has received of ``SIGNALS``.

    Attributes:
        first: the name of the first one, empty while there was none.
        deadline: monotonic seconds until which the command should have ended, once there was one.
    """

    def __init__(self) -> None:
        self.first = ""
        self.deadline = 0.0
        self._listener: Listener | None = None

    def take(self) -> None:
        """Take the signals from here on: outside an event loop each one raises ``SystemExit``."""
        for number in handled():
            signal.signal(number, self.stop)
        _mask(signal.SIG_UNBLOCK)

    def forget(self) -> None:
        """Begin anew: what was received so far was another command's of the same process."""
        self.first = ""

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """End the process in good order: what is open is closed on the way."""
        self._remember(signal.Signals(number))
        raise SystemExit(SIGNALS[signal.Signals(number).name])

    def check(self) -> None:
        """Raise ``SystemExit`` where a signal was received, so that nothing new is begun."""
        if self.first:
            raise SystemExit(SIGNALS[self.first])

    @contextmanager
    def told_to(self, listener: Listener, loop: AbstractEventLoop) -> Iterator[None]:
        """While the block runs in an event loop, tell its signals to a listener, raise none.

        The listener is told at once of one that was received before. After the outermost block
        the signals are blocked until ``take``: the loop must be closed by then.
        """
        outer, self._listener = self._listener, listener
        if outer is None:
            for number in handled():
                with suppress(NotImplementedError):  # on Windows
                    loop.add_signal_handler(number, self._tell, number)
        if self.first:
            listener(signal.Signals[self.first])
        try:
            yield
        finally:
            self._listener = outer
            if outer is None:
                _mask(signal.SIG_BLOCK)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """While the block waits for a person, raise also inside an event loop.

        The loop only takes note of a signal, and would act once the block is left.
        """
        before = {number: signal.signal(number, self.stop) for number in handled()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _remember(self, number: signal.Signals) -> None:
        if not self.first:
            self.first, self.deadline = number.name, time.monotonic() + DRAIN_SECONDS

    def _tell(self, number: signal.Signals) -> None:
        self._remember(number)
        if self._listener is not None:
            self._listener(number)


def handled() -> list[signal.Signals]:
    """Return the signals of ``SIGNALS`` that the system has, but SIGHUP under nohup.

    There it is ignored, and stays so.
    """
    there = [signal.Signals[name] for name in SIGNALS if hasattr(signal, name)]
    return [n for n in there if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN]


def _mask(how: int) -> None:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(how, handled())


received = Received()
"""Of this process."""
