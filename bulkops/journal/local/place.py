"""The path of a journal, and the default folder of a job's journals: ``.bulkops/<job name>/``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from bulkops.errors import JobError
from bulkops.files import A_JOURNAL, NOT_OURS, is_special, what_is_at
from bulkops.journal.following.outlook import Writer
from bulkops.journal.local import folder, holder, lock
from bulkops.journal.local.file import ReadFile
from bulkops.journal.local.ownership import OwnFiles, check_folder
from bulkops.journal.local.shared import SharedFile
from bulkops.journal.place import Hold, Place, Started
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay


class LocalPlace:
    """See ``Place``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path)

    @property
    def name(self) -> str:
        """See ``Place``."""
        return self.path.name

    def sibling(self, name: str) -> LocalPlace:
        """See ``Place``."""
        return LocalPlace(self.path.with_name(name))

    def is_same(self, other: Place) -> bool:
        """See ``Place``."""
        both = isinstance(other, LocalPlace) and self.path.exists() and other.path.exists()
        return both and self.path.samefile(str(other))

    def absolute(self) -> str:
        """See ``Place``."""
        return str(self.path.absolute())

    def exists(self) -> bool:
        """See ``Place``."""
        return self.path.exists()

    def check(self) -> None:
        """See ``Place``."""
        path = self.path
        if path.is_dir():
            raise JobError(f"{path}: is a folder. Name a file for the journal, in it or elsewhere")
        if is_special(path):
            raise JobError(f"{path}: is not a regular file, as a journal must be")
        what = what_is_at(path)
        if what not in (A_JOURNAL, *NOT_OURS):
            raise JobError(
                f"{path}: is {what} and was left unchanged. Move it away, or choose another place "
                "for the journal"
            )

    def check_folder(self, *, trusted: bool) -> None:
        """See ``Place``."""
        check_folder(self.path, trusted=trusted)

    def is_journal(self) -> bool:
        """See ``Place``."""
        return what_is_at(self.path) == A_JOURNAL

    def reader(self, *, trusted: bool = True) -> ReadFile:
        """See ``Place``."""
        return ReadFile(self.path, None if trusted else OwnFiles(trusted=False))

    @contextmanager
    def locked(self, by: Holder) -> Iterator[Hold]:
        """See ``Place``."""
        with lock.locked(self.path, by) as file:
            yield Hold(LocalPlace(file.path), file, by)

    def read_with_holder(self, read: Callable[[], Replay]) -> tuple[Replay, Holder | None]:
        """See ``Place``."""
        return holder.read_with_holder(self.path, read)

    def writer(self, replay: Replay, is_alive: Callable[[Holder], bool]) -> Writer:
        """See ``Place``."""
        return holder.writer_of(self.path, replay, is_alive)

    def neighbours(self) -> Iterator[LocalPlace]:
        """See ``Place``."""
        return map(LocalPlace, sorted(self.path.parent.glob("*.jsonl")))


class FolderOfJob:
    """See ``JobJournals``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self, by: Holder) -> Iterator[Started]:
        """See ``JobJournals``; the folder is created, and removed again if it stays empty."""
        with folder.created(self._path), lock.locked_folder(self._path, by):
            # It stays locked until the end: the system releases it if this process is killed.
            yield lambda: None

    def check_folder(self, *, trusted: bool) -> None:
        """See ``JobJournals``."""
        check_folder(self._path / "journal", trusted=trusted)

    def newest(self, fits: Callable[[Place], bool]) -> LocalPlace | None:
        """See ``JobJournals``."""
        places = map(LocalPlace, folder.by_age(self._path))
        return next(filter(fits, places), None)

    def new(self, now: datetime) -> LocalPlace:
        """See ``JobJournals``."""
        return LocalPlace(folder.new(self._path, now))


class Folders:
    """See ``Journals``."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self._base)

    def of_job(self, name: str, identity: str) -> FolderOfJob:  # noqa: ARG002 - a store needs it
        """See ``Journals``."""
        return FolderOfJob(self._base / name)

    def all(self, job: str | None = None) -> Iterator[LocalPlace]:
        """See ``Journals``."""
        return map(LocalPlace, folder.all_journals(self._base, job))

    def names(self) -> list[str]:
        """See ``Journals``."""
        return sorted(path.name for path in self._base.glob("*") if path.is_dir())

    def shared(self, name: str, *, trusted: bool) -> SharedFile:
        """See ``Journals``."""
        return SharedFile(self._base / name, trusted=trusted)
