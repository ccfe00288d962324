"""The signals that stop a command: handled from the start, remembered, and passed to what runs.

If the process is PID 1 of a container, the kernel drops signals without a handler. ``main`` sets
handlers before it imports anything; those of this module replace them and stay until the end. An
event loop installs no handlers of its own, because it would remove them when it closes. An
exception that a handler raises can get lost, in a destructor for instance, so each signal is also
remembered, and each later stage checks for one.
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
    # A command that sends no request does not wait for the import.
    from asyncio import AbstractEventLoop

DRAIN_SECONDS = 5.0
"""Default of ``--drain-timeout``: CI systems kill a process 7.5 to 10 seconds after the signal."""

Listener = Callable[[signal.Signals], object]


class Received:
    """The signals of ``SIGNALS`` that this process has received.

    Attributes:
        first: the first one's name; empty if there was none.
        deadline: monotonic time, in seconds, by which the command should end after a signal.
    """

    def __init__(self) -> None:
        self.first = ""
        self.deadline = 0.0
        self._listening: tuple[Listener, AbstractEventLoop] | None = None
        self._deferring = self._missed = self._passed_on = False

    def take(self) -> None:
        """Handle signals from now on, and forget those that an earlier command received."""
        self.first, self._passed_on = "", False
        for number in handled():
            signal.signal(number, self.stop)

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Notify the listener or, if there is none, raise ``SystemExit``."""
        name = signal.Signals(number).name
        if not self.first:
            self.first, self.deadline = name, time.monotonic() + DRAIN_SECONDS
        if self._listening is not None:
            listener, loop = self._listening
            self._passed_on = True
            loop.call_soon_threadsafe(listener, signal.Signals(number))
        elif self._deferring:
            self._missed = True
        else:
            raise SystemExit(SIGNALS[name])

    def check(self) -> None:
        """Raise ``SystemExit`` if a signal was received, so that nothing new starts."""
        if self.first:
            raise SystemExit(SIGNALS[self.first])

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Raise no ``SystemExit`` while the block runs, and with it an event loop.

        Raised inside a callback of the loop, it would end the callback, not the command. A signal
        that no listener was notified of is raised after the block.
        """
        self._deferring, self._missed = True, False
        try:
            yield
        finally:
            self._deferring = False
        if self._missed:
            self.check()

    @contextmanager
    def passed_to(self, listener: Listener, loop: AbstractEventLoop) -> Iterator[None]:
        """While the block runs, its event loop calls the listener, also for an earlier signal."""
        outer, self._listening = self._listening, (listener, loop)
        with nullcontext() if outer else _woken(loop):
            if self.first and not self._passed_on:
                self._missed = False
                listener(signal.Signals[self.first])
            try:
                yield
            finally:
                self._listening = outer

    @contextmanager
    def raised(self) -> Iterator[Callable[[TextIO], None]]:
        """While the block waits for the user, raise ``SystemExit`` even inside an event loop.

        The loop would act only after the block. Yields a function that waits until a stream can be
        read: a signal that arrives just before a read would not interrupt it.
        """
        before = self._listening, self._deferring
        self._listening, self._deferring = None, False
        try:
            with _waking() as reader:

                def wait_for(stream: TextIO) -> None:
                    select.select([stream.fileno(), reader], [], [])

                yield wait_for
        finally:
            self._listening, self._deferring = before


@contextmanager
def _waking() -> Iterator[int]:
    """While the block runs, yield a descriptor that every signal makes readable."""
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
    """Return the signals of ``SIGNALS`` that this system has, without SIGHUP under nohup.

    nohup ignores SIGHUP, and so does bulkops then. SIGINT is handled even if a script started
    bulkops with ``&``, which ignores it: a SIGINT sent to this process is meant for it.
    """
    there = [signal.Signals[name] for name in SIGNALS if hasattr(signal, name)]
    return [n for n in there if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN]


received = Received()
"""The signals that this process has received."""
