"""What a user reads about a lock that another process holds."""

from __future__ import annotations

from pathlib import Path

from bulkops.errors import JournalError, JournalLocked
from bulkops.journal.local.disk import FileCalls
from bulkops.journal.local.holder import last_runner, lock_of, same, signed
from bulkops.journal.reader import read
from bulkops.journal.records import Holder

LOOK_AGAIN = 0.5
"""Seconds between two attempts to take a lock."""

UNKNOWN = "another process"


def in_use(path: Path, holder: str) -> JournalLocked:
    """Return the error for a journal that another process uses."""
    return JournalLocked(
        f"{path} is in use by {holder}",
        "Wait until it ends, or stop it and run the same command again, or add --wait",
        look_again=LOOK_AGAIN,
    )


def folder_in_use(folder: Path, name: Path) -> JournalLocked:
    """Return the error for a job's folder in which another process starts or runs a journal.

    Args:
        name: the folder's lock is beside this path.
    """
    by = signed(lock_of(name))
    if by is None:
        return in_use(folder, UNKNOWN)
    signatures = {path: signed(lock_of(path)) for path in sorted(folder.glob("*.jsonl"))}
    used = [path for path, other in signatures.items() if other and same(by, other)]
    return in_use(used[-1] if used else folder, described(by))


def holder_in(lock: Path) -> str:
    """Return the holder that a lock file names."""
    by = signed(lock)
    return described(by) if by else UNKNOWN


def probable_holder(path: Path, calls: FileCalls | None = None) -> str:
    """Return the probable holder of a journal: all that is known is its last execution."""
    try:
        replay = read(path, calls).replay
    except JournalError:
        return UNKNOWN
    return f"{UNKNOWN}, probably {described(last_runner(replay))}"


def described(holder: Holder) -> str:
    """Return ``ann on build-7, pid 4711, since 2026-11-24T21:58:03.120Z``."""
    return f"{holder.user} on {holder.host}, pid {holder.pid}, since {holder.started_at}"
