"""Waits for a journal that another process uses, whatever kind of lock it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bulkops.errors import JournalLocked

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
