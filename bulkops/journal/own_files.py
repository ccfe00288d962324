"""Which files bulkops needs itself, by their content: no output is ever written over one."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bulkops.errors import JobError
from bulkops.files import open_regular
from bulkops.journal.lines import PLAN_START, START

LOCK_START = b'{"user":'
"""How the text of a lock file begins; see ``bulkops.journal.lock``."""

MOST_OF_A_JOB = 16 << 20
"""Bytes of a job file."""

A_JOURNAL = "a journal"

_STARTS = 64
# For a file that is no TOML at the moment: a job file that is being edited.
_OPERATION = re.compile(r"^[ \t]*\[[ \t]*operation[ \t]*\]", re.MULTILINE)


def check_output(path: Path) -> None:
    """Refuse to write an output over a journal, a saved plan, a job file or a lock.

    A file that is not there, can't be read, or is no regular one, is none of them.

    Raises:
        JobError: it is one, by its content and whatever its name is.
    """
    _refuse(path, what_is_at(path))


def what_is_at(path: Path) -> str:
    """Return what a file is by its content: ``A_JOURNAL``, …, empty for nothing of ours."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return ""
    try:
        return _what_is(descriptor)
    finally:
        os.close(descriptor)


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
    if path.exists() and not path.is_file():
        return os.open(path, os.O_WRONLY | flags, 0o666)
    try:
        descriptor = open_regular(path, os.O_RDWR | flags, mode=0o666)
    except PermissionError:
        # What this user may not read is none of them.
        descriptor = open_regular(path, os.O_WRONLY | flags, mode=0o666)
    else:
        try:
            _refuse(path, _what_is(descriptor))
        except JobError:
            os.close(descriptor)
            raise
    if not append:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _refuse(path: Path, what: str) -> None:
    if what:
        raise JobError(f"{path}: is {what}, and left as it is: choose another file")


def _what_is(descriptor: int) -> str:
    with open(os.dup(descriptor), "rb") as stream:  # noqa: PTH123 - a descriptor
        stream.seek(0)
        start = stream.read(_STARTS)
        if START.match(start):
            return A_JOURNAL
        if start.startswith(PLAN_START):
            return "a saved plan"
        if start.startswith(LOCK_START):
            return "the lock of a journal"
        return "a job file" if _is_job(start + stream.read(MOST_OF_A_JOB)) else ""


def _is_job(content: bytes) -> bool:
    if b"operation" not in content:
        return False
    from tomllib import TOMLDecodeError, loads  # noqa: PLC0415 - few outputs are there already

    text = content.decode("utf-8-sig", "replace")
    try:
        return isinstance(loads(text.replace("\r\n", "\n")).get("operation"), dict)
    except (TOMLDecodeError, RecursionError):
        return bool(_OPERATION.search(text))
