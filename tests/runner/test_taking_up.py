"""Who is told the results can be told no more: nothing new is begun, until they can."""

from __future__ import annotations

import signal

import anyio
import pytest

from bulkops.journal.states import Outcome
from bulkops.runner.runner import LOOK_SECONDS
from tests.engine.world import World, job


def held_up(after: int, until: float) -> World:
    """Return a world in which after so many results nobody takes more, until a moment."""
    world = World(workspaces=60)
    world.takes_more = lambda: len(world.results) < after or world.now() >= until
    return world


@pytest.mark.parametrize("at_once", [1, 5, 32])
def test_nothing_is_begun_while_no_more_is_taken(at_once: int) -> None:
    """What was in flight finishes; then no write leaves until more is taken, then all of them."""
    world = held_up(after=10, until=500.0)
    world.start(job(pace={"max_at_once": at_once}))
    at: list[float] = []
    world.wire.spies.append(lambda request: at.append(world.now()) if request.writes else None)
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 60
    assert set(world.effects().values()) == {1}
    before = [moment for moment in at if moment < 500]
    assert 10 <= len(before) < 10 + at_once
    assert at[len(before)] <= 500 + 2 * LOOK_SECONDS


def test_it_is_held_up_again_and_again() -> None:
    """A reader who takes one result a second gets all of them."""
    world = World(workspaces=12)
    world.takes_more = lambda: len(world.results) <= world.now()
    assert world.apply(job()).count(Outcome.SUCCEEDED) == 12
    assert set(world.effects().values()) == {1}


def test_a_signal_ends_what_is_held_up() -> None:
    """At once, since nothing is in flight: the drain time is for that alone."""
    world = held_up(after=10, until=float("inf"))
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
