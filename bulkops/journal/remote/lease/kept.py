"""Holds the lease of a journal for one process, before, while and after its job runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import SystemRandom

import anyio
import anyio.to_thread

from bulkops.clock import Clock
from bulkops.errors import JournalWriteFailed
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import NoAnswer
from bulkops.journal.remote.lease.acquirer import Acquirer, acquire
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.content import DEFAULT_TTL, pause
from bulkops.journal.remote.lease.holding import Holding
from bulkops.journal.remote.lease.keeper import Keeper, release
from bulkops.journal.storage import Executor

LEAST = 1.0
"""Seconds that a renewal may take, however short the lease is."""


PATIENCE = 30.0
"""Seconds for which a group of records may have no answer."""


async def abandonable(call: Callable[[], None]) -> None:
    """Run a call in a thread; a cancellation doesn't wait until it ends."""
    await anyio.to_thread.run_sync(call, abandon_on_cancel=True)


class Kept:
    """A lease that this process has.

    Args:
        run: runs one call.
    """

    def __init__(
        self,
        holding: Holding,
        at: LeaseObject,
        clock: Clock | None = None,
        run: Executor = abandonable,
    ) -> None:
        self.holding = holding
        self._at = at
        self._clock = clock or Clock()
        self._run = run

    @asynccontextmanager
    async def keep(
        self, on_end: Callable[[JournalWriteFailed], None], seconds: float
    ) -> AsyncIterator[Keeper]:
        """See ``journal.place.Keep``."""
        self.holding.ttl = seconds
        keeper = Keeper(self.holding, self._at, on_end, self._clock, self._briefly)
        async with keeper.keeping():
            yield keeper

    def release(self) -> None:
        """Give it up, if that hasn't been done."""
        release(self.holding, self._at)

    async def _briefly(self, call: Callable[[], None]) -> None:
        """Run a call, but leave it alone if it takes long: it is repeated, and then recognized."""
        with anyio.move_on_after(max(LEAST, self.holding.ttl / 6)):
            await self._run(call)

    async def patiently(self, call: Callable[[], None]) -> None:
        """Run a call that may be repeated, until it has an answer.

        Raises:
            NoAnswer: there was none for the lease's ttl, and for ``PATIENCE``: a store may answer
                for the lease alone. If the lease is gone, the writer ends the call.
        """
        began = self._clock.boot()
        while True:
            try:
                await self._run(call)
            except NoAnswer:
                waited = self._clock.boot() - began
                if waited >= max(self.holding.ttl, PATIENCE):
                    raise
            else:
                return
            await self._clock.sleep(pause(self.holding.ttl))


class Wanted:
    """A lease that this process wants; it may look several times.

    How long another's lease has been unchanged is known from look to look.
    """

    def __init__(self, at: LeaseObject) -> None:
        self._at = at
        self._acquirer: Acquirer | None = None

    @contextmanager
    def held(self, by: Holder) -> Iterator[Kept]:
        """Hold the lease while the block runs, and release it.

        Raises:
            JournalLocked: another process holds it; it may be tried again.
            JournalWriteFailed: the store can't be used.
        """
        holding = self._acquired(by)
        self._acquirer = None
        kept = Kept(holding, self._at)
        try:
            yield kept
        finally:
            kept.release()

    def _acquired(self, by: Holder) -> Holding:
        if self._acquirer is None:
            nonce = f"{SystemRandom().getrandbits(64):016x}"
            self._acquirer = Acquirer(self._at, by, nonce, DEFAULT_TTL, Clock())
        return acquire(self._acquirer, time.sleep)
