"""The journals of a run in a store."""

from __future__ import annotations

from pathlib import Path

from bulkops.journal.place import Hold
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Store
from bulkops.journal.remote.segments import Segments
from tests.simulation.stored.checked import CheckedStore
from tests.simulation.stored.process import PROCESS

BUCKET = Address("s3", "bucket", "")


def address_of(path: Path) -> Address:
    """Return the address of the journal that a run names so."""
    return BUCKET / path.stem


def segments_of(store: Store, path: Path) -> Segments:
    """Return a journal, read without threads."""
    return Segments(store, address_of(path), at_once=1)


class InStore:
    """See ``Shelf``."""

    def __init__(self, store: CheckedStore) -> None:
        self._store = store

    def has(self, path: Path) -> bool:
        """See ``Shelf``."""
        return address_of(path).key in self._store.journals

    def durable(self, path: Path) -> bytes:
        """See ``Shelf``."""
        return self._store.journal(address_of(path).key).data

    def truth(self, path: Path) -> Segments:
        """See ``Shelf``."""
        return segments_of(self._store, path)

    def hold(self, path: Path) -> Hold:  # noqa: ARG002 - a process holds one journal
        """See ``Shelf``."""
        process = PROCESS.get()
        assert process is not None, "no process runs"
        assert process.hold is not None, "nothing is written without the lease"
        return process.hold
