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
        note(f"It is free now, after {exact(time.monotonic() - since[0])}.")
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
