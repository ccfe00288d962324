"""While the observer can't take results, no operation starts."""

from __future__ import annotations

import signal

import anyio
import pytest

from bulkops.journal.states import Outcome
from bulkops.runner.runner import LOOK_SECONDS
from tests.engine.world import World, job


def unread(after: int, until: float) -> World:
    """Return a world whose observer takes no more results between a number and a moment."""
    world = World(workspaces=60)
    world.takes_more = lambda: len(world.results) < after or world.now() >= until
    return world


@pytest.mark.parametrize("at_once", [1, 5, 32])
def test_nothing_starts_while_the_observer_is_busy(at_once: int) -> None:
    """Operations in flight finish; no write leaves until results are taken again."""
    world = unread(after=10, until=500.0)
    world.start(job(pace={"max_at_once": at_once}))
    at: list[float] = []
    world.wire.spies.append(lambda request: at.append(world.now()) if request.writes else None)
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 60
    assert set(world.effects().values()) == {1}
    before = [moment for moment in at if moment < 500]
    assert 10 <= len(before) < 10 + at_once
    assert at[len(before)] <= 500 + 2 * LOOK_SECONDS


def test_a_slow_observer_gets_all_results() -> None:
    """Even at one result per second."""
    world = World(workspaces=12)
    world.takes_more = lambda: len(world.results) <= world.now()
    assert world.apply(job()).count(Outcome.SUCCEEDED) == 12
    assert set(world.effects().values()) == {1}


def test_a_signal_ends_a_run_with_a_busy_observer() -> None:
    """Immediately, since nothing is in flight."""
    world = unread(after=10, until=float("inf"))
    world.start(job(pace={"max_at_once": 4}))

    async def stopped() -> float:
        async with anyio.create_task_group() as group:
            group.start_soon(world.executed)
            await anyio.sleep(100)
            assert world.execution is not None
            assert world.execution.activity().in_flight == 0
            world.execution.interrupt(signal.SIGTERM.name, 60)
            began = world.now()
        return world.now() - began

    assert world.run(stopped) <= 2 * LOOK_SECONDS
    replay = world.journaled()
    assert replay.count(Outcome.IN_DOUBT) == 0
    assert replay.count(None) == 60 - len(world.results)
    world.takes_more = lambda: True
    assert world.resume().count(Outcome.SUCCEEDED) == 60
    assert set(world.effects().values()) == {1}
