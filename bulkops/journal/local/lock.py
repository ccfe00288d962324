"""One runner per journal: exclusive locks on the file ``JOURNAL.lock`` and on the journal itself.

The lock file exists before the journal does. The journal's own lock also stops a runner that uses
another name, such as a hard link, or that starts after the lock file was removed. The kernel
releases both when their holder dies. The lock file's text names the holder; it is no proof.

On Windows only the lock file is locked: two names of one journal count as two journals there.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from bulkops.errors import JobError, JournalLocked, JournalWriteFailed
from bulkops.files import LOCK_START, followed, open_regular
from bulkops.journal.local.disk import SystemFiles, lock_now, open_or_create, remove_unused
from bulkops.journal.local.failures import (
    UNKNOWN,
    in_use,
    lock_failures,
    write_failures,
)
from bulkops.journal.local.file import JournalFile, last_runner_of
from bulkops.journal.local.folder import by_age
from bulkops.journal.local.holder import lock_of, same, signed
from bulkops.journal.records import Holder

_LONGEST_TEXT = 4096
_TRIES = 100
"""Attempts to lock a file that is replaced while it is being locked."""


@contextmanager
def locked(journal: Path, by: Holder) -> Iterator[JournalFile]:
    """Lock a journal while the block runs, whether it exists or is created later.

    Raises:
        JournalLocked: another process holds it; the message names the holder if it is known.
        JournalWriteFailed: the folder can't be written, or its file system has no locks.
        JobError: ``JOURNAL.lock`` is not a lock file of bulkops.
    """
    with write_failures(journal):
        path = followed(journal)
    with ExitStack() as stack:
        size = _size(path)
        busy = partial(_named_in_use, path)
        text = _lock_name(stack, path, busy, lambda: _size(path) != size)
        calls = _KeptLocks()
        stack.callback(calls.release)
        _lock_journal(calls, path)
        _sign(text, path, by)
        yield JournalFile(path, calls)


@contextmanager
def locked_folder(folder: Path, by: Holder) -> Iterator[None]:
    """Lock a folder while the block runs, to start a journal in it; raises as ``locked``."""
    name = folder / "folder"
    busy = partial(_folder_in_use, folder, name)
    with ExitStack() as stack:
        text = _lock_name(stack, name, busy, lambda: set(folder.iterdir()) != {lock_of(name)})
        if sys.platform != "win32":
            with write_failures(folder):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            try:
                lock_now(descriptor)
            except BlockingIOError:
                raise busy() from None
            except OSError:
                # Some file systems can't lock folders (NFS): there the lock file has to do.
                pass
        _sign(text, name, by)
        yield


class _KeptLocks(SystemFiles):
    """The system's calls for one journal; locks are kept until ``release``."""

    def __init__(self) -> None:
        self._kept: list[int] = []
        self._unwritable: set[Path] = set()

    def append(self, path: Path) -> int:
        """See ``FileCalls``; returns a copy of the locked descriptor if it is this file's."""
        kept = None if path in self._unwritable else self._kept_at(path)
        return super().append(path) if kept is None else os.dup(kept)

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``."""
        kept = self._kept_at(path)
        if kept is None:
            return super().read(path)
        os.lseek(kept, 0, os.SEEK_SET)
        return os.fdopen(os.dup(kept), "rb")

    def lock(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        super().lock(descriptor)
        # Copies of a descriptor share its lock, which lasts until the last of them is closed.
        # Windows has no such lock, and renames no file that is open.
        if sys.platform != "win32":
            self._kept.append(os.dup(descriptor))

    def open_unwritable(self, path: Path) -> int:
        """Open a read-only file, such as the journal that an undo reverts."""
        descriptor = open_regular(path, follow=False)
        self._unwritable.add(path)
        return descriptor

    def release(self) -> None:
        """Release all locks."""
        while self._kept:
            os.close(self._kept.pop())

    def _kept_at(self, path: Path) -> int | None:
        return next((kept for kept in self._kept if self.is_at(kept, path)), None)


def _lock_name(
    stack: ExitStack, path: Path, busy: Callable[[], JournalLocked], is_used: Callable[[], bool]
) -> int:
    """Lock ``PATH.lock``, and return its descriptor; the error is ``busy`` if it is locked.

    At the end of the stack a file that this created is removed, unless it ``is_used``.
    """
    name, calls = lock_of(path), SystemFiles()
    if not path.parent.is_dir():
        raise JournalWriteFailed(
            f"{path.parent}: there is no such folder; nothing was sent. Create it, or choose "
            "another place for the journal"
        )
    with write_failures(name):
        for _ in range(_TRIES):
            descriptor, created = open_or_create(name)
            stack.callback(os.close, descriptor)
            with lock_failures(path, busy):
                lock_now(descriptor)
            # If it was removed or replaced after it was opened, others lock another file.
            if calls.is_at(descriptor, name):
                if created:
                    stack.callback(remove_unused, name, descriptor, is_used)
                return descriptor
        raise OSError(errno.EAGAIN, "it keeps being replaced")


def _size(path: Path) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None


def _lock_journal(calls: _KeptLocks, path: Path) -> None:
    """Lock the journal itself, if it exists."""
    with write_failures(path):
        try:
            descriptor = calls.append(path)
        except FileNotFoundError:
            return
        except PermissionError:
            descriptor = calls.open_unwritable(path)
        try:
            with lock_failures(path, lambda: in_use(path, last_runner_of(JournalFile(path)))):
                calls.lock(descriptor)
        finally:
            calls.close(descriptor)


def _sign(descriptor: int, path: Path, by: Holder) -> None:
    """Write the holder of the lock into its file."""
    name, data = lock_of(path), msgspec.json.encode(by)
    with write_failures(name):
        os.lseek(descriptor, 0, os.SEEK_SET)
        text = os.read(descriptor, _LONGEST_TEXT)
        # A power cut leaves zeros.
        if not text.startswith(LOCK_START) and text.strip(b"\0"):
            raise JobError(
                f"{name}: is not a lock file of bulkops, and was not changed; nothing was sent. "
                "Move it away, or choose another place for the journal"
            )
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, data)
        os.ftruncate(descriptor, len(data))


def _named_in_use(path: Path) -> JournalLocked:
    """Return the error for a journal whose lock file names its holder."""
    by = signed(lock_of(path))
    return in_use(path, str(by) if by else UNKNOWN)


def _folder_in_use(folder: Path, name: Path) -> JournalLocked:
    """Return the error for a folder in which another process starts or runs a journal.

    Args:
        name: the folder's lock file is beside this path.
    """
    by = signed(lock_of(name))
    if by is None:
        return in_use(folder, UNKNOWN)
    signatures = {path: signed(lock_of(path)) for path in by_age(folder)}
    used = (path for path, other in signatures.items() if other and same(by, other))
    return in_use(next(used, folder), str(by))
