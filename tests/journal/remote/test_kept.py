"""A lease is held before, while and after a job runs; calls are repeated, and left if they hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest

from bulkops.clock import Clock
from bulkops.errors import JournalLocked, JournalTakenOver, JournalWriteFailed
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import Denied, NoAnswer
from bulkops.journal.remote.lease.acquirer import Acquirer
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.content import DEFAULT_TTL, decoded
from bulkops.journal.remote.lease.holding import Holding
from bulkops.journal.remote.lease.kept import LEAST, PATIENCE, Kept, Wanted, abandonable
from bulkops.journal.storage import Executor
from tests import virtual_time
from tests.journal.remote.contender import JOURNAL, KEY
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble
from tests.journal.samples import HOLDER, inline

BOB = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")
SECONDS = 6.0


class LoopClock(Clock):
    """All of its clocks are the loop's."""

    def boot(self) -> float:
        """Return the loop's time."""
        return anyio.current_time()


class Scene:
    """A store, and a lease in it that this process has."""

    def __init__(self, run: Executor = inline) -> None:
        self.memory = MemoryStore()
        self.store = MisbehavingStore(self.memory, anyio.current_time)
        self.at = LeaseObject(self.store, KEY, JOURNAL)
        holding = Acquirer(self.at, HOLDER, "nonce", DEFAULT_TTL, LoopClock()).look()
        assert isinstance(holding, Holding)
        self.kept = Kept(holding, self.at, LoopClock(), run)
        self.ended: list[JournalWriteFailed] = []

    @property
    def holder(self) -> Holder | None:
        """Who has the lease, according to the store."""
        return decoded(self.memory.objects[KEY].data).holder


def run(test: Callable[[Scene], Awaitable[None]], executor: Executor = inline) -> None:
    """Run a test in virtual time."""

    async def scene() -> None:
        await test(Scene(executor))

    virtual_time.run(scene)


def test_it_is_kept_with_the_jobs_own_ttl() -> None:
    """From the first renewal on, for as long as the block runs."""

    async def test(scene: Scene) -> None:
        async with scene.kept.keep(scene.ended.append, SECONDS) as permit:
            for _ in range(60):
                await anyio.sleep(1.0)
                assert permit.holds()
                await permit.wait()
        assert decoded(scene.memory.objects[KEY].data).ttl == SECONDS
        assert (scene.ended, scene.holder) == ([], HOLDER)
        scene.kept.release()
        assert scene.holder is None
        writes = scene.store.writes
        scene.kept.release()
        assert scene.store.writes == writes

    run(test)


def test_a_call_without_an_answer_is_made_again() -> None:
    """Until it has one: a group of lines waits for its store."""

    async def test(scene: Scene) -> None:
        answers = [NoAnswer("away"), NoAnswer("away"), None]

        def call() -> None:
            if answer := answers.pop(0):
                raise answer

        await scene.kept.patiently(call)
        assert answers == []
        assert anyio.current_time() == pytest.approx(2 * 1.0, abs=0.01)

    run(test)


def test_a_denial_is_not_repeated() -> None:
    """Nor is any other error: trying again is useless."""

    async def test(scene: Scene) -> None:
        calls = list[int]()

        def call() -> None:
            calls.append(1)
            raise Denied("no right")

        with pytest.raises(Denied):
            await scene.kept.patiently(call)
        assert calls == [1]

    run(test)


def test_patience_ends_though_the_lease_is_kept() -> None:
    """The store may answer for the lease alone; a job that waits for ever could not be ended."""

    async def test(scene: Scene) -> None:
        def call() -> None:
            raise NoAnswer("away")

        async with scene.kept.keep(scene.ended.append, SECONDS) as permit:
            with pytest.raises(NoAnswer):
                await scene.kept.patiently(call)
            assert anyio.current_time() == pytest.approx(max(SECONDS, PATIENCE), abs=2.0)
            assert permit.holds()
        assert scene.ended == []

    run(test)


def test_patience_ends_with_the_lease() -> None:
    """Then another process may write, so nothing is written any more."""

    async def test(scene: Scene) -> None:
        def call() -> None:
            raise NoAnswer("away")

        async with scene.kept.keep(scene.ended.append, SECONDS):
            with anyio.move_on_after(20.0) as patient:
                await scene.kept.patiently(call)
            assert patient.cancelled_caught
            scene.memory.put(KEY, b"another's")
            with pytest.raises(NoAnswer):
                await scene.kept.patiently(call)
        (error,) = scene.ended
        assert isinstance(error, JournalTakenOver)

    run(test)


def test_a_renewal_that_hangs_is_left_and_repeated() -> None:
    """A hung connection costs a part of the ttl, not the lease."""
    hung = list[float]()

    async def executor(call: Callable[[], None]) -> None:
        if len(hung) == 2:
            call()
            return
        hung.append(anyio.current_time())
        if len(hung) == 2:
            # It has reached the store, though its answer never comes.
            call()
        await anyio.sleep_forever()

    async def test(scene: Scene) -> None:
        async with scene.kept.keep(scene.ended.append, SECONDS) as permit:
            await anyio.sleep(20.0)
            assert permit.holds()
        assert (len(hung), scene.ended) == (2, [])

    assert SECONDS / 6 == LEAST
    run(test, executor)


def test_a_cancelled_call_is_not_waited_for() -> None:
    """Its thread goes on, and this process does other things."""

    async def test() -> None:
        started, let_go = threading.Event(), threading.Event()

        def call() -> None:
            started.set()
            let_go.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(abandonable, call)
            await anyio.to_thread.run_sync(started.wait)
            group.cancel_scope.cancel()
        let_go.set()

    anyio.run(test)


@pytest.fixture
def at() -> LeaseObject:
    """Where the lease is to be."""
    return LeaseObject(MemoryStore(), KEY, JOURNAL)


def test_it_is_held_while_the_block_runs(at: LeaseObject) -> None:
    """And free afterwards, even if the block raises."""
    wanted = Wanted(at)
    for _ in range(2):
        with wanted.held(HOLDER) as kept:
            assert kept.holding.lease.holder == HOLDER
            with pytest.raises(JournalLocked):
                Wanted(at).held(BOB).__enter__()
        with pytest.raises(KeyError), wanted.held(BOB):
            raise KeyError
    with Wanted(at).held(BOB):
        pass


def test_each_acquisition_has_a_nonce_of_its_own(at: LeaseObject) -> None:
    """So no two leases have the same bytes."""
    nonces = set()
    wanted = Wanted(at)
    for _ in range(3):
        with wanted.held(HOLDER) as kept:
            nonces.add(kept.holding.lease.nonce)
    assert len(nonces) == 3


def test_it_expires_for_one_that_looks_again(
    at: LeaseObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has seen is remembered from look to look."""
    now = [100.0]
    monkeypatch.setattr(Clock, "boot", lambda _: now[0])
    forgotten = Wanted(at).held(BOB)
    forgotten.__enter__()
    wanted = Wanted(at)
    for seconds in (0.0, 29.0, 0.9):
        now[0] += seconds
        with pytest.raises(JournalLocked):
            wanted.held(HOLDER).__enter__()
    now[0] += 0.2
    with wanted.held(HOLDER) as kept:
        assert kept.holding.lease.holder == HOLDER


def test_a_store_without_an_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For some seconds, which pass in sleep."""
    now = [0.0]
    monkeypatch.setattr(Clock, "boot", lambda _: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    store = MisbehavingStore(MemoryStore(), lambda: now[0])
    store.script = [Trouble.LOST, Trouble.UNHEARD]
    with Wanted(LeaseObject(store, KEY, JOURNAL)).held(HOLDER):
        assert now[0] == 2.0
    store.away = (0.0, 1000.0)
    with pytest.raises(JournalWriteFailed, match="its lease can't be written"):
        Wanted(LeaseObject(store, KEY, JOURNAL)).held(HOLDER).__enter__()
