"""A small journal in a store."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from bulkops.journal.reader import read
from bulkops.journal.records import Record
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.segments import Segments
from bulkops.journal.writer import Journal, create
from tests.journal.remote.memory import MemoryStore
from tests.journal.samples import LATER, first, inline

AT = Address("s3", "bucket", "a/scan")


def grown(groups: Iterable[Iterable[Record]] = LATER) -> MemoryStore:
    """Return a store with a journal of three operations, and each group by itself."""
    store = MemoryStore()
    create(Segments(store, AT), first(3))
    append(store, groups)
    return store


def append(store: MemoryStore, groups: Iterable[Iterable[Record]]) -> None:
    """Append each group by itself, as another process does."""

    async def write() -> None:
        segments = Segments(store, AT)
        async with Journal.open(segments, read(segments), inline) as journal:
            for group in groups:
                *others, last = group
                for record in others:
                    journal.post(record)
                await journal.append(last)

    anyio.run(write)
