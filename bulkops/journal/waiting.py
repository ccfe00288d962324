"""Waits for a journal that another process uses, whatever kind of lock it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from bulkops.errors import JournalLocked
from bulkops.journal.place import Hold, Place
from bulkops.journal.records import Holder

T = TypeVar("T")


def when_free(
    look: Callable[[], T],
    sleep: Callable[[float], object],
    on_wait: Callable[[JournalLocked], object] = lambda _: None,
) -> T:
    """Return what ``look`` returns, as soon as the journal is free.

    Args:
        look: takes the lock, or raises ``JournalLocked`` and holds nothing.
        sleep: waits for a number of seconds; an exception in it ends the waiting.
        on_wait: called before each wait.

    Raises:
        JournalLocked: waiting does not help (``look_again`` is ``None``).
    """
    while True:
        try:
            return look()
        except JournalLocked as busy:
            if busy.look_again is None:
                raise
            on_wait(busy)
            seconds = busy.look_again
        sleep(seconds)


async def async_when_free(
    look: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[object]], *, wait: bool
) -> T:
    """Return what ``look`` returns; see ``when_free``.

    Args:
        wait: False to look only once.
    """
    while True:
        try:
            return await look()
        except JournalLocked as busy:
            if not wait or busy.look_again is None:
                raise
            seconds = busy.look_again
        await sleep(seconds)


@asynccontextmanager
async def held(
    place: Place, by: Holder, sleep: Callable[[float], Awaitable[object]], *, wait: bool
) -> AsyncIterator[Hold]:
    """Hold a journal while the block runs, without blocking the event loop.

    Raises:
        BulkopsError: see ``Place.locked``.
    """
    stack = ExitStack()

    def look() -> Hold:
        return stack.enter_context(place.locked(by))

    try:
        yield await async_when_free(partial(anyio.to_thread.run_sync, look), sleep, wait=wait)
    finally:
        # Even if it was cancelled, perhaps while it looked.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(stack.close)
