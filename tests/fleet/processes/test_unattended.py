"""A process waits for shards of others that run, and not for ever for those that nobody starts."""

from __future__ import annotations

from pathlib import Path

import anyio

from bulkops.errors import ExitCode
from bulkops.fleet.processes.unattended import CHECK, LONGEST, SAY_AGAIN
from bulkops.fleet.report.reading import newest_holder
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.waves import State
from bulkops.journal.records import Holder
from bulkops.journal.remote.shared import StoredObject
from tests.fleet.processes.world import BASE, FleetWorld
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore
from tests.kinds import TASK


def test_a_process_waits_an_hour_for_one_that_is_never_started(tmp_path: Path) -> None:
    """Then it ends with exit 1, and says which shard it waited for; meanwhile now and then."""
    world = FleetWorld(tmp_path, "ab", ("a",))
    process = world.process("b")

    async def alone() -> float:
        assert await process.apply() is ExitCode.ERROR
        return anyio.current_time()

    assert LONGEST <= world.run(alone) < LONGEST + 30.0
    assert str(process.fleet.problem) == (
        "stopped waiting for wave 1 to end in other processes: a (not begun): no process has run "
        "any of them for 60 min. Start their process, then run the same command again"
    )
    assert [awaited.shards for awaited in world.said] == [{"a": State.NOT_BEGUN}] * 4
    assert world.said[0].seconds == 0.0
    assert SAY_AGAIN <= world.said[1].seconds < SAY_AGAIN + 30.0
    assert world.changed() == {}
    assert world.states() == {"b": "not begun"}


def test_a_shard_that_runs_is_waited_for_however_long(tmp_path: Path) -> None:
    """Its process records nothing while it pauses for 90 minutes between the job's own waves.

    Whatever is said meanwhile doesn't say that no process runs it.
    """
    slow: dict[str, object] = {"waves": ["1", "100%"], "pause": "90m"}
    world = FleetWorld(tmp_path, "ab", ("a",), job_rollout=slow)
    world.simulator.attach("prod-0", TASK, organization="b")
    assert world.run(lambda: both(world)) == dict.fromkeys("ab", ExitCode.DONE)
    assert world.order() == "ab"
    assert len(world.said) > 5
    assert {awaited.seconds for awaited in world.said} == {0.0}


def test_a_store_that_does_not_say_who_holds_a_journal_is_asked_again(tmp_path: Path) -> None:
    """As one whose other objects can't be read: the waiting doesn't end."""
    world = FleetWorld(tmp_path, "ab", ("a",), job_rollout={"waves": ["1", "100%"], "pause": "20m"})
    store = MisbehavingStore(MemoryStore(), anyio.current_time)
    store.away = (CHECK, CHECK + 60.0)
    journals = StoredObject(store, BASE)

    def holder_of(job: ShardJob) -> Holder | None:
        journals.read()
        return newest_holder(job)

    world.holder_of = holder_of
    assert world.run(lambda: both(world)) == dict.fromkeys("ab", ExitCode.DONE)
    assert world.order() == "ab"
    assert len(world.troubles) == 1


async def both(world: FleetWorld) -> dict[str, ExitCode]:
    """Return the exit codes of a process for a and one for b, which start at the same time."""
    codes = dict[str, ExitCode]()

    async def apply(own: str) -> None:
        codes[own] = await world.process(own).apply()

    async with anyio.create_task_group() as group:
        group.start_soon(apply, "b")
        group.start_soon(apply, "a")
    return codes


def test_the_hour_begins_when_the_last_process_has_ended(tmp_path: Path) -> None:
    """A shard whose process is killed is waited for as long as one that was never started."""
    slow: dict[str, object] = {"waves": ["1", "100%"], "pause": "2h"}
    world = FleetWorld(tmp_path, "ab", ("a",), job_rollout=slow)
    process = world.process("b")

    async def killed() -> float:
        async with anyio.create_task_group() as group:
            group.start_soon(process.apply)
            with anyio.move_on_after(LONGEST - 60.0):
                await world.process("a").apply()
        return anyio.current_time()

    assert 2 * LONGEST - 400.0 < world.run(killed) < 2 * LONGEST
    assert process.fleet.exit_code is ExitCode.ERROR
    assert "1 to end in other processes: a (interrupted): no process" in str(process.fleet.problem)
