"""A lease is kept, lost, cut off, lapses and comes back, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from tests import virtual_time
from tests.journal.remote.contender import Contender, lease_in
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore


class Arena:
    """A store and two processes."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.store = MisbehavingStore(self.memory, anyio.current_time)
        self.ann = Contender("ann", self.store)
        self.bob = Contender("bob", self.store)


def run(test: Callable[[Arena], Awaitable[None]]) -> None:
    """Run a test in virtual time."""
    arena = Arena()
    virtual_time.run(lambda: test(arena))


def test_a_lease_is_renewed_while_it_is_kept() -> None:
    """Every third of its ttl, so that a rival never sees it unchanged for a ttl."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper, anyio.create_task_group() as group:
            group.start_soon(arena.bob.acquire)
            for _ in range(300):
                await anyio.sleep(1)
                assert keeper.holds()
            group.cancel_scope.cancel()
        assert arena.bob.holding is None
        lease = lease_in(arena.memory)
        assert lease
        assert lease.n == 31

    run(test)
