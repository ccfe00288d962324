"""Locks a journal until the command ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from bulkops.cli.output.printing import note
from bulkops.cli.signals import received
from bulkops.clock import Clock
from bulkops.errors import JobError, JournalLocked
from bulkops.files import A_JOURNAL, NOT_OURS, is_special, what_is_at
from bulkops.job.duration import exact
from bulkops.journal.local.folder import folder_of
from bulkops.journal.local.lock import Hold, holder, locked, locked_folder
from bulkops.journal.local.ownership import OwnFiles
from bulkops.journal.reader import Contents
from bulkops.journal.waiting import when_free
from bulkops.plan.trusted import open_journal

T = TypeVar("T")


def hold(stack: ExitStack, path: Path, *, wait: bool) -> Hold:
    """Lock a journal until the stack ends.

    Args:
        wait: wait while another process uses it.

    Raises:
        JobError: see ``check_journal``.
        JournalLocked, JournalWriteFailed: see ``locked``.
        SystemExit: a signal ended the waiting.
    """
    check_journal(path)
    return _taken(lambda: stack.enter_context(locked(path, holder(Clock()))), wait=wait)


def hold_folder(stack: ExitStack, job_name: str, *, wait: bool) -> Path:
    """Lock a job's default folder until the stack ends, and return it; raises as ``hold``."""

    def look() -> Path:
        with ExitStack() as both:
            folder = both.enter_context(folder_of(job_name))
            both.enter_context(locked_folder(folder, holder(Clock())))
            stack.enter_context(both.pop_all())
        return folder

    return _taken(look, wait=wait)


def _taken(look: Callable[[], T], *, wait: bool) -> T:
    if not wait:
        return look()
    since = list[float]()

    def on_wait(busy: JournalLocked) -> None:
        if not since:
            since.append(time.monotonic())
            note(f"{busy.held}. Waiting until it ends. Ctrl-C stops waiting.")

    try:
        found = when_free(look, _sleep, on_wait)
    except SystemExit:
        note("", "Interrupted: nothing was changed.")
        raise
    if since:
        note(f"Free after {exact(time.monotonic() - since[0])}.")
    return found


def _sleep(seconds: float) -> None:
    # A signal handler that raises inside a destructor does not end the waiting.
    received.check()
    time.sleep(seconds)
    received.check()


def open_locked(
    stack: ExitStack, path: Path, *, trust_files: bool, wait: bool
) -> tuple[Hold, Contents]:
    """Lock an existing journal until the stack ends, and read it once.

    A file that is not a journal, or is another user's, is refused before a lock file is created.

    Raises:
        BulkopsError: see ``hold`` and ``open_journal``.
    """
    if what_is_at(path) == A_JOURNAL:
        OwnFiles(trusted=trust_files).read(path).close()
    else:
        open_journal(path, trust_files=trust_files)
    lock = hold(stack, path, wait=wait)
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
