"""The file calls a journal makes: the seam that tests put faults into.

Syncing is ``fdatasync`` on Linux; macOS only reaches the disk with ``F_FULLFSYNC``; elsewhere
``fsync``. Files are made readable by their owner only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, Protocol


class FileCalls(Protocol):
    """What a journal asks of the file system; every call may raise ``OSError``."""

    def exists(self, path: Path) -> bool:
        """Return whether there is a file of this name."""
        ...

    def create(self, path: Path) -> int:
        """Return a descriptor of a new, empty file, replacing any at ``path``."""
        ...

    def append(self, path: Path) -> int:
        """Return a descriptor that writes at the end of an existing file."""
        ...

    def read(self, path: Path) -> BinaryIO:
        """Open for reading."""
        ...

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Return whether the open file is still the one that has this name."""
        ...

    def write(self, descriptor: int, data: bytes) -> int:
        """Write some of ``data``, at least a byte, and return how much."""
        ...

    def overwrite(self, path: Path, offset: int, data: bytes) -> int:
        """Write some of ``data``, at least a byte, over what is there, and return how much."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return when what was written would survive a power cut."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give a file its final name, replacing any there."""
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
        return path.exists()

    def create(self, path: Path) -> int:
        """See ``FileCalls``."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def append(self, path: Path) -> int:
        """See ``FileCalls``."""
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``."""
        return path.open("rb")

    def is_at(self, descriptor: int, path: Path) -> bool:
        """See ``FileCalls``."""
        try:
            return os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            return False

    def write(self, descriptor: int, data: bytes) -> int:
        """See ``FileCalls``."""
        return os.write(descriptor, data)

    def overwrite(self, path: Path, offset: int, data: bytes) -> int:
        """See ``FileCalls``."""
        # A descriptor that appends writes at the end, whatever the offset.
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        if sys.platform == "darwin":
            import fcntl  # noqa: PLC0415 - there is none on Windows

            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        elif hasattr(os, "fdatasync"):
            os.fdatasync(descriptor)
        else:
            os.fsync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """See ``FileCalls``."""
        os.ftruncate(descriptor, size)

    def rename(self, old: Path, new: Path) -> None:
        """See ``FileCalls``."""
        old.replace(new)

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
