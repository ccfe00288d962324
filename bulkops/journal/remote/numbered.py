"""Reads numbered objects as one stream, several of them at the same time."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import RawIOBase
from itertools import chain, count, pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bulkops.journal.remote.bucket.store import Denied, Store

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST_MISSING = 1000
"""Numbers in a row that may be missing; a larger gap is no damage, but something else's object."""

_NAME = re.compile(r"\d{8}\.jsonl")

A = TypeVar("A")
B = TypeVar("B")


class Segment(NamedTuple):
    """An object, and where in the stream its data starts."""

    number: int
    start: int
    data: bytes


class Numbered:
    """The objects ``KEY/00000001.jsonl``, …, which are only ever added to.

    A number that is missing although a later one is listed counts as empty, so that a reader of
    the stream notices that something is missing.

    Args:
        at_once: how many are read at the same time.

    Attributes:
        size: bytes of the objects that are known so far.
    """

    def __init__(self, store: Store, key: str, at_once: int) -> None:
        self._store = store
        self._key = key
        self._at_once = at_once
        self._ends: list[int] = []
        self._listed: int | None = None
        self._last = Segment(0, 0, b"")
        self._coming = 0
        self._incoming: Iterator[bytes | None] = iter(())

    @property
    def size(self) -> int:
        """See above."""
        return self._ends[-1] if self._ends else 0

    @property
    def following(self) -> int:
        """The number after the last one that is known."""
        return len(self._ends) + 1

    def key(self, number: int, folder: str = "") -> str:
        """Return the key of an object.

        Args:
            folder: below the others' folder, for a copy.
        """
        return f"{self._key}/{folder}{folder and '/'}{number:08}.jsonl"

    def added(self, data: bytes) -> None:
        """Take that this process has written the next object."""
        self._last = Segment(self.following, self.size, data)
        self._ends.append(self.size + len(data))

    def at(self, offset: int) -> Segment | None:
        """Return the object with this byte, ``None`` at the end; raises ``StoreError``."""
        known = bisect_right(self._ends, offset)
        if known < len(self._ends):
            return self._read(known + 1)
        while (segment := self._read(self.following)) and self.size <= offset:
            pass
        return segment

    def first_at(self, offset: int) -> int:
        """Return the number of the object with this byte, or of an empty one that is there."""
        before = bisect_left(self._ends, offset)
        return before + 1 + (self._ends[before : before + 1] == [offset])

    def since(self, offset: int) -> list[Segment]:
        """Return the object with this byte and all after it; raises ``StoreError``."""
        found = []
        first = self.at(offset)
        number = first.number if first else self.following
        while segment := self._read(number):
            found.append(segment)
            number += 1
        return found

    def last(self, most: int) -> list[Segment]:
        """Return the last objects, at most so many; raises ``StoreError``."""
        number = self._last_listed()
        while self._store.get(self.key(number + 1)):
            number += 1
        numbers = range(max(1, number - most + 1), number + 1)
        return [Segment(n, 0, self._get(n) or b"") for n in numbers]

    def _read(self, number: int) -> Segment | None:
        if number == self._last.number:
            return self._last
        if number != self._coming:
            self._incoming, self._coming = self._from(number), number
        data = next(self._incoming)
        if data is None and number < self._last_listed():
            data = b""
        if data is None:
            # It may exist by the next time.
            self._coming = 0
            return None
        self._coming += 1
        start = self._ends[number - 2] if number > 1 else 0
        if number == self.following:
            self._ends.append(start + len(data))
        self._last = Segment(number, start, data)
        return self._last

    def _from(self, number: int) -> Iterator[bytes | None]:
        # The first one alone: whoever wants only the first line reads no more.
        listed = range(number + 1, self._last_listed() + 1)
        further = map(self._get, count(max(number + 1, listed.stop)))
        rest = ahead(self._get, listed, min(self._at_once, len(listed)))
        return chain(map(self._get, (number,)), rest, further)

    def _get(self, number: int) -> bytes | None:
        found = self._store.get(self.key(number))
        return found.data if found else None

    def _last_listed(self) -> int:
        # Asked once: a listing may lag, so what follows is found by its number.
        if self._listed is None:
            names = (name.rpartition("/")[2] for name in self._store.names(f"{self._key}/0"))
            numbers = sorted(int(name[:8]) for name in names if _NAME.fullmatch(name))
            for before, number in pairwise([0, *numbers]):
                if number - before > MOST_MISSING:
                    raise Denied(
                        f"{self._key}/{number:08}.jsonl is there, but none of the "
                        f"{number - before - 1:,} objects before it"
                    )
            self._listed = numbers[-1] if numbers else 0
        return self._listed


class SegmentStream(RawIOBase):
    """The objects as one file, to be read and sought in."""

    def __init__(self, numbered: Numbered) -> None:
        self._numbered = numbered
        self._offset = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer as far as one object reaches; raises ``StoreError``."""
        segment = self._numbered.at(self._offset)
        if segment is None:
            return 0
        view = memoryview(buffer).cast("B")
        begin = self._offset - segment.start
        part = segment.data[begin : begin + len(view)]
        view[: len(part)] = part
        self._offset += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return the new position; the end is that of all that can be read by now."""
        if whence == os.SEEK_CUR:
            offset += self._offset
        elif whence == os.SEEK_END:
            while self._numbered.at(self._numbered.size):
                pass
            offset += self._numbered.size
        self._offset = offset
        return offset

    def tell(self) -> int:
        """Return the position."""
        return self._offset


def ahead(call: Callable[[A], B], values: Iterable[A], at_once: int) -> Generator[B, None, None]:
    """Yield what a call returns for each value, in order; several calls run at a time."""
    if at_once <= 1:
        yield from map(call, values)
        return
    running: deque[Future[B]] = deque()
    pool, abandoned = ThreadPoolExecutor(at_once), False
    try:
        for value in values:
            running.append(pool.submit(call, value))
            if len(running) >= at_once:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except GeneratorExit:
        abandoned = True
        raise
    finally:
        # What is abandoned ends wherever garbage is collected, even inside a thread that is being
        # started: to wait for another thread there is a deadlock.
        pool.shutdown(wait=not abandoned, cancel_futures=True)
