"""The content of a journal's lease object: which process may write the journal. Pure.

``candidate`` says how a process gets the lease, ``holding`` how long it has it. Both rely on this:
every version of the object has other bytes (``nonce`` and ``n``). So an unchanged version means
that nothing was written, and if the bytes that a process tried to write are there, it has written
them, whatever the store answered.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import Version
from bulkops.text import printable

DEFAULT_TTL = 30.0
"""Seconds."""


class Lease(msgspec.Struct, frozen=True):
    """The content of the lease object.

    Attributes:
        holder: who holds it; ``None`` if it is free.
        nonce: random, one for each acquirer.
        n: the number of this version among those with this nonce.
        ttl: seconds for which others must see it unchanged before they take over.
    """

    holder: Holder | None
    nonce: str
    n: int
    ttl: Annotated[float, msgspec.Meta(gt=0, le=600)]

    def encoded(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)

    def following(self) -> Lease:
        """Return the next version."""
        return msgspec.structs.replace(self, n=self.n + 1)

    def described(self) -> str:
        """Return who holds it, for a message."""
        if self == UNREADABLE:
            return "an unknown process (its lease can't be read)"
        return printable(str(self.holder)) if self.holder else "nobody"


UNREADABLE = Lease(Holder("unknown", "unknown", 0, "unknown"), "", 0, DEFAULT_TTL)
"""Stands for content that bulkops can't have written: held by an unknown process."""


def decoded(data: bytes) -> Lease:
    """Return the content of a lease object, ``UNREADABLE`` if it is not a lease."""
    try:
        return msgspec.json.decode(data, type=Lease)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return UNREADABLE


class Write(NamedTuple):
    """A write of the lease object.

    Attributes:
        lease: the new content.
        version: the version that it replaces, ``None`` to create it.
        first: when its first attempt was sent, or before that, in seconds.
    """

    lease: Lease
    version: Version | None
    first: float


def pause(ttl: float) -> float:
    """Return the seconds after which to try again what had no answer."""
    return min(ttl / 30, 5.0)
