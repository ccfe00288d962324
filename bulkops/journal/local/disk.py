"""The file calls of a journal: the seam at which tests inject faults.

Syncing is ``fdatasync`` on Linux, ``F_FULLFSYNC`` on macOS (nothing less reaches the disk there),
``fsync`` elsewhere. New files are readable by their owner only. No call that writes follows a
symbolic link: a path is that of the file itself.
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
"""Errors of a file system that doesn't support a call, or not on a folder; not a disk fault."""

NO_LOCKS = _NO_SUCH_CALL | {errno.ENOLCK}
"""Errors of a file system without locks: Lustre, NFS without its lock service."""


class Reads(Protocol):
    """Opens files for reading."""

    def read(self, path: Path) -> BinaryIO:
        """Open for reading; a locked file is read through its locked descriptor."""
        ...


class FileCalls(Reads, Protocol):
    """The calls that a journal makes to the file system; each may raise ``OSError``."""

    def exists(self, path: Path) -> bool:
        """Return whether anything has this name, a dangling link included."""
        ...

    def create(self, path: Path) -> int:
        """Create a file and return its descriptor; ``FileExistsError`` if the name is taken."""
        ...

    def append(self, path: Path) -> int:
        """Open an existing file and return a descriptor that writes at its end."""
        ...

    def lock(self, descriptor: int) -> None:
        """Lock an open file until it is closed, independently of its name.

        Raises:
            BlockingIOError: another process holds the lock.
        """
        ...

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Return whether this name still refers to the open file."""
        ...

    def size(self, descriptor: int) -> int:
        """Return the size of an open file in bytes."""
        ...

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at least one byte of ``data`` and return the number of bytes written."""
        ...

    def overwrite(self, descriptor: int, path: Path, offset: int, data: bytes) -> int:
        """Write at least one byte of ``data`` at ``offset``; return the number of bytes written."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return once the written data would survive a power cut."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def rename(self, old: Path, new: Path, *, replacing: bool) -> None:
        """Rename a file; ``FileExistsError`` if ``new`` exists, unless ``replacing``."""
        ...

    def remove(self, path: Path) -> None:
        """Remove an unfinished file."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return once the names in a folder would survive a power cut."""
        ...

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
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
        # Readable too: once it is locked, the file is read through this descriptor.
        return files.open_regular(path, os.O_RDWR | os.O_APPEND, follow=False)

    def lock(self, descriptor: int) -> None:
        """See ``FileCalls``; a no-op on Windows, whose locks would also shut readers out."""
        if sys.platform != "win32":
            lock_now(descriptor)

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``; follows a link, since reading one does no harm."""
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
        # A descriptor opened for appending writes at the end, regardless of the offset.
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
            # Unlike a rename, a hard link never replaces a file, even one created just now.
            new.hardlink_to(old)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links, such as FAT.
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
    """Create a file of this name, or with ``-2``, ``-3``, … appended if the name is taken.

    The existing file may belong to a killed process, or be a link to anything: it isn't touched.
    """
    path, number = desired, 1
    while True:
        try:
            return calls.create(path), path
        except FileExistsError:
            number += 1
            path = desired.with_name(f"{desired.name}-{number}")


def sync_folder(calls: FileCalls, folder: Path) -> OSError | None:
    """Sync a folder; return the error of a file system that can't (CIFS, 9p, FUSE)."""
    try:
        calls.sync_folder(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return error
    return None


def lock_now(descriptor: int) -> None:
    """Lock an open file until the process ends; raise ``BlockingIOError`` if it is locked.

    A look at the lock (``local.holder``) is waited out: it takes microseconds.
    """
    if sys.platform == "win32":
        # One byte beyond any text: a process that can't get the lock can still read its holder.
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
            # A process that only looks takes a shared lock; another runner's lock is exclusive.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(_A_LOOK)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOOKS = 500
_A_LOOK = 0.002
"""Seconds between two tries; after ``_LOOKS`` of them, a process was stopped while it looked."""


GONE = "it is no longer there"
"""The error of a file that was deleted or replaced while it was open."""


def open_or_create(path: Path) -> tuple[int, bool]:
    """Return the descriptor of a file to read and write, and whether this call created it."""
    try:
        return files.open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, follow=False), True
    except FileExistsError:
        return files.open_regular(path, os.O_RDWR | os.O_CREAT, follow=False), False


def remove_unused(name: Path, descriptor: int, is_used: Callable[[], bool]) -> None:
    """Remove a lock file while its lock is held, unless a journal was started or resumed.

    A process that opened it before locks a file without a name; it notices that and creates a new
    one. On Windows an open file can't be removed, and stays.
    """
    with suppress(OSError):
        if not is_used() and SystemFiles().is_at(descriptor, name):
            name.unlink()
