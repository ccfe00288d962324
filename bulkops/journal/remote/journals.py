"""The default place of journals in object storage (see ``Journals``).

``<prefix>/<job>/<time>-<random>`` is a journal of a job, and ``<prefix>/<job>/current`` names the
newest one of each identity: it is swapped, since a listing may lag.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from random import SystemRandom
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.errors import JobError, JournalError, JournalLocked, NotAJournal, unreadable
from bulkops.journal.place import Place, Started
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.opening import open_store
from bulkops.journal.remote.bucket.store import Store, StoreError, Version
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.kept import Wanted
from bulkops.journal.remote.place import LEASE, RemotePlace
from bulkops.journal.remote.shared import StoredObject

CURRENT = "current"


Name = Annotated[str, Meta(pattern=r"^\w[\w-]*\Z")]
"""The name of a journal, which leads nowhere else."""


class Current(msgspec.Struct, frozen=True):
    """The content of the pointer.

    Attributes:
        journals: identity → the name of its newest journal.
    """

    journals: dict[str, Name] = {}


class StoredJournals:
    """See ``Journals``.

    Args:
        env: as for ``RemotePlace``.
    """

    def __init__(self, base: Address, env: Mapping[str, str] = os.environ) -> None:
        self._base = base
        self._env = env

    @cached_property
    def _store(self) -> Store:
        return open_store(self._base, self._env)

    def __str__(self) -> str:
        """Return the address."""
        return str(self._base)

    def of_job(self, name: str, identity: str) -> StoredJobJournals:
        """See ``Journals``."""
        return StoredJobJournals(self._store, self._base / name, identity)

    def all(self, job: str | None = None) -> Iterator[RemotePlace]:
        """See ``Journals``; ``JournalError`` if the store can't be read.

        Those of a pointer that bulkops didn't write are left out.
        """
        for name in self.names():
            if job in (None, name):
                # Something else may be there, even under a name that no job has.
                with suppress(NotAJournal, JobError):
                    yield from StoredJobJournals(self._store, self._base / name, "").all()

    def names(self) -> list[str]:
        """See ``Journals``."""
        try:
            return list(self._store.folders(f"{self._base.key}/"))
        except StoreError as error:
            raise JournalError(unreadable(self._base, error)) from error

    def shared(self, name: str, *, trusted: bool) -> StoredObject:  # noqa: ARG002 - a bucket's owner decides who may write to it
        """See ``Journals``."""
        return StoredObject(self._store, self._base / name)


class StoredJobJournals:
    """See ``JobJournals``."""

    def __init__(self, store: Store, folder: Address, identity: str) -> None:
        self._store = store
        self._folder = folder
        # Names of organizations are in it, which have no case.
        self._identity = identity.lower()
        self._wanted = Wanted(LeaseObject(store, f"{folder.key}/{LEASE}", str(folder)))
        self._point: Callable[[], None] = lambda: None

    @contextmanager
    def locked(self, by: Holder) -> Iterator[Started]:
        """See ``JobJournals``; what it gives may raise what ``new`` says.

        It isn't kept any longer than one lease: by then the new journal has its own. It is released
        as soon as that is so: if this process is killed, others wait for one lease, not for two.
        """
        with self._wanted.held(by) as kept:

            def started() -> None:
                self._point()
                kept.release()

            yield started

    def check_folder(self, *, trusted: bool) -> None:
        """See ``Place.check_folder``: who may write to a bucket is its owner's decision."""

    def newest(self, fits: Callable[[Place], bool]) -> RemotePlace | None:
        """See ``JobJournals``; ``JournalError`` if the store can't be read.

        One that a process holds is returned, too: its job has not ended.
        """
        name = self._current()[0].journals.get(self._identity)
        place = self._place(name) if name else None
        if place is None or not place.exists():
            return None
        return place if place.is_held() or fits(place) else None

    def new(self, now: datetime) -> RemotePlace:
        """See ``JobJournals``.

        The pointer names it once it is started: until then it names the previous one, which
        nothing else refers to.

        Raises:
            JournalLocked: when it is started: another process has started one meanwhile.
            JournalWriteFailed: then, too: the store can't be written.
        """
        current, version = self._current()
        name = f"{now:%Y%m%dT%H%M%SZ}-{SystemRandom().getrandbits(32):08x}"
        data = msgspec.json.encode(Current({**current.journals, self._identity: name}))

        def point() -> None:
            if not StoredObject(self._store, self._folder / CURRENT).swap(data, version):
                raise JournalLocked(f"{self._folder}: another process has just started this job")

        self._point = point
        return self._place(name)

    def all(self) -> Iterator[RemotePlace]:
        """Yield the newest journal of each identity; ``NotAJournal`` if bulkops didn't write it."""
        return map(self._place, self._current()[0].journals.values())

    def _current(self) -> tuple[Current, Version | None]:
        try:
            found = self._store.get(f"{self._folder.key}/{CURRENT}")
        except StoreError as error:
            raise JournalError(unreadable(self._folder, error)) from error
        if found is None:
            return Current(), None
        try:
            return msgspec.json.decode(found.data, type=Current), found.version
        except msgspec.MsgspecError as error:
            raise NotAJournal(
                f"{self._folder / CURRENT}: is not written by bulkops ({error}); nothing was sent. "
                "Move it away, or choose another place for the journal"
            ) from error

    def _place(self, name: str) -> RemotePlace:
        return RemotePlace(self._folder / name, store=self._store)
