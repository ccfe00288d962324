"""The true content of a store, with the invariants of every journal and lease in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

from bulkops.journal.lines import Scanner
from bulkops.journal.records import Execution, decode
from bulkops.journal.remote.bucket.store import Version
from bulkops.journal.remote.lease.content import decoded
from tests.journal.remote.memory import MemoryStore
from tests.simulation.invariants import Violation, must

SEGMENT = re.compile(r"(.*)/(\d{8})\.jsonl")
LEASE = "/lease"


class Written:
    """One journal in the store, as all its segments together say.

    Attributes:
        data: its bytes.
        segments: their number.
        fenced_by: the nonce of its newest execution.
    """

    def __init__(self) -> None:
        self.data = b""
        self.segments = 0
        self.fenced_by = ""
        self._scanner = Scanner()

    def add(self, key: str, number: int, data: bytes) -> None:
        """Take a segment; it must continue what is there."""
        must(number == self.segments + 1, "no number is left out", key)
        self.segments, self.data = number, self.data + data
        for line in self._scanner.lines(BytesIO(data)):
            if b'"type":"execution"' in line:
                record = decode(line)
                assert isinstance(record, Execution)
                self.fenced_by = record.nonce
        must(not self._scanner.rest, "the segments are a sound journal at every moment", key)


class CheckedStore(MemoryStore):
    """See ``MemoryStore``.

    Attributes:
        owners: key of a lease → the nonce of the process that holds it, empty if it is free.
        lost: nonces of the processes whose lease another one has taken.
        on_taken: called with the nonce of a process whose lease another one takes.
        on_refused: called when a segment is refused because of another process's.
        violation: the first invariant that does not hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.journals: dict[str, Written] = {}
        self.owners: dict[str, str] = {}
        self.lost: set[str] = set()
        self.on_taken: Callable[[str], None] = lambda _nonce: None
        self.on_refused: Callable[[], None] = lambda: None
        self.violation: Violation | None = None

    def create(self, key: str, data: bytes) -> Version | None:
        """See ``Store``."""
        there = self.objects.get(key)
        if SEGMENT.fullmatch(key) and there and there.data != data:
            self.on_refused()
        return super().create(key, data)

    def journal(self, key: str) -> Written:
        """Return a journal, an empty one if it doesn't exist."""
        return self.journals.get(key) or Written()

    def _written(self, key: str, data: bytes) -> Version:
        try:
            self._check(key, data)
        except Violation as violation:
            self.violation = self.violation or violation
            raise
        return super()._written(key, data)

    def _check(self, key: str, data: bytes) -> None:
        segment = SEGMENT.fullmatch(key)
        if segment:
            must(key not in self.objects, "no segment is ever changed", key)
            written = self.journals.setdefault(segment[1], Written())
            written.add(key, int(segment[2]), data)
        elif key.endswith(LEASE):
            self._leased(key.removesuffix(LEASE), data)

    def _leased(self, journal: str, data: bytes) -> None:
        lease, before = decoded(data), self.owners.get(journal, "")
        self.owners[journal] = lease.nonce if lease.holder else ""
        if before and lease.nonce != before:
            self.lost.add(before)
            self.on_taken(before)
