"""Real processes of one fleet, each with ``--shard I/N``: they know of each other by files."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from bulkops.api.messages import Request
from tests.cli.run.test_fleet import APPLY, CANARY, FLEET, changes, declare, once_each, world
from tests.cli.support import TASK, Process, World, ended
from tests.conftest import Here

__all__ = ["world"]

pytestmark = pytest.mark.long

WAITING = "Waiting for wave 1 to end in other processes: acme-1"


def started(world: World, parts: Sequence[str], *options: str) -> list[Process]:
    """Start a process for each part."""
    return [world.start(*APPLY, "--shard", part, *options) for part in parts]


def until_waiting(process: Process) -> None:
    """Read what a process says, up to the line that it waits for the canary."""
    assert process.stderr is not None
    while WAITING not in process.stderr.readline():
        assert process.poll() is None


def order(world: World) -> list[str]:
    """Return the organizations in the order of the changes."""
    return [effect.names["organization"] for effect in world.simulator.effects]


def test_the_canary_of_one_process_comes_before_the_shards_of_others(world: World) -> None:
    """They wait for it, say so once, and end by themselves."""
    declare(world, CANARY)
    waiting = started(world, ["2/3", "3/3"])
    for process in waiting:
        until_waiting(process)
    canary = world.run(*APPLY, "--shard", "1/3")
    others = [ended(process) for process in waiting]
    assert [canary.code, *(done.code for done in others)] == [0, 0, 0]
    assert order(world)[:3] == ["acme-1"] * 3
    assert once_each(world)
    assert all(WAITING not in done.err for done in others)


@pytest.mark.parametrize("write", range(1, 9))
def test_a_killed_process_is_replaced_by_one_with_another_number(world: World, write: int) -> None:
    """``kill -9`` at any change: the shards of two parts overlap then, and each change is once."""
    declare(world, CANARY)
    parts = ["1/3", "2/3", "3/3"]
    processes = dict(zip(parts, started(world, parts, "--wait"), strict=True))
    seen = 0

    def strike(request: Request) -> None:
        nonlocal seen
        seen += request.writes
        if request.writes and seen == write:
            processes[killed].send_signal(signal.SIGKILL)

    killed = "1/3" if write <= 3 else "2/3"
    world.simulator.before = strike
    # The last change may have been its last one, too.
    assert ended(processes[killed]).code in {-9, 0}
    del processes[killed]
    world.simulator.before = None
    again = started(world, ["1/2", "2/2"], "--wait")
    codes = [ended(process).code for process in (*processes.values(), *again)]
    assert codes == [0] * 4
    assert order(world)[:3] == ["acme-1"] * 3
    assert once_each(world)


def test_a_stop_is_seen_by_all_processes_and_lifted_for_all(world: World, here: Here) -> None:
    """The canary fails: exit 4 for those that wait; after ``--continue`` they begin."""
    declare(world, CANARY)
    world.simulator.remove_task(TASK, organization="acme-1")
    waiting = started(world, ["2/3", "3/3"])
    assert here(*APPLY, "--shard", "1/3").code == 2
    others = [ended(process) for process in waiting]
    assert [done.code for done in others] == [4, 4]
    assert all("Stopped: 1 shard failed, max_failed_shards = 0 (" in d.err for d in others)
    assert world.writes == 0
    assert here(*APPLY, "--shard", "2/3").code == 4
    assert here(*APPLY, "--shard", "2/3", "--continue").code == 0
    assert here(*APPLY, "--shard", "3/3").code == 0
    assert changes(world) == {"acme-2": 3, "acme-3": 3}


def test_a_signal_ends_the_waiting_for_others(world: World) -> None:
    """Exit 143 at once; nothing was begun."""
    declare(world, CANARY)
    process = world.start(*APPLY, "--shard", "2/3")
    assert process.stderr is not None
    while "Waiting for wave 1" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert done.code == 143
    assert "The same command resumes every shard" in done.err
    assert world.writes == 0


def test_a_fleet_without_waves_waits_for_nobody(world: World, here: Here) -> None:
    """One process alone ends, whether or not the others have started."""
    declare(world, FLEET)
    assert here(*APPLY, "--shard", "3/3").code == 0
    assert changes(world) == {"acme-3": 3}


def test_after_an_undo_the_canary_comes_first_again(world: World, here: Here) -> None:
    """The undo ended the rollout in which the canary was done."""
    declare(world, CANARY)
    assert here(*APPLY, "--shard", "1/3").code == 0
    assert here("fleet", "undo", "fleet.toml", "--yes").code == 0
    process = world.start(*APPLY, "--shard", "2/3")
    assert process.stderr is not None
    while "Waiting for wave 1" not in process.stderr.readline():
        pass
    assert here(*APPLY, "--shard", "1/3").code == 0
    assert ended(process).code == 0
    assert order(world) == ["acme-1"] * 9 + ["acme-2"] * 3
