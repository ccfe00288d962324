"""Locks a journal until the command ends."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bulkops.clock import Clock
from bulkops.errors import JobError
from bulkops.files import A_JOURNAL, NOT_OURS, is_special, what_is_at
from bulkops.journal.local.lock import Hold, holder, locked
from bulkops.journal.local.ownership import OwnFiles
from bulkops.journal.reader import Contents
from bulkops.plan.trusted import open_journal


def hold(stack: ExitStack, path: Path) -> Hold:
    """Lock a journal until the stack ends.

    Raises:
        JobError: see ``check_journal``.
        JournalLocked, JournalWriteFailed: see ``locked``.
    """
    check_journal(path)
    return stack.enter_context(locked(path, holder(Clock())))


def open_locked(stack: ExitStack, path: Path, *, trust_files: bool) -> tuple[Hold, Contents]:
    """Lock an existing journal until the stack ends, and read it once.

    A file that is not a journal, or is another user's, is refused before a lock file is created.

    Raises:
        BulkopsError: see ``hold`` and ``open_journal``.
    """
    if what_is_at(path) == A_JOURNAL:
        OwnFiles(trusted=trust_files).read(path).close()
    else:
        open_journal(path, trust_files=trust_files)
    lock = hold(stack, path)
    return lock, open_journal(lock.path, lock.files, trust_files=trust_files)


def check_journal(path: Path) -> None:
    """Check that a path is free, or has a journal or a file that may become one.

    Raises:
        JobError: it is a folder, a device, a job, a plan, …; it was left unchanged.
    """
    if path.is_dir():
        raise JobError(f"{path}: is a folder. Name a file for the journal, in it or elsewhere")
    if is_special(path):
        raise JobError(f"{path}: is not a regular file, as a journal must be")
    what = what_is_at(path)
    if what not in (A_JOURNAL, *NOT_OURS):
        raise JobError(f"{path}: is {what} and was left unchanged. Choose another --journal")
