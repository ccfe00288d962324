"""Opens and reads files: regular ones only, and never more of one than its purpose needs.

A file that bulkops finds may be anything: a FIFO that nobody writes, a link to ``/dev/zero``, a
link to a file of another user. Such a file must neither stop a command nor fill its memory.
"""

from __future__ import annotations

import errno
import os
import stat
from io import StringIO
from pathlib import Path

MOST_OF_A_KEY = 64 << 10
"""Bytes of a file that a secret is read from."""

# Windows has neither; what they prevent does not exist there.
_SAFE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def followed(path: Path) -> Path:
    """Return the path that a symbolic link leads to, whether a file is there or not.

    A path that is no link is returned as it is.

    Raises:
        OSError: the links lead in a circle.
    """
    if not path.is_symlink():
        return path
    end = Path(os.path.realpath(path))
    if end.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return end


def open_regular(
    path: Path, flags: int = os.O_RDONLY, *, follow: bool = True, mode: int = 0o600
) -> int:
    """Return a descriptor of a regular file; never waits for the other end of a FIFO.

    Args:
        flags: of ``os.open``.
        follow: a symbolic link is followed; if not, it is an error.
        mode: of a file that ``O_CREAT`` makes, less the umask.

    Raises:
        OSError: it can't be opened, or is no regular file.
    """
    # Looked at first: to open a device may do something already.
    try:
        _check_regular((path.stat if follow else path.lstat)().st_mode)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | _SAFE | (0 if follow else _NOFOLLOW), mode)
    try:
        _check_regular(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def create(path: Path, flags: int = os.O_RDWR) -> int:
    """Return a descriptor of a new, empty file, readable by its owner only.

    Raises:
        OSError: it can't be made; ``FileExistsError``: there is something, be it a link.
    """
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | _SAFE | _NOFOLLOW, 0o600)


def read_bytes(path: Path, most: int, *, piped: bool = False) -> bytes:
    """Return what is in a file.

    Args:
        most: bytes; a larger file is an error.
        piped: the user named it, so that it may be a pipe (``/dev/stdin``, ``<(…)``), too.

    Raises:
        OSError: it can't be read, is too large, or is no file of that kind.
    """
    with path.open("rb") if piped else open(open_regular(path), "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise _too_large(most)
    return data


def read_text(path: Path, most: int, *, piped: bool = False, encoding: str = "utf-8") -> str:
    """Return the text in a file, each of its lines ended by ``\\n``; see ``read_bytes``.

    Raises:
        OSError, UnicodeDecodeError: it can't be read, or is none.
    """
    return StringIO(read_bytes(path, most, piped=piped).decode(encoding), newline=None).read()


def check_named(path: Path, most: int) -> None:
    """Check that a file that a library will read can be read to its end; it may be a pipe.

    Args:
        most: bytes of a regular file.

    Raises:
        OSError: there is none, or it is too large or endless.
    """
    found = path.stat()
    if not stat.S_ISFIFO(found.st_mode):
        _check_regular(found.st_mode)
    if found.st_size > most:
        raise _too_large(most)


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most:,} bytes")


def _check_regular(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link")
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
