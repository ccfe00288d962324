"""Processes contend for one lease for a while, with everything drawn from a seed.

They are frozen and killed, release the lease or lose it; the store is slow, away, loses answers,
makes effects late and refuses what it has already written. ``Contest.check`` states what must hold
at every moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import anyio

from bulkops.errors import JournalTakenOver, JournalWriteFailed
from tests import virtual_time
from tests.journal.remote.contender import TTL, Contender, lease_in
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Odds

LASTS = 20 * TTL
"""Seconds for which everything goes wrong; then the store is well and nothing is frozen."""


LONGEST = 2 * TTL
"""The longest ttl."""


class Contest:
    """One seed's contest.

    Attributes:
        met: how often what happened.
    """

    def __init__(self, seed: int) -> None:
        self.met: Counter[str] = Counter()
        self._random = Random(seed)
        self._memory = MemoryStore()
        self._store = MisbehavingStore(self._memory, anyio.current_time, self._random)
        self._all = [Contender(name, self._store) for name in ("ann", "bob", "eve")[: 2 + seed % 2]]
        self._former: set[str] = set()

    def run(self) -> None:
        """Let them contend, and check all the time; at the end each still gets the lease."""
        draw = self._random
        self._store.odds = Odds(*[draw.choice((0, 0, 0.05, 0.15)) for _ in Odds._fields])
        self._store.latest = draw.choice((0.1, 5, TTL, 3 * TTL))
        for contender in self._all:
            contender.latency = self._latency(draw.choice((1, 4, 12, 30)))
            contender.after_call = self.check
            contender.ttl = draw.choice((TTL / 3, TTL, LONGEST))
            # Two clocks are never compared; the margin of the ttl allows for such a drift.
            contender.clock.passed = draw.uniform(0, 1e6)
            contender.clock.rate = draw.uniform(0.85, 1.15)
        virtual_time.run(self._run)

    def check(self) -> None:
        """At most one holds the lease, it is the one in the store, and none holds a former one."""
        lease = lease_in(self._memory)
        owner = lease.nonce if lease and lease.holder else ""
        held = {c.holding.lease.nonce: c.holds() for c in self._all if c.holding}
        self._former.update(held.keys() - {owner})
        holding = {nonce for nonce, holds in held.items() if holds}
        assert holding <= {owner} - self._former

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            for contender in self._all:
                group.start_soon(self._live, contender)
            group.start_soon(self._disturb)
            while anyio.current_time() < LASTS:
                await anyio.sleep(self._random.uniform(0.1, 2))
                self.check()
            group.cancel_scope.cancel()
        self._store.odds, self._store.away = Odds(), (0, 0)
        for contender in self._all:
            contender.die()
            contender.clock.frozen_until, contender.ttl = 0, TTL / 3
            contender.latency = lambda: 0.02
        began = anyio.current_time()
        for contender in self._all:
            await contender.acquire()
            self.check()
            await contender.release()
        # A late write may renew the lease of a process that is gone.
        longest = LONGEST / self._all[0].clock.rate
        assert anyio.current_time() - began < self._store.latest + 1.2 * longest

    async def _live(self, contender: Contender) -> None:
        """Start again and again, as a job that is repeated until it is done."""
        draw = self._random
        while True:
            try:
                await contender.acquire()
                self.met["acquired"] += 1
                await self._work(contender)
            except JournalTakenOver:
                self.met["taken over"] += 1
            except JournalWriteFailed:
                self.met["cut off"] += 1
            else:
                if draw.random() < 0.5:
                    await contender.release()
            contender.die()
            await contender.clock.sleep(draw.uniform(0, TTL))

    async def _work(self, contender: Contender) -> None:
        draw = self._random
        assert contender.holding
        # Before the job is read, its lease has the default ttl.
        contender.holding.ttl = draw.choice((TTL / 10, contender.ttl, LONGEST))
        async with contender.keeping() as keeper:
            for _ in range(draw.randrange(40)):
                self.met["waited"] += not keeper.holds()
                await keeper.wait()
                assert keeper.holds()
                self.check()
                self.met["sent"] += 1
                await contender.clock.sleep(draw.uniform(0, TTL / 6))

    async def _disturb(self) -> None:
        draw = self._random
        while True:
            await anyio.sleep(draw.uniform(0, 3 * TTL))
            now = anyio.current_time()
            if draw.random() < 0.3:
                self._store.away = now, now + draw.uniform(0, 2 * TTL)
                self.met["away"] += 1
            else:
                draw.choice(self._all).freeze(draw.uniform(0, 3 * TTL))
                self.met["frozen"] += 1

    def _latency(self, most: float) -> Callable[[], float]:
        draw = self._random
        return lambda: draw.uniform(0, most) if draw.random() < 0.4 else 0.02
