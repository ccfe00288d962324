"""Where journals are: the path of a file or an address in object storage, and the default places.

A command gets a ``Place`` from the user's word. What it reads, holds and writes there are the
``Readable``, the ``Hold`` and the ``Storage`` that the place gives it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bulkops.errors import JobError

if TYPE_CHECKING:
    from bulkops.client.permit import Permit
    from bulkops.errors import JournalWriteFailed
    from bulkops.journal.following.outlook import Writer
    from bulkops.journal.records import Holder
    from bulkops.journal.replay import Replay
    from bulkops.journal.storage import Executor, Readable, Storage


class Keep(Protocol):
    """Keeps a journal held in an event loop."""

    def __call__(
        self, on_end: Callable[[JournalWriteFailed], None], seconds: float
    ) -> AbstractAsyncContextManager[Permit]:
        """Return a context that keeps it, and gives the permit to send.

        Args:
            on_end: called once if it is lost.
            seconds: after which another process may take it over if this one is silent.
        """
        ...


class Hold(NamedTuple):
    """A journal that this process holds, so that no other one writes it; it need not exist yet.

    Attributes:
        place: the journal's own, with links followed.
        storage: reads and writes it.
        by: this process, for the journal.
        executor: runs the calls that write; a thread by default.
        keep: keeps it while a job runs; ``None`` if no other process can take it over.
        nonce: see ``records.Execution``.
    """

    place: Place
    storage: Storage
    by: Holder
    executor: Executor | None = None
    keep: Keep | None = None
    nonce: str = ""


class Place(Protocol):
    """Where a journal is, or will be; ``str()`` is what the user writes."""

    @property
    def name(self) -> str:
        """Its last part."""
        ...

    def sibling(self, name: str) -> Place:
        """Return the place beside it with another name."""
        ...

    def is_same(self, other: Place) -> bool:
        """Return whether both are one existing journal."""
        ...

    def absolute(self) -> str:
        """Return what names it from any folder."""
        ...

    def exists(self) -> bool:
        """Return whether anything is there."""
        ...

    def check(self) -> None:
        """Check that it is free, or has a journal or a file that may become one.

        Raises:
            JobError: it is something else, which was left unchanged.
        """
        ...

    def check_folder(self, *, trusted: bool) -> None:
        """Refuse a folder in which others may replace a new journal; raises ``JobError``."""
        ...

    def is_journal(self) -> bool:
        """Return whether what is there starts like a journal."""
        ...

    def reader(self, *, trusted: bool = True) -> Readable:
        """Return it for reading.

        Args:
            trusted: read it even if others may have written it; if not, that is a ``JobError``.
        """
        ...

    def locked(self, by: Holder) -> AbstractContextManager[Hold]:
        """Hold it while the block runs, whether it exists or is created later.

        Raises:
            JournalLocked: another process holds it; the message names the holder if it is known.
            JournalWriteFailed: it can't be written there.
        """
        ...

    def read_with_holder(self, read: Callable[[], Replay]) -> tuple[Replay, Holder | None]:
        """Return the state of its job, and who holds it at that moment, as far as can be seen.

        Args:
            read: reads the journal; called again if its runner ended meanwhile.
        """
        ...

    def writer(self, replay: Replay, is_alive: Callable[[Holder], bool]) -> Writer:
        """Return what can be seen from here of the process that writes it.

        Args:
            is_alive: whether a process of this host runs.
        """
        ...

    def neighbours(self) -> Iterator[Place]:
        """Yield the journals in its folder."""
        ...


Started = Callable[[], None]
"""Takes that a journal was started: another process needs to wait only for that one."""


class JobJournals(Protocol):
    """The journals of one job in the default place."""

    def locked(self, by: Holder) -> AbstractContextManager[Started]:
        """Let no other process start a journal of the job while the block runs.

        The context gives what to call once a journal exists and is held by itself.

        Raises:
            JournalLocked, JournalWriteFailed: see ``Place.locked``.
        """
        ...

    def check_folder(self, *, trusted: bool) -> None:
        """See ``Place.check_folder``."""
        ...

    def newest(self, fits: Callable[[Place], bool]) -> Place | None:
        """Return the newest journal that fits, ``None`` if there is none."""
        ...

    def new(self, now: datetime) -> Place:
        """Return an unused place, named after the time."""
        ...


class Shared(NamedTuple):
    """The content of a shared object; ``version`` names this state of it."""

    data: bytes
    version: object


class SharedObject(Protocol):
    """A small object beside journals that several processes write; ``str()`` says where it is.

    It is read whole, and replaced only in the state in which it was read. It is never deleted.
    """

    def read(self) -> Shared | None:
        """Return its content, ``None`` if there is none.

        Raises:
            JournalError: it can't be read.
            JobError: other users may have written it.
        """
        ...

    def swap(self, data: bytes, version: object | None) -> bool:
        """Replace its content durably; return False if another process did so first.

        Args:
            version: of the state to replace, as ``read`` returned it; ``None`` to create it.

        Raises:
            JournalWriteFailed: it can't be written.
        """
        ...


class Journals(Protocol):
    """The journals of all jobs below a folder or an address, such as the default place.

    ``str()`` is what the user writes.
    """

    def of_job(self, name: str, identity: str) -> JobJournals:
        """Return the journals of one job.

        Args:
            identity: what they have in common; journals of another identity may be left out.
        """
        ...

    def all(self, job: str | None = None) -> Iterator[Place]:
        """Yield the journals of all jobs, or of those with this name."""
        ...

    def names(self) -> list[str]:
        """Return the names of the folders in it, sorted; ``JournalError`` if it can't be read."""
        ...

    def shared(self, name: str, *, trusted: bool) -> SharedObject:
        """Return the shared object with this name.

        Args:
            trusted: read it even if others may have written it.
        """
        ...


def default_journals() -> Journals:
    """Return the default place of journals: ``BULKOPS_JOURNALS``, else the folder ``.bulkops``.

    Raises:
        JobError: the variable has an address that can't be one.
    """
    return journals_at(default_base())


def default_base() -> str:
    """Return the folder, or the address, that has the journals of all jobs by default."""
    return os.environ.get("BULKOPS_JOURNALS") or ".bulkops"


def journals_at(base: str) -> Journals:
    """Return the journals of all jobs below a folder or an address.

    Raises:
        JobError: it is an address that can't be one.
    """
    if "://" in base:
        from bulkops.journal.remote.bucket.address import parse  # noqa: PLC0415 - see ``_remote``
        from bulkops.journal.remote.journals import StoredJournals  # noqa: PLC0415 - see above

        return StoredJournals(parse(base))
    from bulkops.journal.local.place import Folders  # noqa: PLC0415 - it implements this module

    return Folders(Path(base))


def place_of(text: str | Path) -> Place:
    """Return the place that a user names."""
    if "://" in str(text):
        return _remote(str(text))
    if str(text).lower().startswith(("s3:/", "az:/", "gs:/")):
        raise JobError(f"{text}: write two slashes after the colon: {str(text)[:2].lower()}://…")
    from bulkops.journal.local.place import LocalPlace  # noqa: PLC0415 - it implements this module

    return LocalPlace(Path(text))


def place_of_undo(place: Place) -> Place:
    """Return the default place of a journal's undo: beside it, with ``.undo`` before its suffix."""
    name = PurePath(place.name)
    return place.sibling(f"{name.stem}.undo{name.suffix}")


def _remote(text: str) -> Place:
    # Few journals are in object storage; these modules implement this one.
    from bulkops.journal.remote.bucket.address import parse  # noqa: PLC0415 - see above
    from bulkops.journal.remote.place import RemotePlace  # noqa: PLC0415 - see above

    return RemotePlace(parse(text))
