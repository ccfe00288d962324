"""A journal in a file: created atomically, appended in synced groups, its torn tail cut.

A failed write or sync is never retried on the same file (after a failed fsync, a second one may
succeed without having written anything). The next process writes the last group again, over
itself, before it appends, since it can't know whether the bytes that it reads are on the disk.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import JournalError, JournalLocked
from bulkops.journal.lines import CHUNK, Scanner
from bulkops.journal.local.disk import GONE, FileCalls, Reads, SystemFiles, create_free, sync_folder
from bulkops.journal.local.failures import UNKNOWN, in_use, lock_failures
from bulkops.journal.local.ownership import OwnFiles
from bulkops.journal.reader import LAST_LINE, read
from bulkops.journal.storage import Sight
from bulkops.log import Log

log = Log(__name__)


class ReadFile:
    """A journal in a file, to be read."""

    may_tear = True

    def __init__(self, path: Path, files: Reads | None = None) -> None:
        self.path = path
        self._reads = files or SystemFiles()

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path)

    def read(self) -> BinaryIO:
        """See ``Readable``."""
        return self._reads.read(self.path)

    def end(self) -> bytes:
        """See ``Readable``."""
        with self.read() as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - LAST_LINE))
            return stream.read()

    def part_at(self, offset: int) -> str:  # noqa: ARG002 - there is only the file
        """See ``Readable``."""
        return ""

    def sight(self, stream: BinaryIO) -> Sight:
        """See ``Readable``."""
        status = os.fstat(stream.fileno())
        return Sight((status.st_dev, status.st_ino), status.st_size)


class JournalFile(ReadFile):
    """See ``Storage``.

    Args:
        path: the file itself, not a link.
        files: calls that keep the journal's lock.
    """

    remedy = "Free some space or fix the folder"

    def __init__(self, path: Path, files: FileCalls | None = None) -> None:
        self._files = files or SystemFiles()
        super().__init__(path, self._files)
        self._descriptor = -1

    def owned(self, *, trusted: bool) -> ReadFile:
        """See ``Storage``."""
        return ReadFile(self.path, OwnFiles(trusted=trusted, calls=self._files))

    def create(self, parts: Iterable[bytes]) -> None:
        """See ``Storage``; the file is locked from the beginning."""
        if self._files.exists(self.path):
            raise FileExistsError(errno.EEXIST, "it exists already")
        # A folder that can't be synced is logged by ``prepare``, which always follows.
        write_whole(self.path, parts, self._files, replacing=False)

    def create_copy(self, groups: Iterable[bytes]) -> None:
        """See ``Storage``."""
        self.create(groups)

    def prepare(self, scanner: Scanner) -> None:
        """See ``Storage``; a torn tail is cut, and a copy of it kept."""
        files = self._files
        self._descriptor = files.append(self.path)
        take(self._files, self._descriptor, self.path, scanner.offset + scanner.rest)
        if scanner.rest:
            kept = self._cut_tail(scanner, "torn")
            facts = {"journal": str(self.path), "bytes": scanner.rest, "kept": str(kept)}
            log.warning("journal_tail_cut", extra=facts)
        self._rewrite(scanner.offset, bytes(scanner.last_group))
        # A killed process may have left lines, and the file's name, unsynced.
        files.sync(self._descriptor)
        if unsynced := sync_folder(files, self.path.parent):
            # Logged only here: a journal that is created or cut is opened too.
            log_unsynced(self.path.parent, unsynced)

    def append(self, data: bytes) -> None:
        """See ``Storage``."""
        if not self._files.is_at(self._descriptor, self.path):
            # Deleted or replaced: a write would succeed, and the data would be lost.
            raise FileNotFoundError(errno.ENOENT, GONE)
        _write_all(self._files, self._descriptor, data)
        self._files.sync(self._descriptor)

    def cut(self, scanner: Scanner) -> str:
        """See ``Storage``."""
        self._descriptor = self._files.append(self.path)
        try:
            take(self._files, self._descriptor, self.path, scanner.offset + scanner.rest)
            return str(self._cut_tail(scanner, "damaged"))
        finally:
            self.close()

    def close(self) -> None:
        """See ``Storage``."""
        if self._descriptor >= 0:
            self._files.close(self._descriptor)
            self._descriptor = -1

    def _rewrite(self, end: int, group: bytes) -> None:
        # After a failed sync the page cache still shows the data, but later syncs write it only if
        # its pages are written to again. Everything before the last group was synced.
        while group:
            written = self._files.overwrite(self._descriptor, self.path, end - len(group), group)
            group = group[written:]

    def _cut_tail(self, scanner: Scanner, why: str) -> Path:
        """Copy what follows the sound lines to ``PATH.WHY-OFFSET``, sync the copy, then cut.

        If that name is taken, ``-2``, ``-3``, … is appended. Returns the copy's path.
        """
        files, path = self._files, self.path
        kept, aside = create_free(files, path.with_name(f"{path.name}.{why}-{scanner.offset}"))
        try:
            with files.read(path) as stream:
                stream.seek(scanner.offset)
                while part := stream.read(CHUNK):
                    _write_all(files, kept, part)
            files.sync(kept)
        finally:
            files.close(kept)
        sync_folder(files, path.parent)
        files.truncate(self._descriptor, scanner.offset)
        files.sync(self._descriptor)
        return aside


def take(files: FileCalls, descriptor: int, path: Path, size: int) -> None:
    """Lock a journal that was read and then opened, and check that it hasn't changed since.

    Args:
        size: number of bytes that were read.

    Raises:
        JournalLocked: another process holds it, or has written to it since.
        JournalWriteFailed: its file system has no locks.
        OSError: the name no longer refers to this file.
    """
    with lock_failures(path, lambda: in_use(path, last_runner_of(JournalFile(path, files)))):
        files.lock(descriptor)
    if not files.is_at(descriptor, path):
        raise FileNotFoundError(errno.ENOENT, GONE)
    if files.size(descriptor) != size:
        raise JournalLocked(
            f"{path}: another process has written to it since it was read; nothing was sent. Run "
            "the same command again"
        )


def last_runner_of(journal: ReadFile) -> str:
    """Return the probable holder of a journal: all that is known is its last execution."""
    try:
        replay = read(journal).replay
    except JournalError:
        return UNKNOWN
    return f"{UNKNOWN}, probably {replay.last_runner}"


def write_whole(
    path: Path, parts: Iterable[bytes], files: FileCalls, *, replacing: bool
) -> OSError | None:
    """Write a file that gets its name once all of it is on the disk; raises ``OSError``.

    Args:
        replacing: replace an older file of that name. If not, the file is a journal, and locked
            from the beginning.

    Returns:
        The error of a file system that can't sync folders; ``None`` if it can.
    """
    descriptor, new = create_free(files, path.with_name(path.name + ".new"))
    try:
        try:
            if not replacing:
                files.lock(descriptor)
            for part in parts:
                _write_all(files, descriptor, part)
            files.sync(descriptor)
        finally:
            files.close(descriptor)
        files.rename(new, path, replacing=replacing)
    except BaseException:
        with suppress(OSError):
            files.remove(new)
        raise
    return sync_folder(files, path.parent)


def log_unsynced(folder: Path, error: OSError) -> None:
    """Log that a power cut may lose a new file's name, since folders can't be synced."""
    log.warning("folder_not_synced", extra={"folder": str(folder), "reason": error.strerror})


def _write_all(files: FileCalls, descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A write may be partial, as on a nearly full disk.
        view = view[files.write(descriptor, bytes(view)) :]
