"""Decides how long a process holds the lease of a journal, and may send. Pure: a table.

| state    | written | not written | another's | no answer | none for long | released |
|----------|---------|-------------|-----------|-----------|---------------|----------|
| held     | held    | held        | lost      | held      | -             | released |
| lapsed   | held    | lapsed      | lost      | lapsed    | cut off       | released |
| lost     | -       | -           | -         | -         | -             | -        |
| cut off  | -       | -           | -         | -         | -             | -        |
| released | -       | -           | -         | -         | -             | -        |

*Written* is an attempt to renew that succeeds, or whose bytes are found after it was refused. *Not
written*: refused, but the last version is still there. *Another's*: refused, and anything else is
found. *None for long*: an attempt has no success that was sent ``RENEWED`` of the ttl after the
first one since the lapse; an attempt during which the machine was suspended says nothing of the
store, so another one follows it. A cell with ``-`` can't happen; the call raises ``RuntimeError``.

Time alone turns held into lapsed: the lease is valid for ``VALID`` of its ttl from when its last
version was *sent*. A rival must have seen that version unchanged for all of the ttl, and can't
have seen it before it was sent. If it isn't known which of several attempts took effect, the first
one counts; if that is too long ago, the lease stays lapsed. An attempt with a shorter ttl counts
from the beginning, since it may have taken effect. While it is lapsed nothing may be
sent, but a success proves that no other process has had it in between.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from bulkops.journal.remote.bucket.store import Found, Version
from bulkops.journal.remote.lease.content import Lease, Write, decoded

VALID = 0.7
"""The part of the ttl for which the holder may send; the rest allows for clocks that drift."""

RENEWED = 1 / 3
"""The part of the ttl after which the holder renews the lease."""


class Tenure(Enum):
    """The states of the table."""

    HELD = "held"
    LAPSED = "lapsed"
    LOST = "lost"
    CUT_OFF = "cut off"
    RELEASED = "released"


class Holding:
    """A lease that this process holds, or has held (see the table).

    It knows no store and no event loop, so it lives as long as the process needs it. ``now`` is
    the ``Clock.boot`` of this process.

    Attributes:
        lease: its last version that is known to be written.
        ttl: that of the versions to come, in seconds.
        taken_by: once it is lost, what was found in its place; ``None`` if the object was gone.
        silence: seconds between the last success and the cut.
    """

    def __init__(self, lease: Lease, version: Version, sent: float) -> None:
        self.lease = lease
        self.ttl = lease.ttl
        self.taken_by: Lease | None = None
        self.silence = 0.0
        self._version = version
        self._sent = sent
        self._ended: Tenure | None = None
        self._write: Write | None = None
        self._first_since_lapse: float | None = None
        self._attempted_at = sent

    def holds(self, now: float) -> bool:
        """Return whether this process may send: a comparison."""
        return self._ended is None and now < self._valid_until

    def state(self, now: float) -> Tenure:
        """Return the state in the table."""
        return self._ended or (Tenure.HELD if self.holds(now) else Tenure.LAPSED)

    @property
    def ended(self) -> Tenure | None:
        """The final state, ``None`` before."""
        return self._ended

    @property
    def due(self) -> float:
        """When it is to be renewed."""
        return min(self._sent + RENEWED * min(self.ttl, self.lease.ttl), self._valid_until)

    def attempt(self, now: float) -> Write:
        """Return the renewal to send now, the same one until it has an outcome."""
        self._expect_going_on()
        self._attempted_at = now
        if self._write is None:
            following = msgspec.structs.replace(self.lease.following(), ttl=self.ttl)
            self._write = Write(following, self._version, now)
        if self._first_since_lapse is None and not self.holds(now):
            self._first_since_lapse = now
        return self._write

    def written(self, version: Version, sent: float) -> None:
        """Take the success of an attempt, which was sent at this time."""
        self.lease, self._version, self._sent = self._attempted().lease, version, sent
        self._write = self._first_since_lapse = None

    def refused(self, found: Found | None, now: float) -> bool:
        """Take what was found after an attempt was refused; return whether that is an outcome."""
        write = self._attempted()
        if found and found.data == write.lease.encoded():
            self.written(found.version, write.first)
        elif found and found.data == self.lease.encoded():
            self.unanswered(now)
            return False
        else:
            self._ended = Tenure.LOST
            self.taken_by = decoded(found.data) if found else None
        return True

    def unanswered(self, now: float) -> None:
        """Take that an attempt had no answer, or did nothing."""
        lease = self._attempted().lease
        first = self._first_since_lapse
        if first is not None and self._attempted_at >= first + RENEWED * lease.ttl:
            self._ended = Tenure.CUT_OFF
            self.silence = now - self._sent

    def release(self) -> Write:
        """Give the lease up; return the write that frees it."""
        self._expect_going_on()
        self._ended = Tenure.RELEASED
        return Write(self._freed(), self._version, self._sent)

    def release_again(self, found: Found | None) -> Write | None:
        """Return the write that frees what was found after that of ``release`` was refused.

        ``None`` if it is not this process's lease.
        """
        ours = [self.lease, self._write.lease] if self._write else [self.lease]
        if found and found.data in [lease.encoded() for lease in ours]:
            return Write(self._freed(), found.version, self._sent)
        return None

    @property
    def _valid_until(self) -> float:
        until = self._sent + VALID * self.lease.ttl
        if self._write is None:
            return until
        # A rival may see that version already, and its ttl may be shorter.
        return min(until, self._write.first + VALID * self._write.lease.ttl)

    def _freed(self) -> Lease:
        last = self._write.lease if self._write else self.lease
        return msgspec.structs.replace(last.following(), holder=None)

    def _attempted(self) -> Write:
        self._expect_going_on()
        if self._write is None:
            raise RuntimeError("nothing was attempted")
        return self._write

    def _expect_going_on(self) -> None:
        if self._ended:
            raise RuntimeError(f"the lease is {self._ended.value}")
