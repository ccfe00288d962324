"""Writes stdout and stderr in threads, so that an unread pipe blocks only a thread.

``let_out`` replaces stdout and stderr by outlets. Like any stream, an outlet waits for its reader,
except while an event loop runs: then a write only joins the queue. The caller checks ``is_full``
first and, if it is, starts nothing new or counts the lines it does not print.

The threads are daemons: a write that blocks must not keep the process alive.
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
"""Bytes waiting to be written at which a queue is full."""

ATOMIC = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes as a whole: output that is cut off ends with a whole line."""

RESERVE = 16
"""How many times ``ROOM`` may wait, so that notes and reports find a place in a full queue."""
MOST = float(RESERVE * ROOM)
"""Bytes that may wait at most, to bound the memory."""

LOST = "{} lines were not written because nothing read stderr.\n"
STILL_SECONDS = 0.5
"""Time without a write, after a signal, until a reader counts as gone."""


class Queue:
    """Bytes waiting to be written to one file, and the thread that writes them.

    Attributes:
        size: number of bytes not yet written.
    """

    def __init__(self) -> None:
        self.size = 0
        self._waiting = deque[tuple[Outlet, bytes]]()
        self._changed = Condition()
        Thread(target=self._write_all, name="bulkops output", daemon=True).start()

    def put(self, outlet: Outlet, data: bytes) -> None:
        """Queue bytes."""
        with self._changed:
            self.size += len(data)
            self._waiting.append((outlet, data))
            self._changed.notify_all()

    def wait(self, left: float, *, still: float | None = None, until: float | None = None) -> bool:
        """Wait until at most ``left`` bytes wait; return whether that was reached.

        It gives up after ``still`` seconds without a write, or at the monotonic time ``until``.
        """
        seconds = still
        with self._changed:
            while self.size > left:
                if until is not None:
                    rest = max(0.0, until - time.monotonic())
                    seconds = rest if still is None else min(still, rest)
                # Each write notifies. A timeout, because an earlier signal does not interrupt it.
                written = self._changed.wait(1.0 if seconds is None else seconds)
                if not written and seconds is not None and self.size > left:
                    return False
        return True

    def discard(self, outlet: Outlet) -> None:
        """Drop an outlet's bytes that still wait."""
        with self._changed:
            kept = [item for item in self._waiting if item[0] is not outlet]
            self.size -= sum(len(data) for other, data in self._waiting if other is outlet)
            self._waiting = deque(kept)
            self._changed.notify_all()

    def close(self, outlet: Outlet) -> None:
        """End the thread once everything is written."""
        self.put(outlet, b"")

    def _write_all(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            # The main thread handles signals. SIGTTOU would stop the process unless it is blocked.
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
    """A text stream that a thread writes; has those parts of ``TextIO`` that bulkops uses.

    Args:
        stream: a stream with a descriptor and an empty buffer.
        queue: shared by streams to the same file, so that their output keeps its order.
        lost: returns the line that reports a number of dropped lines; ``None``: no line is dropped.

    Attributes:
        left: bytes that may still wait when a write or flush returns; 0: it waits for all of them.
            After a signal it does not wait; ``finish`` does, for a short time.
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
        """Queue a text; raises ``OSError`` once if an earlier one couldn't be written."""
        # bytes fail here, by which click learns that this is a text stream.
        data = text.encode(self._encoding, self._errors)
        self._raise()
        if self._lost and self.is_full(RESERVE) and self.left:
            self.drop(text.count("\n"))
            return len(text)
        self._wait(ROOM)
        self.report_dropped()
        if data:
            self.queue.put(self, data)
        return len(text)

    def writelines(self, pieces: Iterable[str]) -> None:
        """Queue texts in blocks of the size of one write; raises as ``write``."""
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
        """Wait until at most ``left`` bytes wait; raises as ``write``."""
        self._wait()
        self._raise()

    def is_full(self, times: int = 1) -> bool:
        """Return whether ``times`` times ``ROOM`` bytes wait."""
        return self.queue.size >= times * ROOM

    def drop(self, lines: int) -> None:
        """Count lines that are not written; a line before the next write reports them."""
        self._dropped += lines

    def report_dropped(self) -> None:
        """Queue the line that reports the dropped lines, if there are any."""
        if self._dropped and self._lost:
            number, self._dropped = self._dropped, 0
            self.queue.put(self, self._lost(number).encode(self._encoding, self._errors))

    def send(self, data: bytes) -> None:
        """Write bytes, in the queue's thread; after an error, drop them."""
        while data and self._error is None:
            try:
                data = data[os.write(self._number, data) :]
            except BlockingIOError:
                # Another process that shares the file made it non-blocking.
                select.select([], [self._number], [])
            except OSError as error:
                self._error, data = error, b""

    def _wait(self, least: float = 0.0) -> None:
        if not received.first:
            self.queue.wait(max(self.left, least))

    def _raise(self) -> None:
        if self._error is not None:
            # Once, as a stream would: the caller then silences the descriptor.
            self.queue.discard(self)
            error, self._error = self._error, None
            raise error


def let_out() -> None:
    """Replace stdout and stderr by outlets; a stream without a descriptor stays as it is."""
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
    """While the block runs, let up to ``most`` bytes of output wait for their reader."""
    before = [(outlet, outlet.left) for outlet in _outlets()]
    leave_waiting(most)
    try:
        yield
    finally:
        for outlet, left in before:
            outlet.left = left


def leave_waiting(most: float = math.inf) -> None:
    """From now on, let up to ``most`` bytes of output wait for their reader."""
    for outlet in _outlets():
        outlet.left = most


def is_full(stream: object, times: int = 1) -> bool:
    """Return whether ``times`` times ``ROOM`` bytes wait for a stream's reader."""
    return isinstance(stream, Outlet) and stream.is_full(times)


def dropped(stream: object, lines: int) -> bool:
    """Return whether the stream is full, so that lines were counted instead of printed."""
    full = isinstance(stream, Outlet) and stream.left > 0 and stream.is_full()
    if isinstance(stream, Outlet) and full:
        stream.drop(lines)
    return full


def is_idle(stream: object) -> bool:
    """Return whether all output is written."""
    return not (isinstance(stream, Outlet) and stream.queue.size)


def settle() -> None:
    """Wait until all output is written, unless the reader reads nothing."""
    for outlet in _outlets():
        outlet.queue.wait(0, still=STILL_SECONDS)


def finish() -> None:
    """Wait until all output is written, and restore the streams.

    It waits for a reader as any program does; after a signal only for one that still reads, and
    not past the drain timeout.
    """
    outlets = _outlets()
    queues = list(dict.fromkeys(outlet.queue for outlet in outlets))
    try:
        for outlet in outlets:
            outlet.report_dropped()
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
