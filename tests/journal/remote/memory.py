"""A store in memory, with exact semantics.

Its versions are digests of the content, like the ETags of servers that speak S3: the same bytes
have the same version, whoever wrote them and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from bulkops.journal.remote.bucket.store import Found, Version


class Object(NamedTuple):
    """An object, and when it was last written."""

    data: bytes
    modified: datetime | None


class MemoryStore:
    """See ``Store``.

    Args:
        date: returns the date and time, for ``Found.modified``.
    """

    def __init__(self, date: Callable[[], datetime] | None = None) -> None:
        self.objects: dict[str, Object] = {}
        self._date = date

    def get(self, key: str) -> Found | None:
        """See ``Store``."""
        it = self.objects.get(key)
        return it and Found(it.data, _version(it.data), it.modified)

    def create(self, key: str, data: bytes) -> Version | None:
        """See ``Store``."""
        if key in self.objects:
            return None
        return self._written(key, data)

    def swap(self, key: str, data: bytes, version: Version) -> Version | None:
        """See ``Store``."""
        it = self.objects.get(key)
        if it is None or _version(it.data) != version:
            return None
        return self._written(key, data)

    def put(self, key: str, data: bytes) -> None:
        """See ``Store``."""
        self._written(key, data)

    def names(self, prefix: str) -> Iterator[str]:
        """See ``Store``."""
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def folders(self, prefix: str) -> Iterator[str]:
        """See ``Store``."""
        return folders_of(self.names(prefix), prefix)

    def _written(self, key: str, data: bytes) -> Version:
        self.objects[key] = Object(data, self._date and self._date())
        return _version(data)


def folders_of(names: Iterator[str], prefix: str) -> Iterator[str]:
    """Return what ``Store.folders`` yields, from what ``Store.names`` does."""
    rests = (name.removeprefix(prefix).partition("/") for name in names)
    return iter(dict.fromkeys(folder for folder, slash, _ in rests if slash))


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
