"""The file calls a journal makes: the seam that tests put faults into.

Syncing is ``fdatasync`` on Linux; macOS only reaches the disk with ``F_FULLFSYNC``; elsewhere
``fsync``. Files are made readable by their owner only. No call follows a symbolic link: a path is
that of the file itself.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from bulkops import files

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NO_SUCH_CALL = frozenset([errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])

UNSUPPORTED = _NO_SUCH_CALL | {errno.EBADF, errno.EISDIR, errno.EPERM, errno.EACCES}
"""What a file system answers that can't do a thing, or not with a folder; no fault of a disk."""

NO_LOCKS = _NO_SUCH_CALL | {errno.ENOLCK}
"""What a file system answers that has no locks: Lustre, NFS without its lock service."""


class Reads(Protocol):
    """Opens files for reading."""

    def read(self, path: Path) -> BinaryIO:
        """Open for reading; what was locked is read through the locked descriptor."""
        ...


class FileCalls(Reads, Protocol):
    """What a journal asks of the file system; every call may raise ``OSError``."""

    def exists(self, path: Path) -> bool:
        """Return whether there is anything of this name."""
        ...

    def create(self, path: Path) -> int:
        """Return a descriptor of a new, empty file; ``FileExistsError`` if there is anything."""
        ...

    def append(self, path: Path) -> int:
        """Return a descriptor that writes at the end of an existing file."""
        ...

    def lock(self, descriptor: int) -> None:
        """Lock an open file for as long as it is open, whatever its name is.

        Raises:
            BlockingIOError: another process has locked it.
        """
        ...

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Return whether the open file is still the one that has this name."""
        ...

    def size(self, descriptor: int) -> int:
        """Return how many bytes an open file has."""
        ...

    def write(self, descriptor: int, data: bytes) -> int:
        """Write some of ``data``, at least a byte, and return how much."""
        ...

    def overwrite(self, descriptor: int, path: Path, offset: int, data: bytes) -> int:
        """Write some of ``data``, at least a byte, over what is there, and return how much."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return when what was written would survive a power cut."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def rename(self, old: Path, new: Path, *, replacing: bool) -> None:
        """Give a file its final name; ``FileExistsError`` if there is one, and none is replaced."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file that was not finished."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return when the names in a folder would survive a power cut."""
        ...

    def close(self, descriptor: int) -> None:
        """Close."""
        ...


class SystemFiles:
    """The operating system's own calls."""

    def exists(self, path: Path) -> bool:
        """See ``FileCalls``."""
        return os.path.lexists(path)

    def create(self, path: Path) -> int:
        """See ``FileCalls``."""
        return files.create(path, os.O_RDWR | os.O_APPEND)

    def append(self, path: Path) -> int:
        """See ``FileCalls``."""
        # Not only for writing: it is read through this descriptor, too, once it is locked.
        return files.open_regular(path, os.O_RDWR | os.O_APPEND, follow=False)

    def lock(self, descriptor: int) -> None:
        """See ``FileCalls``; nothing is done on Windows, whose locks keep readers out, too."""
        if sys.platform != "win32":
            lock_now(descriptor)

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``; whoever only reads may name a link."""
        return files.reading(path)

    def is_at(self, descriptor: int, path: Path) -> bool:
        """See ``FileCalls``."""
        try:
            return os.path.samestat(os.fstat(descriptor), path.lstat())
        except FileNotFoundError:
            return False

    def size(self, descriptor: int) -> int:
        """See ``FileCalls``."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, data: bytes) -> int:
        """See ``FileCalls``."""
        return os.write(descriptor, data)

    def overwrite(self, descriptor: int, path: Path, offset: int, data: bytes) -> int:
        """See ``FileCalls``."""
        # A descriptor that appends writes at the end, whatever the offset.
        second = files.open_regular(path, os.O_WRONLY, follow=False)
        try:
            if not os.path.samestat(os.fstat(second), os.fstat(descriptor)):
                raise FileNotFoundError(errno.ENOENT, GONE)
            os.lseek(second, offset, os.SEEK_SET)
            return os.write(second, data)
        finally:
            os.close(second)

    def sync(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        if sys.platform == "darwin":
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        elif hasattr(os, "fdatasync"):
            os.fdatasync(descriptor)
        else:
            os.fsync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """See ``FileCalls``."""
        os.ftruncate(descriptor, size)

    def rename(self, old: Path, new: Path, *, replacing: bool) -> None:
        """See ``FileCalls``."""
        if replacing:
            old.replace(new)
            return
        try:
            # Unlike a rename it replaces nothing, however late something came there.
            new.hardlink_to(old)
        except FileExistsError:
            raise
        except OSError:
            # No hard links, as on FAT.
            if os.path.lexists(new):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            old.rename(new)
        else:
            with suppress(FileNotFoundError):
                old.unlink()

    def remove(self, path: Path) -> None:
        """See ``FileCalls``."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """See ``FileCalls``; Windows can't sync a folder and doesn't need to."""
        if sys.platform == "win32":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        os.close(descriptor)


def create_free(calls: FileCalls, desired: Path) -> tuple[int, Path]:
    """Create a file of this name, or with ``-2``, ``-3``, … where something is there already.

    What is there may be a killed process's, or a link to anything: it is left as it is.
    """
    path, number = desired, 1
    while True:
        try:
            return calls.create(path), path
        except FileExistsError:
            number += 1
            path = desired.with_name(f"{desired.name}-{number}")


def sync_folder(calls: FileCalls, folder: Path) -> OSError | None:
    """Sync a folder; return the error of a file system that has no such call (CIFS, 9p, FUSE)."""
    try:
        calls.sync_folder(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return error
    return None


def lock_now(descriptor: int) -> None:
    """Lock an open file, or raise ``BlockingIOError`` at once; the end of the process frees it.

    A look at the lock (``following.holder``) is waited out: it takes microseconds.
    """
    if sys.platform == "win32":
        # Of a byte past every text: who may not have the lock may still read who has it.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None
        return
    for _ in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Shared with whoever only looks; another runner's lock is shared with nobody.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(_A_LOOK)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOOKS = 500
_A_LOOK = 0.002
"""Seconds between two tries; after ``_LOOKS`` of them, whoever looks was stopped while looking."""


GONE = "it is no longer there"
"""Said of a file that was deleted or replaced while it was open."""


def open_or_create(path: Path) -> tuple[int, bool]:
    """Return the descriptor of a file to read and write, and whether this call created it."""
    try:
        return files.open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, follow=False), True
    except FileExistsError:
        return files.open_regular(path, os.O_RDWR | os.O_CREAT, follow=False), False


def remove_unused(name: Path, descriptor: int, is_used: Callable[[], bool]) -> None:
    """Remove a lock file while its lock is held, unless a journal was started.

    A process that opened it before locks a file without a name, which it notices, and makes a new
    one. On Windows an open file can't be removed, and stays.
    """
    with suppress(OSError):
        if not is_used() and SystemFiles().is_at(descriptor, name):
            name.unlink()
