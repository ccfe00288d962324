"""Holds a journal until the command ends."""

from __future__ import annotations

from contextlib import ExitStack

from bulkops.clock import Clock
from bulkops.journal.place import Hold, Place
from bulkops.journal.process import holder
from bulkops.journal.reader import Contents
from bulkops.plan.trusted import open_journal


def hold(stack: ExitStack, place: Place) -> Hold:
    """Hold a journal until the stack ends.

    Raises:
        JobError: something else is there (see ``Place.check``).
        JournalLocked, JournalWriteFailed: see ``Place.locked``.
    """
    place.check()
    return stack.enter_context(place.locked(holder(Clock())))


def open_locked(stack: ExitStack, place: Place, *, trust_files: bool) -> tuple[Hold, Contents]:
    """Hold an existing journal until the stack ends, and read it once.

    A file that is not a journal, or is another user's, is refused before a lock file is created.

    Raises:
        BulkopsError: see ``hold`` and ``open_journal``.
    """
    reader = place.reader(trusted=trust_files)
    if place.is_journal():
        reader.read().close()
    else:
        open_journal(reader)
    held = hold(stack, place)
    return held, open_journal(held.storage.owned(trusted=trust_files))
