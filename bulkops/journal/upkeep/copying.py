"""Copies a journal to another place, which may be of the other kind: a file, or object storage.

Both are held meanwhile: nothing is written that the copy lacks, and no other process begins a
journal in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial

import anyio
import anyio.from_thread

from bulkops.client.permit import Permit
from bulkops.errors import JobError, JournalError, JournalWriteFailed, unreadable, unwritable
from bulkops.journal.lines import CHUNK, groups_of
from bulkops.journal.place import Hold
from bulkops.journal.reader import Contents
from bulkops.journal.storage import Readable
from bulkops.journal.writer import in_thread

LEASE_SECONDS = 30.0
"""The lease with which a journal in object storage is held while it is copied."""


async def copy(source: Hold, contents: Contents, target: Hold) -> None:
    """Copy the sound lines of a journal, all of them or none; a torn tail is left out.

    After an interruption, the same call again completes it.

    Args:
        contents: of the source, read since it is held.

    Raises:
        JobError: something else is in the target's place.
        JournalError: the source can't be read, or has changed.
        JournalWriteFailed: the target can't be written, or one of the two was taken over.
    """
    lost: list[JournalWriteFailed] = []
    with anyio.CancelScope() as scope:

        def end(error: JournalWriteFailed) -> None:
            lost.append(error)
            scope.cancel()

        async with AsyncExitStack() as stack:
            keeps = [hold.keep for hold in (source, target) if hold.keep]
            permits = [await stack.enter_async_context(keep(end, LEASE_SECONDS)) for keep in keeps]
            await in_thread(partial(_write, target, _groups(source, contents, permits)))
    if lost:
        raise lost[0]


def is_copy(source: Readable, contents: Contents, target: Readable) -> bool:
    """Return whether a journal has the sound lines of another one, and nothing else.

    Args:
        contents: of the source.

    Raises:
        OSError: one of them can't be read.
    """
    left = contents.scanner.offset
    with source.read() as one, target.read() as other:
        while left:
            part = one.read(min(left, CHUNK))
            if not part or part != other.read(len(part)):
                return False
            left -= len(part)
        return not other.read(1)


def _write(target: Hold, groups: Iterator[bytes]) -> None:
    place = target.place
    try:
        target.storage.create_copy(groups)
    except FileExistsError as error:
        raise JobError(
            f"{place}: parts of another journal are there and were left unchanged. Choose another "
            "place for the copy"
        ) from error
    except OSError as error:
        raise JournalWriteFailed(
            f"{unwritable(place, error)}. The copy is not complete; the same command completes it"
        ) from error


def _groups(source: Hold, contents: Contents, permits: Sequence[Permit]) -> Iterator[bytes]:
    """Yield the groups to copy, in a thread; it ends well only if the copy may count."""
    size = 0
    try:
        with source.storage.read() as stream:
            for group in groups_of(stream):
                anyio.from_thread.check_cancelled()
                size += len(group)
                yield group
    except OSError as error:
        raise JournalError(unreadable(source.place, error)) from error
    if size != contents.scanner.offset:
        raise JournalError(
            f"{source.place}: changed while it was copied; nothing was copied. Run the same "
            "command again"
        )
    anyio.from_thread.check_cancelled()
    for permit in permits:
        anyio.from_thread.run(permit.wait)
