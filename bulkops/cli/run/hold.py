"""Holds a journal until the command ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from bulkops.cli.output.printing import note
from bulkops.cli.signals import received
from bulkops.clock import Clock
from bulkops.errors import JournalLocked
from bulkops.job.duration import exact
from bulkops.journal.place import Hold, Place
from bulkops.journal.process import holder
from bulkops.journal.reader import Contents
from bulkops.journal.storage import Readable
from bulkops.journal.waiting import when_free
from bulkops.plan.trusted import open_journal

T = TypeVar("T")


class Waiting:
    """Says, once, that a command waits for a lock.

    Attributes:
        since: when it began, on the monotonic clock; ``None`` if it didn't wait.
    """

    def __init__(self) -> None:
        self.since: float | None = None

    def note(self, busy: JournalLocked) -> None:
        """Say which lock, unless it was said before."""
        if self.since is None:
            self.since = time.monotonic()
            note(f"{busy.held}. Waiting until it ends. Ctrl-C stops waiting.")


def hold(stack: ExitStack, place: Place, *, wait: bool) -> Hold:
    """Hold a journal until the stack ends.

    Raises:
        JobError: something else is there (see ``Place.check``).
        JournalLocked, JournalWriteFailed: see ``Place.locked``.
        SystemExit: see ``taken``.
    """
    place.check()
    return taken(lambda: stack.enter_context(place.locked(holder(Clock()))), wait=wait)


def taken(look: Callable[[], T], *, wait: bool) -> T:
    """Return what ``look`` returns, which takes a lock or raises ``JournalLocked``.

    Args:
        wait: wait while another process holds the lock, and say so.

    Raises:
        SystemExit: a signal ended the waiting.
    """
    if not wait:
        return look()
    waiting = Waiting()
    try:
        found = when_free(look, _sleep, waiting.note)
    except SystemExit:
        note("", "Interrupted: nothing was changed.")
        raise
    if waiting.since is not None:
        note(f"It is free now, after {exact(time.monotonic() - waiting.since)}.")
    return found


def _sleep(seconds: float) -> None:
    # What a signal handler raises inside a destructor gets lost.
    received.check()
    time.sleep(seconds)
    received.check()


def open_locked(
    stack: ExitStack,
    place: Place,
    *,
    wait: bool,
    trusted: bool,
    read: Callable[[Readable], Contents] = open_journal,
) -> tuple[Hold, Contents]:
    """Hold an existing journal until the stack ends, and read it once.

    A file that is not a journal, or is another user's, is refused before a lock file is created.

    Raises:
        BulkopsError: see ``hold`` and ``read``.
    """
    reader = place.reader(trusted=trusted)
    if place.is_journal():
        reader.read().close()
    else:
        read(reader)
    held = hold(stack, place, wait=wait)
    return held, read(held.storage.owned(trusted=trusted))
