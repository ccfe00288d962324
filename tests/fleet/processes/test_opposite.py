"""A fleet is never applied and undone at once, whichever begins first."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import pytest

from bulkops.errors import ExitCode, JournalLocked
from bulkops.fleet.shard_job import How
from tests.fleet.processes.world import FleetWorld
from tests.kinds import TASK

WAITING = How(wait=True)
SLOW = 5.0
"""Seconds that each request takes: a shard takes about half a minute."""


def world_of(folder: Path, waves: tuple[str, ...], *, applied: bool) -> FleetWorld:
    """Return a fleet of a and b at a slow server; ``applied``: it was applied already.

    There is less to do in a, which is done while b pauses.
    """
    world = FleetWorld(folder, "ab", waves, job_rollout={"waves": ["1", "100%"], "pause": "20s"})
    for number in (1, 2):
        world.simulator.attach(f"prod-{number}", TASK, organization="a")
    if applied:
        assert world.run(world.process("ab").apply) is ExitCode.DONE
        world.simulator.effects.clear()
    world.wire.connecting = SLOW
    return world


def methods(world: FleetWorld) -> str:
    """Return the methods of the changes in their order, P or D: several of the same as one."""
    letters = [effect.method[0] for effect in world.simulator.effects]
    before = ["", *letters]
    return "".join(letter for letter, last in zip(letters, before, strict=False) if letter != last)


async def until_a_shard_runs(world: FleetWorld) -> None:
    """Wait until one has begun."""
    while not world.simulator.effects:  # noqa: ASYNC110 - the server tells nobody
        await anyio.sleep(1.0)


@pytest.mark.parametrize("undoing", [False, True])
def test_the_opposite_of_what_runs_is_refused(tmp_path: Path, *, undoing: bool) -> None:
    """Exit 11, before anything is read of a server; what runs is not disturbed."""
    world = world_of(tmp_path, (), applied=undoing)
    codes = list[ExitCode]()

    async def first() -> None:
        codes.append(await world.process("ab", undo=undoing).apply())

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await until_a_shard_runs(world)
            done, asked = "undone" if undoing else "applied", len(world.wire.asked)
            with pytest.raises(JournalLocked, match=f"this fleet is being {done}: [ab] is in use"):
                await world.process("ab", undo=not undoing).apply()
            assert len(world.wire.asked) == asked

    world.run(both)
    assert codes == [ExitCode.DONE]
    assert methods(world) == ("D" if undoing else "P")


@pytest.mark.parametrize("undoing", [False, True])
def test_the_opposite_of_what_runs_waits_for_it(tmp_path: Path, *, undoing: bool) -> None:
    """With ``--wait`` it plans once that has ended, and then does or undoes all of it."""
    world = world_of(tmp_path, (), applied=undoing)
    codes = list[ExitCode]()

    async def first() -> None:
        codes.append(await world.process("ab", undo=undoing).apply())

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await until_a_shard_runs(world)
            codes.append(await world.process("ab", WAITING, undo=not undoing).apply())

    world.run(both)
    assert codes == [ExitCode.DONE] * 2
    assert methods(world) == ("DP" if undoing else "PD")
    assert len(world.simulator.effects) == 2 * (1 + 3)


@pytest.mark.parametrize("waves", [(), ("a",)], ids=["one", "two"])
@pytest.mark.parametrize("undoing", [False, True])
def test_they_are_never_mixed_whenever_the_second_one_starts(
    tmp_path: Path, waves: tuple[str, ...], *, undoing: bool
) -> None:
    """Whether the first one is still planning, runs or has ended, in one process or two.

    If both join in the same moment, nothing may be changed at all. One that starts after the
    first one has ended does all of it.
    """
    met = set[str]()
    for seconds in range(0, 120, 6):
        folder = tmp_path / str(seconds)
        folder.mkdir()
        world = world_of(folder, waves, applied=undoing)
        world.run(partial(begun_one_after_the_other, world, seconds, undoing=undoing))
        met.add(changes := methods(world))
        assert changes in (("", "D", "DP") if undoing else ("", "P", "PD")), seconds
    assert met >= ({"D", "DP"} if undoing else {"P", "PD"})


async def begun_one_after_the_other(world: FleetWorld, seconds: float, *, undoing: bool) -> None:
    """Apply or undo the fleet, and so many seconds later do the opposite."""

    async def carry_out(own: str, *, undo: bool) -> None:
        process = world.process(own, undo=undo)
        with suppress(JournalLocked):
            allowed = {ExitCode.DONE, ExitCode.JOURNAL_IN_USE, ExitCode.PLAN_STALE}
            assert await process.apply() in allowed, process.fleet.problem

    async with anyio.create_task_group() as group:
        for own in ["ab"] if undoing else ["a", "b"]:
            group.start_soon(partial(carry_out, own, undo=undoing))
        await anyio.sleep(seconds)
        await carry_out("ab", undo=not undoing)
