"""One runner a journal: an exclusive ``flock`` on a file of its own, never renamed.

The kernel frees it with its holder's death. The file's text says who holds it, for the one who
has to wait; it proves nothing.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from bulkops.clock import Clock
from bulkops.errors import JournalLocked, JournalWriteFailed
from bulkops.journal.records import Holder


def holder(clock: Clock) -> Holder:
    """Return who is running this, for the journal and its lock."""
    return Holder(_user(), socket.gethostname(), os.getpid(), clock.date())


@contextmanager
def locked(journal: Path, holder: Holder) -> Iterator[None]:
    """Hold the lock of a journal, the file ``JOURNAL.lock``, while the block runs.

    Raises:
        JournalLocked: somebody else holds it; the message names them.
        JournalWriteFailed: the folder can't be written.
    """
    path = journal.with_name(journal.name + ".lock")
    if not journal.parent.is_dir():
        # filelock would make the folders of a mistyped path.
        raise JournalWriteFailed(
            f"{journal.parent}: there is no such folder; nothing was sent. Make it, or choose "
            "another place with --journal"
        )
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
        path.write_bytes(msgspec.json.encode(holder))
    except Timeout:
        if not path.exists():
            # filelock takes whatever keeps it from making the file for somebody who holds it.
            raise _unwritable(path) from None
        raise JournalLocked(
            f"{journal} is in use by {_holder(path)}: wait until it ends, or stop "
            "it and run the same command again"
        ) from None
    except OSError as error:
        lock.release()
        raise _unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _unwritable(path: Path, error: OSError | None = None) -> JournalWriteFailed:
    reason = f" ({error.strerror or error})" if error else ""
    return JournalWriteFailed(
        f"{path.parent}: can't be written{reason}; nothing was sent. Choose another place with "
        "--journal, or mend this one"
    )


def _holder(path: Path) -> str:
    try:
        holder = msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return "another process"
    return f"{holder.user} on {holder.host}, pid {holder.pid}, since {holder.started_at}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
