"""The address of a journal in object storage, and what a process does there (see ``Place``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from random import SystemRandom

from bulkops.clock import Clock
from bulkops.errors import JobError, JournalError, JournalWriteFailed, unreadable
from bulkops.journal.following.outlook import Writer
from bulkops.journal.place import Hold, Place
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.conditions import check_conditions
from bulkops.journal.remote.bucket.opening import open_store
from bulkops.journal.remote.bucket.store import Found, Store, StoreError
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.content import UNREADABLE, decoded
from bulkops.journal.remote.lease.kept import Wanted
from bulkops.journal.remote.segments import Segments
from bulkops.journal.replay import Replay

LEASE = "lease"
"""The object below a journal that says which process holds it."""

STALE = 3.0
"""A lease that is older than so many of its ttl is that of a dead process: for display only, since
the store's clock and this one's may differ."""


class RemotePlace:
    """See ``Place``.

    Args:
        env: the environment: the store's server, region and credentials.
        store: the bucket; opened by the environment by default.
    """

    def __init__(
        self, address: Address, env: Mapping[str, str] = os.environ, store: Store | None = None
    ) -> None:
        self.address = address
        self._env = env
        self._given = store
        self._seen: tuple[object, float] | None = None

    @cached_property
    def store(self) -> Store:
        """The bucket; ``JobError`` if the environment is wrong or the extra is missing."""
        return self._given or open_store(self.address, self._env)

    @cached_property
    def _wanted(self) -> Wanted:
        return Wanted(self._lease)

    @property
    def _lease(self) -> LeaseObject:
        return LeaseObject(self.store, f"{self.address.key}/{LEASE}", str(self))

    def __str__(self) -> str:
        """Return the address."""
        return str(self.address)

    @property
    def name(self) -> str:
        """See ``Place``."""
        return self.address.name

    def sibling(self, name: str) -> RemotePlace:
        """See ``Place``."""
        return RemotePlace(self.address.with_name(name), self._env, self.store)

    def is_same(self, other: Place) -> bool:
        """See ``Place``."""
        return str(self) == str(other) and self.exists()

    def absolute(self) -> str:
        """See ``Place``."""
        return str(self)

    def exists(self) -> bool:
        """See ``Place``; ``JournalError`` if the store can't be read."""
        with self._reading():
            return self._segments().exists()

    def check(self) -> None:
        """See ``Place``: anything may become a journal."""

    def check_folder(self, *, trusted: bool) -> None:
        """See ``Place``: who may write to a bucket is its owner's decision."""

    def is_journal(self) -> bool:
        """See ``Place``; ``JournalError`` if the store can't be read."""
        with self._reading():
            return self._segments().is_begun()

    def reader(self, *, trusted: bool = True) -> Segments:  # noqa: ARG002 - see ``check_folder``
        """See ``Place``."""
        return self._segments()

    @contextmanager
    def locked(self, by: Holder) -> Iterator[Hold]:
        """See ``Place``."""
        try:
            check_conditions(self.store, self.address, SystemRandom())
        except StoreError as error:
            raise unusable(self, error) from error
        with self._wanted.held(by) as kept:
            nonce = kept.holding.lease.nonce
            yield Hold(self, self._segments(), by, kept.patiently, kept.keep, nonce)

    def is_held(self) -> bool:
        """Return whether its lease is not free; ``JournalError`` if the store can't be read."""
        with self._reading():
            found = self._lease.read()
        return found is not None and decoded(found.data).holder is not None

    def read_with_holder(self, read: Callable[[], Replay]) -> tuple[Replay, Holder | None]:
        """See ``Place``."""
        with self._reading():
            found = self._lease.read()
        lease = decoded(found.data) if found else UNREADABLE
        seen = found and lease != UNREADABLE and _age(found) <= STALE * lease.ttl
        return read(), lease.holder if seen else None

    def writer(self, replay: Replay, is_alive: Callable[[Holder], bool]) -> Writer:  # noqa: ARG002 - its lease shows whether it is alive
        """See ``Place``."""
        try:
            found = self._lease.read()
        except StoreError:
            return Writer.UNKNOWN
        lease = decoded(found.data) if found else None
        if found is None or lease is None or lease.holder is None:
            return Writer.GONE
        now = Clock().boot()
        if self._seen is None or self._seen[0] != found.version:
            self._seen = found.version, now
        unchanged = now - self._seen[1]
        if unchanged > lease.ttl or _age(found) > STALE * lease.ttl:
            return Writer.GONE
        return Writer.HOLDS if lease.holder == replay.last_runner else Writer.FOLLOWS

    def neighbours(self) -> Iterator[RemotePlace]:
        """See ``Place``."""
        with self._reading():
            folder = self.address.parent.key
            names = list(self.store.folders(f"{folder}/" if folder else ""))
        return self._siblings(names)

    def _siblings(self, names: Iterable[str]) -> Iterator[RemotePlace]:
        for name in names:
            # Others may keep things there under names that no journal has.
            with suppress(JobError):
                yield self.sibling(name)

    def _segments(self) -> Segments:
        return Segments(self.store, self.address)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise JournalError(unreadable(self, error)) from error


def unusable(place: object, error: StoreError) -> JournalWriteFailed:
    """Return the error for a store that can't be written."""
    return JournalWriteFailed(
        f"{place}: can't be written: {error.strerror}; nothing was sent. Run the same command "
        "again once the store can be reached and written"
    )


def _age(found: Found) -> float:
    """Return the seconds since an object was written, by two clocks; 0 if it isn't known."""
    if found.modified is None:
        return 0.0
    return max(0.0, (Clock().wall() - found.modified).total_seconds())
