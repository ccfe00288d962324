"""Processes that want the same lease, in virtual time; each can be frozen for a while.

The executor takes time before and after each call, so that *sent*, *took effect* and *answered*
are three moments.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import anyio

from bulkops.clock import Clock
from bulkops.errors import JournalWriteFailed
from bulkops.journal.records import Holder
from bulkops.journal.remote.lease.acquirer import Acquirer
from bulkops.journal.remote.lease.calls import LeaseObject, run_by
from bulkops.journal.remote.lease.content import Lease, decoded
from bulkops.journal.remote.lease.holding import Holding
from bulkops.journal.remote.lease.keeper import Keeper, release
from tests.engine.world import EPOCH
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore

KEY = "scan/lease"
JOURNAL = "s3://bucket/scan"
TTL = 30.0


class SlowExecutor:
    """Runs a call in the middle of a time; see ``Executor``.

    Args:
        before: returns the seconds until the call takes effect.
        after: returns the seconds from then on until it is answered.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        before: Callable[[], float],
        after: Callable[[], float],
    ) -> None:
        self._sleep = sleep
        self._before = before
        self._after = after

    async def __call__(self, call: Callable[[], None]) -> None:
        """Run the call."""
        await self._sleep(self._before())
        call()
        await self._sleep(self._after())


class FreezableClock(Clock):
    """A machine's clock, made from the loop's time; whoever sleeps wakes no earlier than it thaws.

    Attributes:
        frozen_until: nothing that sleeps runs before, in the loop's time.
        passed: what it showed when the loop started.
        rate: its seconds per second of the loop.
    """

    frozen_until = 0.0
    passed = 0.0
    rate = 1.0

    def boot(self) -> float:
        """Return all the time that passed: a frozen process's clock goes on."""
        return self.passed + self.rate * self.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds, and until it thaws."""
        await anyio.sleep(seconds / self.rate)
        left = self.frozen_until - self.now()
        if left > 0:
            # It may be frozen again meanwhile.
            await self.sleep(left * self.rate)

    def wall(self) -> datetime:
        """Return the date and time of every machine."""
        return EPOCH + timedelta(seconds=self.boot())


class Contender:
    """A process that wants the lease.

    Attributes:
        ttl: of its leases, in seconds.
        latency: the seconds before and after the effect of a call, unless replaced.
        after_call: called whenever a call has an outcome.
        ended: the error that ended its last lease.
    """

    def __init__(self, name: str, store: MisbehavingStore, ttl: float = TTL) -> None:
        self.clock = FreezableClock()
        self.ttl = ttl
        self.latency: Callable[[], float] = lambda: 0.02
        self.after_call: Callable[[], None] = lambda: None
        self.ended: list[JournalWriteFailed] = []
        self.at = LeaseObject(store, KEY, JOURNAL)
        self.holding: Holding | None = None
        self._name = name
        self._starts = 0

    def holds(self) -> bool:
        """Return whether it may send now."""
        return self.holding is not None and self.holding.holds(self.clock.boot())

    def freeze(self, seconds: float) -> None:
        """Stop whatever this process does for a while."""
        self.clock.frozen_until = self.clock.now() + seconds

    async def executor(self, call: Callable[[], None]) -> None:
        """Run a call; see ``SlowExecutor``."""
        await SlowExecutor(self.clock.sleep, self.latency, self.latency)(call)
        self.after_call()

    def acquirer(self) -> Acquirer:
        """Return a new acquirer, as a process that starts has it."""
        self._starts += 1
        holder = Holder(self._name, f"host-{self._name}", self._starts, self.clock.date())
        nonce = f"{self._name}{self._starts}"
        return Acquirer(self.at, holder, nonce, self.ttl, self.clock)

    async def acquire(self) -> None:
        """Wait for the lease and take it."""
        acquirer = self.acquirer()
        while not isinstance(seen := await run_by(self.executor, acquirer.looking()), Holding):
            await self.clock.sleep(seen.seconds)
        self.holding = seen

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[Keeper]:
        """Keep the lease while the block runs."""
        assert self.holding
        keeper = Keeper(self.holding, self.at, self.ended.append, self.clock, self.executor)
        async with keeper.keeping():
            yield keeper

    async def release(self) -> None:
        """Release the lease."""
        assert self.holding
        holding, self.holding = self.holding, None
        await self.executor(lambda: release(holding, self.at))

    def die(self) -> None:
        """Be killed: what this process held stays as it is."""
        self.holding = None


def lease_in(store: MemoryStore) -> Lease | None:
    """Return the lease as it is in the store."""
    found = store.get(KEY)
    return found and decoded(found.data)
