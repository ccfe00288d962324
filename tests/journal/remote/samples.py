"""A small journal in a store."""

from __future__ import annotations

from collections.abc import Iterable

from bulkops.journal.lines import frame
from bulkops.journal.reader import read
from bulkops.journal.records import Record, encode
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.segments import Segments
from bulkops.journal.writer import create
from tests.journal.remote.memory import MemoryStore
from tests.journal.samples import LATER, first

AT = Address("s3", "bucket", "a/scan")


def grown(groups: Iterable[Iterable[Record]] = LATER) -> MemoryStore:
    """Return a store with a journal of three operations, and each group by itself."""
    store = MemoryStore()
    create(Segments(store, AT), first(3))
    append(store, groups)
    return store


def append(store: MemoryStore, groups: Iterable[Iterable[Record]]) -> None:
    """Append each group by itself, as another process does."""

    for group in groups:
        segments = Segments(store, AT)
        scanner = read(segments).scanner
        payloads = [encode(record) for record in group]
        segments.append(frame(payloads, scanner.seq, scanner.seq, scanner.crc)[0])
