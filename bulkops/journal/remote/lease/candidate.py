"""Decides how a process gets the lease of a journal. Pure: a table.

| state    | absent | free   | another's      | unchanged | expired | written | no answer |
|----------|--------|--------|----------------|-----------|---------|---------|-----------|
| looking  | trying | trying | watching       | -         | -       | -       | looking   |
| watching | trying | trying | watching, anew | watching  | trying  | -       | watching  |
| trying   | trying | trying | watching, anew | watching  | trying  | held    | trying    |
| held     | -      | -      | -              | -         | -       | -       | -         |

The first five are what a reading finds: *another's* if the version is a new one, else *unchanged*,
or *expired* once it has been unchanged for that lease's ttl. Time is this process's own
(``Clock.boot``): the clocks of two machines are never compared. *Trying* to create what is absent,
to swap anything else.

A refusal of what it tries is followed by a reading, too: if its own bytes are there, they are
*written*. After no answer it sends the same write again: of all its attempts at most one takes
effect. A cell with ``-`` can't happen: a call raises ``RuntimeError``, and a first reading has
nothing to be unchanged from.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import Found, Version
from bulkops.journal.remote.lease.content import Lease, Write, decoded
from bulkops.journal.remote.lease.holding import Holding


class Seeking(Enum):
    """The states of the table."""

    LOOKING = "looking"
    WATCHING = "watching"
    TRYING = "trying"
    HELD = "held"


class Watched(NamedTuple):
    """Another's lease, and since when its version has been seen unchanged, in seconds."""

    lease: Lease
    version: Version
    since: float


class Candidate:
    """A process that wants the lease (see the table). ``now`` is its ``Clock.boot``.

    Attributes:
        watched: the lease of another that was found last.
    """

    def __init__(self, holder: Holder, nonce: str, ttl: float) -> None:
        self._next = Lease(holder, nonce, 0, ttl)
        self._write: Write | None = None
        self._held = False
        self.watched: Watched | None = None

    @property
    def ttl(self) -> float:
        """The seconds of the lease that it wants."""
        return self._next.ttl

    @property
    def state(self) -> Seeking:
        """The state in the table."""
        if self._held:
            return Seeking.HELD
        if self._write:
            return Seeking.TRYING
        return Seeking.WATCHING if self.watched else Seeking.LOOKING

    def found(self, found: Found | None, now: float) -> None:
        """Take what a reading that is complete by now has found."""
        self._expect_going_on()
        self._write = None
        if found is None:
            self.watched = None
            self._try(None, now)
            return
        if self.watched is None or self.watched.version != found.version:
            self.watched = Watched(decoded(found.data), found.version, now)
        if self.watched.lease.holder is None or self.left(now) <= 0:
            self._try(found.version, now)

    def left(self, now: float) -> float:
        """Return the seconds until the watched lease expires."""
        return self.watched.since + self.watched.lease.ttl - now if self.watched else 0.0

    def attempt(self) -> Write:
        """Return the write to send now, the same one until it has an outcome."""
        if self._write is None or self._held:
            raise RuntimeError(f"nothing to write while {self.state.value}")
        return self._write

    def written(self, version: Version, sent: float) -> Holding:
        """Take the success of an attempt, which was sent at this time."""
        write, self._held = self.attempt(), True
        return Holding(write.lease, version, sent)

    def refused(self, found: Found | None, now: float) -> Holding | None:
        """Take what was found after an attempt was refused; return the lease if it is ours."""
        write = self.attempt()
        if found and found.data == write.lease.encoded():
            return self.written(found.version, write.first)
        self.found(found, now)
        return None

    def unanswered(self) -> None:
        """Take that a reading or an attempt had no answer."""
        self._expect_going_on()

    def _try(self, version: Version | None, now: float) -> None:
        self._next = self._next.following()
        self._write = Write(self._next, version, now)

    def _expect_going_on(self) -> None:
        if self._held:
            raise RuntimeError("the lease is held already")
