"""What is printed leaves by a thread, so that a pipe nobody reads blocks the thread alone.

``let_out`` puts an ``Outlet`` in the place of stdout and of stderr. Like any stream it waits for
its reader, except while an event loop runs: then a write only joins the queue. The caller asks
``is_full`` first, and takes nothing new up, or counts what it does not print.

The threads are daemons: a write that blocks must not hold the process at its end.
"""

from __future__ import annotations

import math
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Thread
from typing import TextIO, cast

from bulkops.cli.signals import received

ROOM = 64 * 1024
"""Bytes that wait to be written, from which on a queue is full."""

ATOMIC = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes whole or not at all: what is cut off at the end is cut between lines."""

RESERVE = 16
"""Times ``ROOM`` in which there is still a place for what matters more."""
MOST = float(RESERVE * ROOM)
"""Bytes that may wait where more would take too much memory."""

LOST = "{} lines not written: nobody read stderr.\n"
STILL_SECONDS = 0.5
"""Without a write, after which a reader is taken for gone once a signal has come."""


class Queue:
    """Bytes on their way to one file, and the thread that writes them.

    Attributes:
        size: bytes not yet written.
    """

    def __init__(self) -> None:
        self.size = 0
        self._waiting = deque[tuple[Outlet, bytes]]()
        self._changed = Condition()
        Thread(target=self._write_all, name="bulkops output", daemon=True).start()

    def put(self, outlet: Outlet, data: bytes) -> None:
        """Take bytes over."""
        with self._changed:
            self.size += len(data)
            self._waiting.append((outlet, data))
            self._changed.notify_all()

    def wait(self, left: float, *, still: float | None = None, until: float | None = None) -> bool:
        """Wait until no more than so many bytes are left; return whether that was reached.

        Args:
            still: seconds without a write after which it gives up; ``until`` when (monotonic).
        """
        seconds = still
        with self._changed:
            while self.size > left:
                if until is not None:
                    rest = max(0.0, until - time.monotonic())
                    seconds = rest if still is None else min(still, rest)
                # Each write notifies. Not for ever: no signal that came just before interrupts it.
                written = self._changed.wait(1.0 if seconds is None else seconds)
                if not written and seconds is not None and self.size > left:
                    return False
        return True

    def discard(self, outlet: Outlet) -> None:
        """Forget what waits to be written by an outlet."""
        with self._changed:
            kept = [item for item in self._waiting if item[0] is not outlet]
            self.size -= sum(len(data) for other, data in self._waiting if other is outlet)
            self._waiting = deque(kept)
            self._changed.notify_all()

    def close(self, outlet: Outlet) -> None:
        """End the thread once all is written."""
        self.put(outlet, b"")

    def _write_all(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            # Signals are the main thread's; SIGTTOU would stop the process, blocked it does not.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                outlet, data = self._next()
            if not data:
                return
            outlet.send(data)
            with self._changed:
                self.size -= len(data)
                self._changed.notify_all()

    def _next(self) -> tuple[Outlet, bytes]:
        outlet, data = self._waiting.popleft()
        while data and self._waiting:
            other, more = self._waiting[0]
            if other is not outlet or not more or len(data) + len(more) > ATOMIC:
                break
            data += self._waiting.popleft()[1]
        return outlet, data


class Outlet:
    """A text stream that a thread writes, like ``TextIO`` in all that this program uses.

    Args:
        stream: has a descriptor and nothing in its buffer.
        queue: shared by streams to the same file, so that what they say keeps its order.
        lost: makes the line that says how many lines were dropped; without it none is.

    Attributes:
        left: bytes that may be left to be written when a flush returns; 0: it waits for all of it.
            After a signal any number may: ``finish`` waits then, and not for long.
    """

    def __init__(
        self, stream: TextIO, queue: Queue, lost: Callable[[int], str] | None = None
    ) -> None:
        self.stream = stream
        self.queue = queue
        self.left = 0.0
        self._number = stream.fileno()
        self._encoding, self._errors = stream.encoding or "utf-8", stream.errors or "replace"
        self._lost = lost
        self._dropped = 0
        self._error: OSError | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Queue a text; raises ``OSError`` once for an earlier one that couldn't be written."""
        # Bytes fail here: click learns that way that this is a stream of text.
        data = text.encode(self._encoding, self._errors)
        self._raise()
        if self._lost and self.is_full(RESERVE) and self.left:
            self.drop(text.count("\n"))
            return len(text)
        self._wait(ROOM)
        self.tell_dropped()
        if data:
            self.queue.put(self, data)
        return len(text)

    def writelines(self, pieces: Iterable[str]) -> None:
        """Queue texts in blocks, each the size of one write; raises as ``write``."""
        block, size = list[str](), 0
        for piece in pieces:
            if size + len(piece) > ATOMIC // 2 and block:
                self.write("".join(block))
                block, size = [], 0
            block.append(piece)
            size += len(piece)
        if block:
            self.write("".join(block))

    def flush(self) -> None:
        """Wait until no more is left than may be; raises as ``write``."""
        self._wait()
        self._raise()

    def is_full(self, times: int = 1) -> bool:
        """Return whether so many times ``ROOM`` wait to be written."""
        return self.queue.size >= times * ROOM

    def drop(self, lines: int) -> None:
        """Count lines that were not written; the next one that is says how many they were."""
        self._dropped += lines

    def tell_dropped(self) -> None:
        """Queue the line that says how many were dropped, where some were."""
        if self._dropped and self._lost:
            number, self._dropped = self._dropped, 0
            self.queue.put(self, self._lost(number).encode(self._encoding, self._errors))

    def send(self, data: bytes) -> None:
        """Write bytes, in the queue's thread; after an error what was queued is dropped."""
        while data and self._error is None:
            try:
                data = data[os.write(self._number, data) :]
            except BlockingIOError:
                # Somebody who shares the file made it so.
                select.select([], [self._number], [])
            except OSError as error:
                self._error, data = error, b""

    def _wait(self, least: float = 0.0) -> None:
        if not received.first:
            self.queue.wait(max(self.left, least))

    def _raise(self) -> None:
        if self._error is not None:
            # Once, as a stream would: whoever hears it silences the descriptor.
            self.queue.discard(self)
            error, self._error = self._error, None
            raise error


def let_out() -> None:
    """Let stdout and stderr be written by a thread; those without a descriptor stay as they are."""
    queues = dict[tuple[int, int], Queue]()
    for name, lost in (
        ("stdout", None),
        ("stderr", LOST.format),
    ):
        stream: TextIO = getattr(sys, name)
        try:
            stream.flush()
            place = os.fstat(stream.fileno())
        except (OSError, ValueError):
            continue
        key = place.st_dev, place.st_ino
        queue = queues[key] = queues.get(key) or Queue()
        setattr(sys, name, cast(TextIO, Outlet(stream, queue, lost)))


@contextmanager
def left_waiting(most: float = math.inf) -> Iterator[None]:
    """While the block runs, let so many bytes of what is printed wait for their reader."""
    before = [(outlet, outlet.left) for outlet in _outlets()]
    leave_waiting(most)
    try:
        yield
    finally:
        for outlet, left in before:
            outlet.left = left


def leave_waiting(most: float = math.inf) -> None:
    """From here on let so many bytes of what is printed wait, until the command has ended."""
    for outlet in _outlets():
        outlet.left = most


def is_full(stream: object, times: int = 1) -> bool:
    """Return whether more than can be kept waits for a stream's reader."""
    return isinstance(stream, Outlet) and stream.is_full(times)


def dropped(stream: object, lines: int) -> bool:
    """Return whether lines were counted, not to be printed, since the stream takes no more."""
    full = isinstance(stream, Outlet) and stream.left > 0 and stream.is_full()
    if isinstance(stream, Outlet) and full:
        stream.drop(lines)
    return full


def is_idle(stream: object) -> bool:
    """Return whether all that was printed is written."""
    return not (isinstance(stream, Outlet) and stream.queue.size)


def settle() -> None:
    """Wait until all that was printed is written, but not for a reader that reads nothing."""
    for outlet in _outlets():
        outlet.queue.wait(0, still=STILL_SECONDS)


def finish() -> None:
    """Wait until all that was printed is written, and give the streams back.

    It waits for a reader as any program does. After a signal only for one that reads, until the
    time is over that what was in flight had, too.
    """
    outlets = _outlets()
    queues = list(dict.fromkeys(outlet.queue for outlet in outlets))
    try:
        for outlet in outlets:
            outlet.tell_dropped()
        for queue in queues:
            if not received.first:
                queue.wait(0)
    finally:
        for queue in queues:
            if received.first:
                until = max(received.deadline, time.monotonic() + STILL_SECONDS)
                queue.wait(0, still=STILL_SECONDS, until=until)
        for outlet in outlets:
            outlet.queue.close(outlet)
            name = "stderr" if outlet is sys.stderr else "stdout"
            setattr(sys, name, outlet.stream)


def _outlets() -> list[Outlet]:
    streams: tuple[object, ...] = (sys.stdout, sys.stderr)
    return [stream for stream in streams if isinstance(stream, Outlet)]
