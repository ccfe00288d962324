"""A lease is kept, lost, cut off, lapses and comes back, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from unittest import mock

import anyio
import pytest

from bulkops.clock import Clock
from bulkops.errors import ExitCode, JournalTakenOver, JournalWriteFailed
from bulkops.journal.remote.bucket.store import Denied
from bulkops.journal.remote.lease.acquirer import Acquirer
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.holding import VALID, Holding
from bulkops.journal.remote.lease.keeper import Keeper
from tests import virtual_time
from tests.journal.remote.contender import JOURNAL, KEY, TTL, Contender, lease_in
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Odds, Trouble
from tests.journal.samples import HOLDER


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


async def end_of(
    contender: Contender, work: Callable[[Keeper], Awaitable[None]]
) -> JournalWriteFailed:
    """Return the error that ends a lease while some work is done under it."""

    async def kept() -> None:
        async with contender.keeping() as keeper:
            await work(keeper)

    with pytest.raises(JournalWriteFailed) as raised:
        await kept()
    assert contender.ended == [raised.value]
    assert not contender.holds()
    return raised.value


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


def test_a_released_lease_is_taken_at_once() -> None:
    """Within the five seconds between two looks."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping(), anyio.create_task_group() as group:
            group.start_soon(arena.bob.acquire)
            await anyio.sleep(100)
            await arena.ann.release()
            released = anyio.current_time()
        assert arena.bob.holds()
        assert anyio.current_time() - released < 6

    run(test)


def test_a_killed_process_is_taken_over_after_its_ttl() -> None:
    """Never earlier, however long ago its last renewal was."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        arena.ann.die()
        await anyio.sleep(25)
        began = anyio.current_time()
        await arena.bob.acquire()
        assert TTL <= anyio.current_time() - began < TTL + 1

    run(test)


def test_a_process_that_thaws_without_a_rival_goes_on() -> None:
    """It may not send before it has renewed the lease, and may then."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper:
            arena.ann.freeze(1000)
            await arena.ann.clock.sleep(1)
            assert anyio.current_time() > 1000
            assert not keeper.holds()
            await keeper.wait()
            assert keeper.holds()
            await anyio.sleep(100)
            assert keeper.holds()
        assert arena.ann.ended == []

    run(test)


def test_a_process_that_thaws_after_a_takeover_may_never_send_again() -> None:
    """Exit 11, with the name of the one that took over; everything is stopped once."""

    async def test(arena: Arena) -> None:
        ann, bob = arena.ann, arena.bob

        async def work(keeper: Keeper) -> None:
            ann.freeze(200)
            await bob.acquire()
            assert not keeper.holds()
            async with bob.keeping() as other:
                await ann.clock.sleep(0)
                assert not keeper.holds()
                assert other.holds()
                with pytest.raises(JournalTakenOver):
                    await keeper.wait()
                await anyio.sleep(100)
                assert other.holds()
                await keeper.wait()

        await ann.acquire()
        error = await end_of(ann, work)
        assert isinstance(error, JournalTakenOver)
        assert error.exit_code == ExitCode.JOURNAL_IN_USE
        assert str(error) == (
            "s3://bucket/scan: this process did not renew its lease in time, and it was taken "
            "over by bob on host-bob, pid 1, since 2026-11-24T21:00:00.080Z. Nothing more was "
            "sent; what was in flight stays in doubt, and nothing is lost. `watch` the journal, "
            "or run the same command again with --wait"
        )

    run(test)


def test_a_machine_whose_clock_stood_still_notices_at_its_next_renewal() -> None:
    """A paused virtual machine: taken over, it may send for a third of its lease, and no longer."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper, anyio.create_task_group() as group:
            await anyio.sleep(TTL / 3 + 1)
            arena.ann.freeze(1.5 * TTL)
            arena.ann.clock.passed -= 1.5 * TTL
            group.start_soon(arena.bob.acquire)
            await anyio.sleep(1.5 * TTL)
            assert arena.bob.holds()
            assert keeper.holds()
            await anyio.sleep(TTL / 3)
            assert not keeper.holds()
        assert [type(error) for error in arena.ann.ended] == [JournalTakenOver]

    run(test)


def test_a_loop_that_stands_still_renews_nothing() -> None:
    """Nor may it send afterwards, before anything else in it has run."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper:
            await anyio.sleep(50)
            before = lease_in(arena.memory)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, virtual_time.VirtualTimeLoop)
            loop.stall(VALID * TTL)
            assert not keeper.holds()
            assert lease_in(arena.memory) == before

    run(test)


def test_a_process_that_is_cut_off_from_the_store_stops() -> None:
    """It may send until 0.7 of the ttl after the last success, and gives up a third later."""

    async def test(arena: Arena) -> None:
        async def work(keeper: Keeper) -> None:
            await anyio.sleep(90 + VALID * TTL - 0.5)
            assert keeper.holds()
            await anyio.sleep(1)
            assert not keeper.holds()
            await keeper.wait()

        await arena.ann.acquire()
        arena.store.away = (100, 10_000)
        error = await end_of(arena.ann, work)
        assert 0 <= anyio.current_time() - (90 + VALID * TTL + TTL / 3) <= 3
        assert error.exit_code == ExitCode.JOURNAL_UNWRITABLE
        assert str(error) == (
            "s3://bucket/scan: no answer from the store for 32 s (connection refused): nothing "
            "more was sent; what was in flight stays in doubt, and nothing is lost. Run the same "
            "command again once the store can be reached; if it is only slow, make [journal] "
            "lease longer than 30 s"
        )

    run(test)


def test_an_end_is_reported_though_nothing_waits() -> None:
    """Whatever runs is stopped by the callback."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping():
            arena.store.away = (0, 10_000)
            await anyio.sleep(100)
            assert len(arena.ann.ended) == 1
            arena.store.away = (0, 0)
            await anyio.sleep(100)
        assert len(arena.ann.ended) == 1
        assert not arena.ann.holds()

    run(test)


def test_a_process_that_is_cut_off_for_a_moment_goes_on() -> None:
    """Until the lease lapses it even sends."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper:
            arena.store.away = (10, 20)
            while anyio.current_time() < 60:
                await anyio.sleep(0.5)
                assert keeper.holds()
            arena.store.away = (61, 88)
            await anyio.sleep(24)
            assert not keeper.holds()
            await keeper.wait()
            assert 88 <= anyio.current_time() < 90
        assert arena.ann.ended == []

    run(test)


DENIAL = Denied("the credentials have expired")


def test_a_denial_for_a_moment_ends_nothing() -> None:
    """Credentials can be renewed meanwhile: until then nothing is sent, and afterwards it is."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper:
            with mock.patch.object(arena.store, "swap", side_effect=DENIAL) as denied:
                await anyio.sleep(VALID * TTL + 1)
                assert not keeper.holds()
            await keeper.wait()
            assert keeper.holds()
        assert denied.call_count > 1
        assert arena.ann.ended == []

    run(test)


def test_a_denial_that_lasts_cuts_off() -> None:
    """As a store without an answer does; the message says why."""

    async def test(arena: Arena) -> None:
        async def work(keeper: Keeper) -> None:
            await anyio.sleep(VALID * TTL + 1)
            await keeper.wait()

        await arena.ann.acquire()
        with mock.patch.object(arena.store, "swap", side_effect=DENIAL):
            error = await end_of(arena.ann, work)
        assert error.exit_code == ExitCode.JOURNAL_UNWRITABLE
        assert "(the credentials have expired)" in str(error)

    run(test)


@pytest.mark.parametrize("trouble", Trouble)
def test_whatever_becomes_of_a_renewal_the_lease_is_kept(trouble: Trouble) -> None:
    """The next attempt, or a reading, shows what became of it."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        arena.store.latest = 3
        async with arena.ann.keeping() as keeper:
            for _ in range(200):
                arena.store.script = arena.store.script or [trouble, None]
                await anyio.sleep(1)
                assert keeper.holds()
        assert arena.store.writes > 20

    run(test)


def test_a_store_that_refuses_to_renew_cuts_off() -> None:
    """Though no other process wrote: it is not a takeover."""

    async def test(arena: Arena) -> None:
        async def work(keeper: Keeper) -> None:
            await anyio.sleep(25)
            await keeper.wait()

        await arena.ann.acquire()
        arena.store.odds = Odds(conflict=1)
        error = await end_of(arena.ann, work)
        assert error.exit_code == ExitCode.JOURNAL_UNWRITABLE
        assert "it refuses to write, though no other process did" in str(error)

    run(test)


@pytest.mark.parametrize(
    ("what", "by"),
    [(None, "an unknown process: its lease was deleted"), (b"?", "an unknown process (its lease")],
)
def test_a_lease_object_that_is_not_bulkops_own_is_lost(what: bytes | None, by: str) -> None:
    """Nobody knows what happened in between."""

    async def test(arena: Arena) -> None:
        async def work(keeper: Keeper) -> None:
            del arena.memory.objects[KEY]
            if what:
                arena.memory.put(KEY, what)
            await anyio.sleep(15)
            assert not keeper.holds()
            await keeper.wait()

        await arena.ann.acquire()
        error = await end_of(arena.ann, work)
        assert isinstance(error, JournalTakenOver)
        assert f"taken over by {by}" in str(error)

    run(test)


def test_one_that_took_over_and_ended_is_said_to_have_released_it() -> None:
    """It is a takeover all the same: that process may have changed anything."""

    async def test(arena: Arena) -> None:
        async def work(keeper: Keeper) -> None:
            arena.ann.freeze(100)
            await arena.bob.acquire()
            await arena.bob.release()
            await keeper.wait()

        await arena.ann.acquire()
        error = await end_of(arena.ann, work)
        assert isinstance(error, JournalTakenOver)
        assert "taken over by another process, which has released it since" in str(error)

    run(test)


def test_an_answer_that_comes_late_extends_nothing() -> None:
    """A renewal counts from when it was sent: a rival may have watched it since."""

    async def test(arena: Arena) -> None:
        ann, bob = arena.ann, arena.bob
        await ann.acquire()
        ann.die()
        # The next write of ann takes effect at once; its answer takes longer than a ttl.
        delays = iter([0.0, 0.0, 0.0, TTL + 5])
        ann.latency = lambda: next(delays, 0.0)
        async with anyio.create_task_group() as group:
            await anyio.sleep(TTL)
            group.start_soon(ann.acquire)
            await anyio.sleep(TTL + 1)
            group.start_soon(bob.acquire)
        assert bob.holds()
        assert not ann.holds()

    run(test)


def test_many_that_wait_make_one_attempt() -> None:
    """The others get its outcome."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        async with arena.ann.keeping() as keeper, anyio.create_task_group() as group:
            arena.ann.freeze(100)
            await arena.ann.clock.sleep(0)
            before = arena.store.writes
            for _ in range(50):
                group.start_soon(keeper.wait)
        assert arena.store.writes == before + 1

    run(test)


def test_an_attempt_that_is_cancelled_is_made_again() -> None:
    """Its bytes are found, and the lease goes on."""

    async def test(arena: Arena) -> None:
        ann = arena.ann
        await ann.acquire()
        async with ann.keeping():
            assert ann.holding
            ann.latency = lambda: 2
            await anyio.sleep(ann.holding.due + 3 - anyio.current_time())
        lease = lease_in(arena.memory)
        assert lease == ann.holding.lease.following()
        async with ann.keeping():
            await anyio.sleep(10)
        assert ann.holding.lease == lease
        assert ann.holds()

    run(test)


def test_an_error_of_the_block_is_raised_as_it_is() -> None:
    """Not in a group."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        with pytest.raises(KeyError):
            async with arena.ann.keeping():
                raise KeyError

    run(test)


@pytest.mark.parametrize("passed", [5.0, 300.0])
def test_a_lease_outlives_an_event_loop(passed: float) -> None:
    """In the next one it is valid still, or is renewed before anything is sent."""
    ann = Contender("ann", MisbehavingStore(MemoryStore(), lambda: 0.0))
    ended: list[float] = []

    async def first() -> None:
        await ann.acquire()
        async with ann.keeping():
            await anyio.sleep(100)
        ended.append(anyio.current_time())

    async def second() -> None:
        assert ann.holds() == (passed == 5.0)
        async with ann.keeping() as keeper:
            await keeper.wait()
            assert anyio.current_time() < 1
            assert keeper.holds()

    virtual_time.run(first)
    ann.clock.passed = ended[0] + passed
    virtual_time.run(second)
    assert ann.ended == []


def test_a_lease_that_has_ended_ends_the_next_loop_too() -> None:
    """With the same error, at once."""

    async def test(arena: Arena) -> None:
        await arena.ann.acquire()
        del arena.memory.objects[KEY]
        async with arena.ann.keeping():
            await anyio.sleep(15)
        async with arena.ann.keeping() as keeper:
            with pytest.raises(JournalTakenOver):
                await keeper.wait()
        assert [str(error) for error in arena.ann.ended] == [str(arena.ann.ended[0])] * 2

    run(test)


def test_a_lease_that_has_lapsed_is_renewed_by_a_thread_of_a_real_loop() -> None:
    """With the machine's clock; leaving the block waits for nothing."""
    at = LeaseObject(MemoryStore(), KEY, JOURNAL)
    ended: list[JournalWriteFailed] = []
    holding = Acquirer(at, HOLDER, "nonce", TTL, Clock()).look()
    assert isinstance(holding, Holding)

    class Later(Clock):
        def boot(self) -> float:
            return super().boot() + 3600

    async def test() -> None:
        keeper = Keeper(holding, at, ended.append, Later())
        assert not keeper.holds()
        async with keeper.keeping():
            await keeper.wait()
            assert keeper.holds()

    anyio.run(test)
    assert holding.lease.n == 2
    assert ended == []
