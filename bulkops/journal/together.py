"""Keeps two journals held at once: an undo's own, and the one that it undoes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from bulkops.client.permit import Permit
from bulkops.errors import JournalWriteFailed
from bulkops.journal.place import Keep


class Both(NamedTuple):
    """A permit that holds while two others hold."""

    one: Permit
    other: Permit

    def holds(self) -> bool:
        """See ``Permit``."""
        return self.one.holds() and self.other.holds()

    async def wait(self) -> None:
        """See ``Permit``."""
        while not self.holds():
            await self.one.wait()
            await self.other.wait()


def both(one: Keep | None, other: Keep | None) -> Keep | None:
    """Return what keeps two journals; either is ``None`` if no other process can take it over."""
    if one is None or other is None:
        return one or other

    @asynccontextmanager
    async def keep(
        on_end: Callable[[JournalWriteFailed], None], seconds: float
    ) -> AsyncIterator[Permit]:
        async with one(on_end, seconds) as first, other(on_end, seconds) as second:
            yield Both(first, second)

    return keep
