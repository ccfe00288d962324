"""Several processes of one fleet: waves, kills, stops and ``--continue`` hold across them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import anyio
import pytest

from bulkops.api.messages import Request
from bulkops.errors import ExitCode, JournalError, NotAJournal
from bulkops.fleet.processes.stop import Stop
from bulkops.fleet.processes.unattended import Awaited
from bulkops.fleet.shard_job import How
from bulkops.fleet.waves import State
from bulkops.journal.remote.bucket.store import Version
from bulkops.simulator.state import User
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import TOKEN
from tests.fleet.processes.world import BASE, RECORD, STOP, FleetWorld, one_by_one, together
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Odds
from tests.kinds import TASK

CONTINUE = How(continue_paused=True)


def test_waves_hold_across_processes(tmp_path: Path) -> None:
    """The canary is done before the second wave begins, whoever runs it; each change once."""
    world = FleetWorld(tmp_path)
    codes = world.run(lambda: together([world.part(index, 3) for index in (2, 1, 0)]))
    assert codes == [ExitCode.DONE] * 3
    order = world.order()
    assert (order[0], set(order[1:3]), set(order[3:])) == ("a", set("bc"), set("def"))
    assert world.once_each()
    assert world.states() == dict.fromkeys("abcdef", "done")
    assert {awaited.wave for awaited in world.said} == {1, 2}
    assert Awaited(1, {"a": State.NOT_BEGUN}, 0.0) in world.said


def test_a_process_ends_once_its_own_shards_have(tmp_path: Path) -> None:
    """It does not wait for later waves; the next process joins the same rollout."""
    world = FleetWorld(tmp_path)

    async def one_after_the_other() -> list[ExitCode]:
        return [await world.process(own).apply() for own in ("a", "bc", "def")]

    assert world.run(one_after_the_other) == [ExitCode.DONE] * 3
    assert world.order()[0] == "a"
    assert world.once_each()
    assert world.recorded().number == 1


def test_the_next_rollout_has_waves_of_its_own(tmp_path: Path) -> None:
    """What was done in the one before opens no wave."""
    world = FleetWorld(tmp_path, "ab", ("a",))

    async def twice() -> None:
        await together([world.process("a"), world.process("b")])
        for name in "ab":
            world.simulator.add_workspace("new", organization=name)
        assert await together([world.process("b"), world.process("a")]) == [ExitCode.DONE] * 2

    world.run(twice)
    assert [effect.names["organization"] for effect in world.simulator.effects][-2:] == ["a", "b"]
    assert world.recorded().number == 2


@pytest.mark.parametrize(("later", "order"), [(0.0, "b"), (3700.0, "ab")])
def test_a_process_that_runs_again_opens_no_wave_for_long(
    tmp_path: Path, later: float, order: str
) -> None:
    """Its shards may have something to do an hour later; until then, the others may still start."""
    world = FleetWorld(tmp_path, "ab", ("a",))

    async def again() -> None:
        await together([world.process("a"), world.process("b")])
        assert await world.process("a").apply() is ExitCode.DONE
        world.simulator.effects.clear()
        await anyio.sleep(later)
        for name in "ab" if later else "b":
            world.simulator.add_workspace("new", organization=name)
        processes = [world.process("b"), *([world.process("a")] if later else [])]
        assert await one_by_one(processes) == [ExitCode.DONE] * len(processes)

    world.run(again)
    assert world.order() == order


def test_a_rollout_is_not_stale_while_a_process_waits_in_it(tmp_path: Path) -> None:
    """However late the process that it waits for starts."""
    world = FleetWorld(tmp_path, "abc", ("a", "b"))
    for number in range(3):
        world.simulator.attach(f"prod-{number}", TASK, organization="c")

    async def late() -> list[ExitCode]:
        codes = [await world.process("c").apply()]

        async def waits() -> None:
            # As a platform does: it has given up after an hour.
            while (code := await world.process("b").apply()) is ExitCode.ERROR:
                pass
            codes.append(code)

        async with anyio.create_task_group() as group:
            group.start_soon(waits)
            await anyio.sleep(2 * 3600.0)
            codes.append(await world.process("a").apply())
        return codes

    assert world.run(late) == [ExitCode.DONE] * 3
    assert world.order() == "ab"


@pytest.mark.parametrize("seed", range(8))
def test_killed_processes_are_replaced_by_others_in_any_number(tmp_path: Path, seed: int) -> None:
    """Whoever holds a journal runs the shard: each change is made once, and waves hold.

    For half of the seeds, the store loses, delays and refuses writes of the common objects.
    """
    world = FleetWorld(tmp_path)
    random = Random(seed)
    world.store = store = MisbehavingStore(MemoryStore(), anyio.current_time, Random(seed))
    if seed % 2:
        store.odds = Odds(lost=0.05, unheard=0.05, late=0.05, repeated=0.05, conflict=0.05)

    async def supervised(index: int, count: int) -> None:
        for _ in range(100):
            with (
                suppress(JournalError),
                anyio.move_on_after(random.uniform(0.05, 4.0) if random.random() < 0.7 else 999),
            ):
                if await world.part(index, count).apply() is ExitCode.DONE:
                    return
            await anyio.sleep(random.uniform(0.0, 20.0))
            count = random.randint(1, 4)
            index = min(index, count - 1)
        raise AssertionError("it never ends")

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for index in range(3):
                group.start_soon(supervised, index, 3)
        # Numbers that changed may have left shards without a process.
        store.odds = Odds()
        assert await world.part(0, 1).apply() is ExitCode.DONE

    world.run(all_of_them)
    assert world.once_each(), world.simulator.effects
    order = world.order()
    assert (order[0], set(order[1:3]), set(order[3:])) == ("a", set("bc"), set("def"))


def test_a_failed_shard_stops_every_process_until_one_continues(tmp_path: Path) -> None:
    """Exit 4 for those that have not begun; sticky, until ``--continue`` lifts it for all."""
    world = FleetWorld(tmp_path)
    world.simulator.remove_task(TASK, organization="a")

    async def stopped() -> None:
        codes = await together([world.part(index, 3) for index in range(3)])
        assert codes == [ExitCode.USAGE, ExitCode.STOPPED, ExitCode.STOPPED]
        assert await world.part(1, 3).apply() is ExitCode.STOPPED
        world.simulator.add_task(TASK, organization="a")
        # Whatever has changed: what was seen stays until a person has looked.
        assert await world.part(0, 3).apply() is ExitCode.STOPPED

    world.run(stopped)
    assert world.changed() == {}
    _, found = world.objects.read()
    assert found is not None
    assert found.reason == "1 shard failed, max_failed_shards = 0"
    world.simulator.remove_task(TASK, organization="a")

    assert world.run(world.process("a", CONTINUE).apply) is ExitCode.USAGE
    codes = world.run(lambda: together([world.process("bc"), world.process("def")]))
    assert codes == [ExitCode.DONE] * 2
    assert world.changed() == dict.fromkeys("bcdef", 3)
    _, found = world.objects.read()
    assert found is not None
    assert (found.lifted_by[:8], found.failed_shards) == ("process ", ("a",))


@pytest.mark.parametrize("begun", [False, True])
def test_after_an_outage_the_same_command_lets_the_waves_go_on(
    tmp_path: Path, *, begun: bool
) -> None:
    """Whether its shard had begun or not: it has not failed, so the others wait for it."""
    world = FleetWorld(tmp_path, "ab", ("a",))

    def trouble(request: Request) -> Trouble | None:
        """Refuse connections: for what is read in a, or for every change."""
        away = request.writes if begun else "/organizations/a/" in request.path
        return Trouble(NEVER_LEFT) if away else None

    async def restarted() -> list[ExitCode]:
        codes = list[ExitCode]()

        async def canary() -> None:
            world.wire.troubles = trouble
            codes.append(await world.process("a").apply())
            world.wire.troubles = lambda _: None
            codes.append(await world.process("a").apply())

        async with anyio.create_task_group() as group:
            group.start_soon(canary)
            codes.append(await world.process("b").apply())
        return codes

    assert world.run(restarted) == [ExitCode.ERROR, ExitCode.DONE, ExitCode.DONE]
    assert world.order() == "ab"
    assert world.once_each()


def test_what_another_process_did_since_the_plan_is_not_done_again(tmp_path: Path) -> None:
    """A process that planned a shard, and waited for its answer, finds nothing left to send."""
    world = FleetWorld(tmp_path, "a", ())

    async def both() -> list[ExitCode]:
        slow = world.process("a")
        await slow.look()
        return [await world.process("a").apply(), await slow.carry_out()]

    assert world.run(both) == [ExitCode.DONE] * 2
    assert len(world.wire.writes) == 3
    assert world.states() == {"a": "done"}
    # A second one, without any change, would be what an undo takes for the newest.
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1


def failing(tmp_path: Path, first: tuple[str, ...], **job: object) -> FleetWorld:
    """Return a fleet of a and b; two of three operations in a will fail, and one may."""
    everything = {"max_failures": "100%", **job}
    world = FleetWorld(tmp_path, "ab", first, rollout={"max_failures": 1}, job_rollout=everything)
    world.simulator.duplicate_attach = "reject"

    def interfere(request: Request) -> None:
        """Change two of them after they were planned."""
        if request.writes:
            world.wire.spies.clear()
            for workspace in ("prod-0", "prod-1"):
                world.simulator.attach(workspace, TASK, organization="a", stages=("pre_plan",))

    world.wire.spies.append(interfere)
    return world


def test_failures_of_all_processes_count_together(tmp_path: Path) -> None:
    """The process that waits for the next wave ends with exit 4."""
    world = failing(tmp_path, ("a",))
    codes = world.run(lambda: together([world.process("a"), world.process("b")]))
    assert codes == [ExitCode.UNFULFILLED, ExitCode.STOPPED]
    assert world.recorded().shards["a"].failures == 2


def test_failures_of_a_shard_that_still_runs_elsewhere_count(tmp_path: Path) -> None:
    """They are read from its journal before another shard of its wave begins."""
    world = failing(tmp_path, (), waves=["2", "100%"], pause="5m")

    async def one_after_the_other() -> list[ExitCode]:
        codes = list[ExitCode]()
        async with anyio.create_task_group() as group:

            async def first() -> None:
                codes.append(await world.process("a").apply())

            group.start_soon(first)
            await anyio.sleep(60.0)
            codes.append(await world.process("b").apply())
        return codes

    assert world.run(one_after_the_other) == [ExitCode.STOPPED, ExitCode.UNFULFILLED]
    assert "b" not in world.changed()


def test_a_paused_shard_of_another_process_ends_the_waiting(tmp_path: Path) -> None:
    """Exit 6: only ``--continue`` there lets the next wave begin."""
    world = FleetWorld(
        tmp_path, "ab", ("a",), job_rollout={"waves": ["1", "100%"], "pause": "manual"}
    )
    codes = world.run(lambda: together([world.process("a"), world.process("b")]))
    assert codes == [ExitCode.PAUSED] * 2
    assert world.changed() == {"a": 1}
    assert world.states() == {"a": "paused", "b": "not begun"}


@pytest.mark.parametrize("name", [RECORD, STOP])
@pytest.mark.parametrize("content", [b"", b"{}", b'{"format":2,"number":1,"job":"","rollout":1}'])
def test_an_object_of_unknown_content_stops_every_process(
    tmp_path: Path, name: str, content: bytes
) -> None:
    """It is never taken for none."""
    world = FleetWorld(tmp_path)
    world.store.put((BASE / name).key, content)
    with pytest.raises(NotAJournal, match=r"is not what this version of bulkops writes there"):
        world.run(lambda: world.part(0, 3).apply())
    assert world.changed() == {}


def test_an_object_that_becomes_unreadable_lets_no_other_shard_begin(tmp_path: Path) -> None:
    """Those that have begun are finished."""
    world = FleetWorld(tmp_path, "ab", ("a",))

    def spoil(request: Request) -> None:
        if request.writes:
            world.store.put((BASE / RECORD).key, b"garbage")

    world.wire.spies.append(spoil)
    process = world.process("ab")
    assert world.run(process.apply) is ExitCode.USAGE
    assert world.changed() == {"a": 3}
    assert "is not what this version" in str(process.fleet.problem)


@pytest.mark.parametrize(("seconds", "code"), [(200.0, ExitCode.DONE), (500.0, ExitCode.ERROR)])
def test_a_store_that_is_away_is_waited_for(tmp_path: Path, seconds: float, code: ExitCode) -> None:
    """For five minutes, and said; nothing begins meanwhile, and what has begun is finished."""
    world = FleetWorld(tmp_path, "ab", ("a",))
    world.store = store = MisbehavingStore(MemoryStore(), anyio.current_time)
    waiting = world.process("b")

    async def both() -> list[ExitCode]:
        codes = list[ExitCode]()
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                codes.append(await waiting.apply())

            group.start_soon(wait)
            await anyio.sleep(2.0)
            store.away = (3.0, 3.0 + seconds)
            await anyio.sleep(seconds)
            await anyio.sleep(5.0)
            codes.append(await world.process("a").apply())
        return codes

    assert world.run(both) in ([code, ExitCode.DONE], [ExitCode.DONE, code])
    assert world.order() == ("ab" if code is ExitCode.DONE else "a")
    assert len(world.troubles) == 1


def test_a_record_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    """Someone has deleted it: the process says so at once, and begins nothing more."""
    world = FleetWorld(tmp_path, "ab", ("a",))
    world.store = store = MemoryStore()
    waiting = world.process("b")

    async def deleted() -> float:
        async with anyio.create_task_group() as group:

            async def delete() -> None:
                await anyio.sleep(30.0)
                store.objects.clear()

            group.start_soon(delete)
            assert await waiting.apply() is ExitCode.ERROR
        return anyio.current_time()

    assert world.run(deleted) < 60.0
    assert "is gone" in str(waiting.fleet.problem)


def test_what_has_begun_is_resumed_although_the_fleet_is_stopped(tmp_path: Path) -> None:
    """An interrupted shard is finished; one that has not begun is not, whoever asks."""
    pausing: dict[str, object] = {"waves": ["1", "100%"], "pause": "1m"}
    world = FleetWorld(tmp_path, "abc", (), job_rollout=pausing)

    async def stopped() -> list[ExitCode]:
        with anyio.move_on_after(30.0):
            await world.process("a").apply()
        assert world.changed() == {"a": 1}
        world.simulator.remove_task(TASK, organization="b")
        codes = [await world.process(own).apply() for own in "bca"]
        return [*codes, await world.process("ac").apply()]

    done, no, stop_ = ExitCode.DONE, ExitCode.USAGE, ExitCode.STOPPED
    assert world.run(stopped) == [no, stop_, done, stop_]
    assert world.changed() == {"a": 3}


def test_a_rollout_of_another_job_ends_the_one_before(tmp_path: Path) -> None:
    """A process of the earlier one begins no other shard: exit 13."""
    world = FleetWorld(tmp_path, "ab", ("a",))

    async def both() -> list[ExitCode]:
        first = world.process("b")
        codes = list[ExitCode]()
        async with anyio.create_task_group() as group:

            async def waits() -> None:
                codes.append(await first.apply())

            group.start_soon(waits)
            await anyio.sleep(2.0)
            codes.append(await world.process("a", version="mandatory").apply())
        return codes

    assert sorted(world.run(both)) == [ExitCode.DONE, ExitCode.PLAN_STALE]
    assert world.changed() == {"a": 3}
    assert world.recorded().number == 2


def test_a_shard_that_gets_another_organization_has_not_begun(tmp_path: Path) -> None:
    """Its wave waits for the new one, in the same rollout; what the old one did opens nothing."""
    world = FleetWorld(tmp_path, "abz", ("a", "b"))

    async def moved() -> list[ExitCode]:
        assert await world.process("a").apply() is ExitCode.DONE
        world.moved, world.names = {"a": "z"}, "ab"
        return await one_by_one([world.process("b"), world.process("a")])

    assert world.run(moved) == [ExitCode.DONE] * 2
    assert world.order() == "azb"
    assert world.recorded().number == 1


def test_a_signal_while_a_shard_is_recorded_takes_that_back(tmp_path: Path) -> None:
    """It has not begun, so no one takes it for running."""
    world = FleetWorld(tmp_path, "a", ())

    class Signalling(MemoryStore):
        """A signal arrives while it answers that the shard is recorded as running."""

        def swap(self, key: str, data: bytes, version: Version) -> Version | None:
            if b'"running"' in data:
                process.fleet.interrupt("SIGINT", 1.0)
            return super().swap(key, data, version)

    world.store = Signalling()
    process = world.process("a")
    assert world.run(process.apply) is ExitCode.INTERRUPTED
    assert world.states() == {"a": "not begun"}
    assert world.changed() == {}


def test_a_signal_ends_the_waiting_for_a_store(tmp_path: Path) -> None:
    """Nothing has begun, and nothing is to begin: it isn't tried for five minutes."""
    world = FleetWorld(tmp_path, "ab", ("a",))
    world.store = store = MisbehavingStore(MemoryStore(), anyio.current_time)
    process = world.process("b")

    async def signalled() -> float:
        async with anyio.create_task_group() as group:
            group.start_soon(process.apply)
            await anyio.sleep(2.0)
            store.away = (2.0, 1000.0)
            await anyio.sleep(30.0)
            process.fleet.interrupt("SIGINT", 1.0)
        return anyio.current_time()

    assert world.run(signalled) < 60.0
    assert process.fleet.exit_code is ExitCode.INTERRUPTED


LONG: dict[str, object] = {"waves": ["1", "100%"], "pause": "1m"}
"""The rollout of a job that takes a minute."""


def test_a_shard_that_another_process_runs_ends_a_process(tmp_path: Path) -> None:
    """Exit 11, at once: its own next wave would begin a minute later."""
    world = FleetWorld(tmp_path, "ab", ("a",), job_rollout=LONG)

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(world.process("a").apply)
            await anyio.sleep(10.0)
            assert world.recorded().shards["a"].operations == 3
            assert await world.process("ab").apply() is ExitCode.JOURNAL_IN_USE
            assert anyio.current_time() < 20.0

    world.run(both)
    assert world.changed() == {"a": 3}


def test_the_end_of_a_shard_that_another_process_runs_is_seen(tmp_path: Path) -> None:
    """A process that waits for a third one anyway begins its next wave after both."""
    world = FleetWorld(tmp_path, "abc", ("2",), job_rollout=LONG)
    codes = list[ExitCode]()

    async def apply(own: str) -> None:
        codes.append(await world.process(own).apply())

    async def three() -> None:
        async with anyio.create_task_group() as group:
            for own, seconds in (("a", 10.0), ("ac", 110.0), ("b", 0.0)):
                group.start_soon(apply, own)
                await anyio.sleep(seconds)

    world.run(three)
    assert world.order() == "abc"
    assert sorted(codes) == [ExitCode.DONE, ExitCode.DONE, ExitCode.JOURNAL_IN_USE]


def test_failures_since_the_last_look_count_before_a_shard_begins(tmp_path: Path) -> None:
    """Those of a running shard are read again, although that was less than a minute ago."""
    long: dict[str, object] = {"waves": ["2", "100%"], "pause": "5m", "max_failures": "100%"}
    world = FleetWorld(tmp_path, "abc", ("a",), rollout={"max_failures": 1}, job_rollout=long)
    for number in range(3):
        world.simulator.attach(f"prod-{number}", TASK, organization="a")
    codes = dict[str, ExitCode]()

    def refuse(request: Request) -> None:
        """Refuse the first two changes, which are b's."""
        if request.writes:
            world.wire.spies.clear()
            only = User(name="engine", manage_workspace_run_tasks={"prod-2"})
            world.simulator.tokens = {TOKEN: only}

    async def apply(own: str) -> None:
        codes[own] = await world.process(own).apply()

    async def three() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(apply, "c")
            # c has just looked: b begins, and fails, before it looks again.
            await anyio.sleep(4.7)
            await apply("a")
            group.start_soon(apply, "b")

    world.wire.spies.append(refuse)
    world.run(three)
    assert codes == {"a": ExitCode.DONE, "b": ExitCode.UNFULFILLED, "c": ExitCode.STOPPED}


def test_a_stop_without_its_record_does_not_stop_the_next_rollout(tmp_path: Path) -> None:
    """The record was removed: the stop is of the rollout that it was about."""
    world = FleetWorld(tmp_path, "ab", ("a",))
    world.simulator.remove_task(TASK, organization="a")
    world.run(world.process("a").apply)
    world.simulator.add_task(TASK, organization="a")
    world.store = MemoryStore()
    assert world.objects.replace_stop(Stop(1, "now", "ann", "too much"))
    assert world.run(world.process("ab").apply) is ExitCode.DONE
    assert world.recorded().number == 2


def test_processes_that_start_together_rest_for_different_times(tmp_path: Path) -> None:
    """Their looks don't meet at the store each time."""
    world = FleetWorld(tmp_path)
    rests = {world.process(name).others.rest(5.0) for name in world.names}
    assert len(rests) == len(world.names)
    assert all(4.0 <= rest <= 6.0 for rest in rests)
