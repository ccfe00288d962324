"""The errors of locks and files, as a user reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkops.errors import JournalLocked, JournalWriteFailed, unwritable
from bulkops.journal.local.disk import NO_LOCKS

UNKNOWN = "another process"
LOOK_AGAIN = 0.5
"""Seconds between two attempts to take a lock."""


@contextmanager
def lock_failures(path: Path, busy: Callable[[], JournalLocked]) -> Iterator[None]:
    """Raise ``busy`` if another process holds a lock, or that the file system has none."""
    try:
        yield
    except BlockingIOError:
        raise busy() from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise JournalWriteFailed(
            f"{path.parent}: its file system has no locks ({error.strerror}). Without them, two "
            "runners of one journal could make every change twice; nothing was sent. Put the "
            "journal on another file system"
        ) from error


@contextmanager
def write_failures(place: Path) -> Iterator[None]:
    """Raise ``JournalWriteFailed`` for any ``OSError`` of the block."""
    try:
        yield
    except OSError as error:
        raise JournalWriteFailed(
            f"{unwritable(place, error)}; nothing was sent. Fix that, or choose another place for "
            "the journal"
        ) from error


def in_use(path: Path, holder: str) -> JournalLocked:
    """Return the error for a journal or folder that another process has locked."""
    return JournalLocked(
        f"{path} is in use by {holder}",
        "Wait until it ends, or stop it and run the same command again, or add --wait",
        look_again=LOOK_AGAIN,
    )
