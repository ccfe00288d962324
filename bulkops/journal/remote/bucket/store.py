"""The interface to an object store: the seam at which tests inject faults.

Every key is relative to the store's own root: a bucket, or a container. A call blocks; the writer
runs it in a thread, a simulation inline.

What a caller has to know about such stores (measured with obstore 0.12 and three servers):

- A call without an answer may have taken effect, or may still do so.
- A refusal may be the answer to the caller's own write: a client library, or a proxy, repeats a
  request whose answer was lost. So what is there is read, and decides (``segments.write_once``).
- A listing may lag behind the writes; a read of one object does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

Version = object
"""Names one state of an object (its ETag); only the store looks into it."""


class Found(NamedTuple):
    """An object as it was read.

    Attributes:
        modified: when it was last written, by the store's clock; ``None`` if it doesn't say.
    """

    data: bytes
    version: Version
    modified: datetime | None = None


class StoreError(OSError):
    """A call failed; ``strerror`` is the reason, for a message, without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)


class NoAnswer(StoreError):
    """There was no answer, or a 5xx: the call may have taken effect. Try again."""


class Denied(StoreError):
    """The store refuses the caller: wrong key, no right, no such bucket. Don't try again."""


class Store(Protocol):
    """A bucket. Each call may raise ``StoreError``."""

    def get(self, key: str) -> Found | None:
        """Return an object, ``None`` if there is none."""
        ...

    def create(self, key: str, data: bytes) -> Version | None:
        """Write an object that doesn't exist; return ``None`` if the store refused."""
        ...

    def swap(self, key: str, data: bytes, version: Version) -> Version | None:
        """Write an object that still has this version; return ``None`` if the store refused."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write an object whether or not it exists."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, in order; the newest may be missing."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what follows the prefix up to the next ``/``, once each; as ``names``."""
        ...
