"""One command at a journal: its lock, held until the command ends."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bulkops.clock import Clock
from bulkops.errors import JobError
from bulkops.journal.lock import holder, locked
from bulkops.journal.records import Holder


def hold(stack: ExitStack, path: Path) -> Holder:
    """Lock a journal until the stack ends.

    Raises:
        JobError: the path is a folder's.
        JournalLocked, JournalWriteFailed: as of ``locked``.
    """
    if path.is_dir():
        raise JobError(f"{path}: is a folder: name a journal's file, in it or elsewhere")
    by = holder(Clock())
    stack.enter_context(locked(path, by))
    return by
