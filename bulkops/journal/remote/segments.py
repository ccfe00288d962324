"""The lines of a journal in object storage: numbered segments, each a group that was written once.

``<journal>/00000001.jsonl`` has the header and the whole plan, each further segment a later group.
Together they are, byte for byte, what a journal in a file would be. A segment is created only if
no object has its name, so no writer replaces what another one wrote; and it appears whole, so
there are no torn tails.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from io import BufferedReader
from itertools import islice
from typing import BinaryIO

from bulkops.journal.lines import Scanner
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import NoAnswer, Store
from bulkops.journal.remote.numbered import Numbered, SegmentStream, ahead
from bulkops.journal.storage import Headless, Sight, Superseded

_LOOKED_BACK = 3
"""Segments at the end that are looked at for the last line: a repair leaves empty ones."""


class Segments:
    """See ``Storage``. The journal's lease must be held for writing.

    Args:
        at_once: how many segments are read at the same time.
    """

    may_tear = False
    remedy = "Check the store, its rights and its credentials"

    def __init__(self, store: Store, address: Address, at_once: int = 64) -> None:
        self._address = address
        self._store = store
        self._at_once = at_once
        self._numbered = Numbered(store, address.key, at_once)

    def __str__(self) -> str:
        """Return the address."""
        return str(self._address)

    def exists(self) -> bool:
        """Return whether it has a segment, even if the first is missing; raises ``StoreError``."""
        return self._numbered.at(0) is not None

    def is_begun(self) -> bool:
        """Return whether the journal has its first segment; raises ``StoreError``."""
        return self._store.get(self._numbered.key(1)) is not None

    def read(self) -> BinaryIO:
        """See ``Readable``."""
        start = self._numbered.at(0)
        if start is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such journal")
        if start.number > 1:
            raise Headless
        return BufferedReader(SegmentStream(self._numbered), buffer_size=1 << 20)

    def end(self) -> bytes:
        """See ``Readable``."""
        return b"".join(segment.data for segment in self._numbered.last(_LOOKED_BACK))

    def part_at(self, offset: int) -> str:
        """See ``Readable``."""
        return f"object {self._numbered.key(self._numbered.first_at(offset)).rpartition('/')[2]}"

    def sight(self, stream: BinaryIO) -> Sight:  # noqa: ARG002 - a file's stream shows it
        """See ``Readable``; segments are never replaced, so the identity stays."""
        return Sight(None, self._numbered.size)

    def owned(self, *, trusted: bool) -> Segments:  # noqa: ARG002 - the bucket's policy decides
        """See ``Storage``: who may write to the bucket is its owner's decision."""
        return self

    def create(self, parts: Iterable[bytes]) -> None:
        """See ``Storage``."""
        # See ``create_copy``.
        if self._store.get(self._numbered.key(2)) is not None:
            raise FileExistsError(errno.EEXIST, "it exists already")
        self._create(1, b"".join(parts))

    def create_copy(self, groups: Iterable[bytes]) -> None:
        """See ``Storage``; several segments are written at a time."""
        segments = enumerate(groups, 1)
        _, first = next(segments)
        # The first one makes them a journal. The second one without it shows an unfinished copy,
        # so that no other journal is begun in its place.
        for number, data in islice(segments, 1):
            self._create(number, data)
        for _ in ahead(lambda segment: self._create(*segment), segments, self._at_once):
            pass
        self._create(1, first)

    def _create(self, number: int, data: bytes) -> None:
        if not write_once(self._store, self._numbered.key(number), data):
            raise FileExistsError(errno.EEXIST, "it exists already")

    def prepare(self, scanner: Scanner) -> None:
        """See ``Storage``: what can be read is durable."""

    def append(self, data: bytes) -> None:
        """See ``Storage``; the same call again is safe after a ``NoAnswer``."""
        # After the last segment that was read, not the last that is listed: what another process
        # wrote in between must not be skipped.
        if not write_once(self._store, self._numbered.key(self._numbered.following), data):
            raise Superseded
        self._numbered.added(data)

    def cut(self, scanner: Scanner) -> str:
        """See ``Storage``: nothing is deleted, but what follows is copied, and then emptied."""
        aside = f"damaged-{scanner.offset}"
        # From the end, so that the journal stays damaged until all is done.
        for number, start, data in reversed(self._numbered.since(scanner.offset)):
            if data:
                self._store.put(self._numbered.key(number, aside), data)
            self._store.put(self._numbered.key(number), data[: max(0, scanner.offset - start)])
        return str(self._address / aside)

    def close(self) -> None:
        """See ``Storage``."""


def write_once(store: Store, key: str, data: bytes) -> bool:
    """Write an object that doesn't exist; return False if there is another one.

    A refusal may be the answer to our own write, which obstore or a proxy repeated: so what is
    there is compared. The same call again is always safe.

    Raises:
        StoreError: it isn't known whether it was written.
    """
    if store.create(key, data) is not None:
        return True
    found = store.get(key)
    if found is None:
        raise NoAnswer("it refuses to write, though nothing is there")
    return found.data == data
