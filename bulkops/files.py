"""Opens files: reads regular ones only, in bounds, and writes no output over one of bulkops' own.

A file that bulkops finds may be anything: a FIFO that nobody writes, a link to ``/dev/zero``, a
link to a file of another user. Such a file must neither stop a command nor fill its memory.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import JobError, unreadable

MOST_OF_A_KEY = 64 << 10
"""Bytes of a file that a secret is read from."""

# How a saved plan begins (``bulkops.plan.saved``); its first byte may have been changed.
_PLAN = re.compile(rb'.?"type":"plan","format":', re.DOTALL)

LOCK_START = b'{"user":'
"""How the text of a lock file begins: see ``bulkops.journal.lock``."""

# How a journal's lines begin (``bulkops.journal.lines``), the first of which may be damaged.
# Further down it may be a quotation.
_JOURNAL = re.compile(rb'([^\n]*\n)?\{"seq":\d+,"group":\d+,')

MOST_OF_A_JOB = 64 << 20
"""Bytes of a job file, or of a manifest: a million workspaces."""

A_JOURNAL = "a journal"
A_PLAN = "a saved plan"
A_JOB = "a job file"
A_LOCK = "the lock of a journal"
SOME_JSON = "some other JSON"
"""A saved plan, perhaps, whose beginning was changed: no TOML document begins with a brace."""

NOT_OURS = ("", SOME_JSON)

_TAKEN_BY = {
    A_JOURNAL: "`bulkops resume {}` resumes it",
    A_PLAN: "`bulkops apply {}` carries it out",
    A_JOB: "`bulkops apply {}` carries it out",
}

_START = 64 << 10
# For a file that is no TOML at the moment, a job file that is being edited: all before that table
# is TOML's. In a text that quotes a job something else stands there.
_OPERATION = re.compile(
    r"([ \t]*([#\[\]\"'{}][^\n]*|[\w.-]+[ \t]*=[^\n]*)?\n)*[ \t]*\[[ \t]*operation[ \t]*\]"
)

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


def reading(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading; raises as ``open_regular``."""
    return os.fdopen(open_regular(path, follow=follow), "rb")


def is_special(path: Path) -> bool:
    """Return whether there is something, and no regular file: a folder, a device, a pipe."""
    return path.exists() and not path.is_file()


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
    with path.open("rb") if piped else reading(path) as stream:
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


def read_key(path: Path, place: str) -> str:
    """Return the key in a file, without the line break at its end; it may be a pipe.

    Args:
        place: where the path is from, for the message.

    Raises:
        JobError: it can't be read, or is no text.
    """
    try:
        return read_text(path, MOST_OF_A_KEY, piped=True).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(place, error)) from None


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


def check_output(path: Path) -> None:
    """Refuse to write an output over a journal, a saved plan, a job file or a lock.

    A file that is not there, can't be read, or is no regular one, is none of them.

    Raises:
        JobError: it is one, by its content and whatever its name is.
    """
    _refuse(path, what_is_at(path))


def what_is_at(path: Path, *, jobs: bool = True) -> str:
    """Return what a file is by its content: as ``what_is``, empty for one that can't be read."""
    try:
        with reading(path) as stream:
            return what_is(stream, jobs=jobs)
    except OSError:
        return ""


def what_is(stream: BinaryIO, *, jobs: bool = True) -> str:
    """Return what a file is by its content: ``A_JOURNAL``, …, empty for what is not known.

    Args:
        jobs: look whether it is a job file, for which all of it is read.
    """
    start = stream.read(_START)
    if _JOURNAL.match(start):
        return A_JOURNAL
    if _PLAN.match(start):
        return A_PLAN
    if start.startswith(LOCK_START):
        return A_LOCK
    if start.startswith(b"{"):
        return SOME_JSON
    return A_JOB if jobs and _is_job(start + stream.read(MOST_OF_A_JOB)) else ""


def not_wanted(path: Path, what: str, wanted: str) -> str:
    """Return, in words, that a file is something else than wanted, and which command takes it.

    Args:
        what: as of ``what_is``; empty is returned where it is wanted, or no command takes it.
    """
    if what == wanted or what not in _TAKEN_BY:
        return ""
    taken = _TAKEN_BY[what].format(shlex.quote(str(path)))
    return f"{path}: is {what}, not {wanted}: {taken}"


def open_output(path: Path, *, append: bool = False) -> int:
    """Return a descriptor that writes an output: a file, or a device or a pipe as it is.

    A symbolic link is followed.

    Args:
        append: keep what the file has; if not, it is emptied.

    Raises:
        OSError: it can't be written.
        JobError: as of ``check_output``; the file is left as it is.
    """
    flags = os.O_CREAT | (os.O_APPEND if append else 0)
    if is_special(path):
        return os.open(path, os.O_WRONLY | flags, 0o666)
    try:
        descriptor = open_regular(path, os.O_RDWR | flags, mode=0o666)
    except PermissionError:
        # What this user may not read is none of them.
        descriptor = open_regular(path, os.O_WRONLY | flags, mode=0o666)
    else:
        try:
            _refuse(path, _what_of(descriptor))
        except JobError:
            os.close(descriptor)
            raise
    if not append:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most:,} bytes")


def _check_regular(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link")
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def _refuse(path: Path, what: str) -> None:
    if what not in NOT_OURS:
        raise JobError(f"{path}: is {what}, and left as it is: choose another file")


def _what_of(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        return what_is(stream)


def _is_job(content: bytes) -> bool:
    if b"operation" not in content:
        return False
    from tomllib import TOMLDecodeError, loads  # noqa: PLC0415 - few outputs are there already

    text = content.decode("utf-8-sig", "replace")
    try:
        return isinstance(loads(text.replace("\r\n", "\n")).get("operation"), dict)
    except (TOMLDecodeError, RecursionError):
        return bool(_OPERATION.match(text.replace("\r\n", "\n")))
