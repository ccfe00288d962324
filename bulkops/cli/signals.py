"""The signals that stop a command: taken first of all, remembered, and told to whatever runs.

The kernel drops a signal that PID 1 of a container has no handler for. So ``main`` sets handlers
before it imports anything; those of this module follow and stay to the end. An event loop gives
the signals it takes back to the system when it closes: it gets none to take. An exception raised
by a handler can get lost, in a destructor for instance, so a signal is remembered, too, and each
later stage looks whether there was one.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, TextIO

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
        self._told: tuple[Listener, AbstractEventLoop] | None = None
        self._held_back = self._missed = self._passed_on = False

    def take(self) -> None:
        """Take the signals from here on; what was received before was another command's."""
        self.first, self._passed_on = "", False
        for number in handled():
            signal.signal(number, self.stop)

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Tell who listens, else end the process in good order: what is open is closed."""
        name = signal.Signals(number).name
        if not self.first:
            self.first, self.deadline = name, time.monotonic() + DRAIN_SECONDS
        if self._told is not None:
            listener, loop = self._told
            self._passed_on = True
            loop.call_soon_threadsafe(listener, signal.Signals(number))
        elif self._held_back:
            self._missed = True
        else:
            raise SystemExit(SIGNALS[name])

    def check(self) -> None:
        """Raise ``SystemExit`` where a signal was received, so that nothing new is begun."""
        if self.first:
            raise SystemExit(SIGNALS[self.first])

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """While the block runs, and opens and closes its event loop, raise no signal.

        Raised inside a callback of the loop it would end the callback, not the command. One that
        nobody was told of is raised after the block.
        """
        self._held_back, self._missed = True, False
        try:
            yield
        finally:
            self._held_back = False
        if self._missed:
            self.check()

    @contextmanager
    def told_to(self, listener: Listener, loop: AbstractEventLoop) -> Iterator[None]:
        """While the block runs, let its event loop tell a listener, of an earlier one at once."""
        outer, self._told = self._told, (listener, loop)
        with nullcontext() if outer else _woken(loop):
            if self.first and not self._passed_on:
                self._missed = False
                listener(signal.Signals[self.first])
            try:
                yield
            finally:
                self._told = outer

    @contextmanager
    def raised(self) -> Iterator[Callable[[TextIO], None]]:
        """While the block waits for a person, raise also inside an event loop.

        The loop would act once the block is left. Yields what waits until a stream can be read: a
        signal that comes just before reading begins would not interrupt it.
        """
        before = self._told, self._held_back
        self._told, self._held_back = None, False
        try:
            with _waking() as reader:

                def wait_for(stream: TextIO) -> None:
                    select.select([stream.fileno(), reader], [], [])

                yield wait_for
        finally:
            self._told, self._held_back = before


@contextmanager
def _waking() -> Iterator[int]:
    """While the block runs, let every signal be readable: its handler runs when Python does."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


@contextmanager
def _woken(loop: AbstractEventLoop) -> Iterator[None]:
    with _waking() as reader:
        loop.add_reader(reader, os.read, reader, 4096)
        try:
            yield
        finally:
            loop.remove_reader(reader)


def handled() -> list[signal.Signals]:
    """Return the signals of ``SIGNALS`` that the system has, but SIGHUP under nohup.

    There it is ignored, and stays so. SIGINT, which a script's ``&`` ignores, is taken:
    whoever sends it means this rollout.
    """
    there = [signal.Signals[name] for name in SIGNALS if hasattr(signal, name)]
    return [n for n in there if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN]


received = Received()
"""Of this process."""
