"""Opens files safely: reads are bounded, and an output never overwrites a file of bulkops.

A file that bulkops finds may be anything: a FIFO without a writer, a link to ``/dev/zero``, a
link to another user's file. Such a file must neither block a command nor fill its memory.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import JobError, unreadable
from bulkops.text import as_argument, as_utf8, decoded

MOST_OF_A_KEY = 64 << 10
"""The most bytes that a file with a secret may have."""

# The start of a saved plan (``bulkops.plan.saved``); its first byte may have been altered.
_PLAN = re.compile(rb'.?"type":"plan","format":', re.DOTALL)

LOCK_START = b'{"user":'
"""The start of a lock file (see ``bulkops.journal.local.lock``)."""

# The start of a journal's lines (``bulkops.journal.lines``). The first line may be damaged, so
# the second counts, too; further down it may be a quotation.
_JOURNAL = re.compile(rb'([^\n]*\n)?\{"seq":\d+,"group":\d+,')

MOST_OF_A_JOB = 64 << 20
"""The most bytes of a job file or a manifest; enough for a million workspaces."""

A_JOURNAL = "a journal"
A_PLAN = "a saved plan"
A_JOB = "a job file"
A_FLEET = "a fleet file"
A_LOCK = "the lock of a journal"
SOME_JSON = "some other JSON"
"""Possibly a saved plan with an altered start: no TOML document starts with a brace."""

NOT_OURS = ("", SOME_JSON)

_TAKEN_BY = {
    A_JOURNAL: "`bulkops resume {}` resumes it",
    A_PLAN: "`bulkops apply {}` applies it",
    A_JOB: "`bulkops apply {}` runs it",
    A_FLEET: "`bulkops fleet plan {}` plans it",
}

_START = 64 << 10
# Recognize a file that is being edited and isn't valid TOML right now: everything before the
# table looks like TOML. A text that quotes a job has something else before it.
_BEFORE = r"([ \t]*([#\[\]\"'{}][^\n]*|[\w.-]+[ \t]*=[^\n]*)?\n)*[ \t]*"
_OPERATION = re.compile(_BEFORE + r"\[[ \t]*operation[ \t]*\]")
_SHARDS = re.compile(_BEFORE + r"(\[\[[ \t]*shard[ \t]*\]\]|organizations[ \t]*=)")

# Windows lacks some of these flags, and what they prevent.
_SAFE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def followed(path: Path) -> Path:
    """Return the path that a symbolic link points to, whether it exists or not.

    A path that isn't a link is returned unchanged.

    Raises:
        OSError: the links form a loop.
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
        flags: as for ``os.open``.
        follow: whether a symbolic link is followed; if not, it is an error.
        mode: the permissions of a file that ``O_CREAT`` creates, before the umask.

    Raises:
        OSError: the file can't be opened, or isn't a regular file.
    """
    # Checked before opening, because opening a device can have side effects.
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
    """Open a regular file for reading; raises the same errors as ``open_regular``."""
    return os.fdopen(open_regular(path, follow=follow), "rb")


def is_special(path: Path) -> bool:
    """Return whether a path exists and isn't a regular file: a folder, a device, a pipe."""
    return path.exists() and not path.is_file()


def create(path: Path, flags: int = os.O_RDWR) -> int:
    """Return a descriptor of a new, empty file that only its owner can read.

    Raises:
        OSError: the file can't be created.
        FileExistsError: the path exists, even if only as a link.
    """
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | _SAFE | _NOFOLLOW, 0o600)


def read_text(path: Path, most: int, *, piped: bool = False) -> str:
    """Return the text of a file (see ``decoded``) with ``\\n`` as its line breaks.

    Args:
        most: the most bytes that the file may have.
        piped: whether it may be a pipe (``/dev/stdin``, ``<(…)``), because the user named it.

    Raises:
        OSError, UnicodeDecodeError: the file can't be read, is too large, or isn't text.
    """
    with path.open("rb") if piped else reading(path) as stream:
        return text_of(stream, most)


def text_of(stream: BinaryIO, most: int) -> str:
    """Return the text of an open file (see ``read_text``)."""
    data = stream.read(most + 1)
    if len(data) > most:
        raise _too_large(most)
    return StringIO(decoded(data), newline=None).read()


def read_key(path: Path, place: str) -> str:
    """Return the key in a file or pipe, without the line break at its end.

    Args:
        place: how the message names the file.

    Raises:
        JobError: the file can't be read, or isn't text.
    """
    try:
        return read_text(path, MOST_OF_A_KEY, piped=True).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(place, error)) from None


def check_named(path: Path, most: int) -> None:
    """Check that a library can read a file or pipe to its end.

    Args:
        most: the most bytes that a regular file may have.

    Raises:
        OSError: the file does not exist, is too large or is endless.
    """
    status = path.stat()
    if not stat.S_ISFIFO(status.st_mode):
        _check_regular(status.st_mode)
    if status.st_size > most:
        raise _too_large(most)


def check_output(path: Path) -> None:
    """Refuse to write an output over a journal, a saved plan, a job or fleet file, or a lock.

    A file that does not exist, can't be read or isn't a regular file is accepted.

    Raises:
        JobError: the file is one of these, by its content, whatever its name.
    """
    _refuse(path, what_is_at(path))


def what_is_at(path: Path, *, jobs: bool = True) -> str:
    """Return the file's type by its content (see ``what_is``); empty if it can't be read."""
    try:
        with reading(path) as stream:
            return what_is(stream, jobs=jobs)
    except OSError:
        return ""


def what_is(stream: BinaryIO, *, jobs: bool = True) -> str:
    """Return a file's type by its content: ``A_JOURNAL``, …; empty if it isn't recognized.

    Args:
        jobs: whether to recognize job and fleet files, for which the whole file is read.
    """
    content = stream.read(_START)
    start = as_utf8(content)
    if _JOURNAL.match(start):
        return A_JOURNAL
    if _PLAN.match(start):
        return A_PLAN
    if start.startswith(LOCK_START):
        return A_LOCK
    if start.startswith(b"{"):
        return SOME_JSON
    return _what_toml_is(content + stream.read(MOST_OF_A_JOB)) if jobs else ""


def wrong_file(place: object, what: str, expected: str) -> str:
    """Return a message that a file isn't the expected one, with the command that takes it.

    Args:
        what: the result of ``what_is``. If it is ``expected``, or no command takes it, the
            message is empty.
    """
    if what == expected or what not in _TAKEN_BY:
        return ""
    taken = _TAKEN_BY[what].format(as_argument(place))
    return f"{place}: is {what}, not {expected}: {taken}"


def open_output(path: Path, *, append: bool = False) -> int:
    """Return a descriptor for writing an output to a file, a device or a pipe.

    A symbolic link is followed.

    Args:
        append: whether to keep the file's content; if not, the file is truncated.

    Raises:
        OSError: the output can't be written.
        JobError: see ``check_output``; the file is unchanged.
    """
    flags = os.O_CREAT | (os.O_APPEND if append else 0)
    if is_special(path):
        return os.open(path, os.O_WRONLY | flags, 0o666)
    try:
        descriptor = open_regular(path, os.O_RDWR | flags, mode=0o666)
    except PermissionError:
        # A file that this user can't read isn't one of bulkops' own.
        descriptor = open_regular(path, os.O_WRONLY | flags, mode=0o666)
    else:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                _refuse(path, what_is(stream))
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
        raise OSError(errno.EINVAL, "it is not a regular file")


def _refuse(path: Path, what: str) -> None:
    if what not in NOT_OURS:
        raise JobError(f"{path}: is {what}, and was not overwritten: choose another file")


def _what_toml_is(content: bytes) -> str:
    from tomllib import loads  # noqa: PLC0415 - few outputs exist already

    text = as_utf8(content).decode("utf-8", "replace").replace("\r\n", "\n")
    try:
        document = loads(text)
    except (ValueError, RecursionError):
        return A_JOB if _OPERATION.match(text) else A_FLEET if _SHARDS.match(text) else ""
    if isinstance(document.get("operation"), dict):
        return A_JOB
    named = [isinstance(document.get(key), list) for key in ("shard", "organizations")]
    return A_FLEET if any(named) or str(document.get("job")).endswith(".toml") else ""
