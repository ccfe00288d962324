"""The server is away for a while: no operation fails for it, in a job of any size."""

from __future__ import annotations

from functools import partial

import pytest

from bulkops.api.messages import Request
from bulkops.errors import RetriesSpent
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Outcome
from bulkops.simulator.core import Simulator
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import World, job

MANNERS = {
    "503": ("503", "503-after"),
    "dropped": ("close-before", "close-after", "reset-after"),
    "refused": (NEVER_LEFT,),
    "silent": ("hang-before", "hang-after"),
}
"""How a server is away → the faults that strike, in turn: at first it may still do something."""

SHORT = {"5 s": 5.0, "25 s": 25.0, "2 min": 120.0}
LONG = 600.0
"""Longer than a job waits unless it says otherwise."""

BORNE = 300.0


def strict_job(**tables: dict[str, object]) -> Job:
    """Return a job that bears no failure."""
    return job(rollout={"max_failures": 0}, **tables)


def world_of(size: int) -> World:
    """Return a world of so many workspaces behind the usual limit."""
    return World(workspaces=size, server=partial(Simulator, rate=30))


def away(world: World, manner: str, seconds: float, *, after: int) -> None:
    """Let the server be away for so long from the first write after so many effects on."""
    kinds = MANNERS[manner]
    began: list[float] = []

    def trouble(request: Request) -> Trouble | None:
        now = world.now()
        if not began and request.writes and len(world.simulator.effects) >= after:
            began.append(now)
        if not began or now >= began[0] + seconds:
            return None
        # It is gone for good a moment later.
        early = now < began[0] + 0.5
        return Trouble(kinds[len(world.wire.asked) % len(kinds)] if early else kinds[0])

    world.wire.troubles = trouble


def check_done(world: World, replay: Replay, size: int) -> None:
    """Check that all is done once, and that nothing failed."""
    assert replay.count(Outcome.SUCCEEDED) == size
    assert world.effects() == dict.fromkeys(world.names, 1)
    assert replay.ended is not None
    assert replay.ended.how == How.COMPLETE


SIZES = [1, 3, 40, 300]


@pytest.mark.parametrize("length", SHORT)
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("size", [*SIZES, pytest.param(2000, marks=pytest.mark.long)])
def test_a_server_that_is_away_for_a_while_costs_no_operation(
    size: int, manner: str, length: str
) -> None:
    """Whatever the job's size and the manner: it waits, goes on, and nothing has failed."""
    world = world_of(size)
    world.start(strict_job())
    away(world, manner, SHORT[length], after=size // 3)
    check_done(world, world.resume(), size)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("size", [*SIZES, pytest.param(2000, marks=pytest.mark.long)])
def test_a_server_that_is_away_for_too_long_ends_the_job_and_fails_no_operation(
    size: int, manner: str
) -> None:
    """After what is borne it ends with an error; the same command does the rest, once."""
    world = world_of(size)
    world.start(strict_job())
    away(world, manner, LONG, after=size // 3)
    began = world.elapsed
    with pytest.raises(RetriesSpent, match="has not answered for 300 s"):
        world.resume()
    assert BORNE <= world.elapsed - began < BORNE + 90
    told = world.journaled()
    assert told.count(Outcome.FAILED, Outcome.CONFLICT) == 0
    assert all(p.result is None or p.outcome is Outcome.SUCCEEDED for p in told.operations.values())
    assert told.ended is not None
    assert told.ended.how == How.ERROR
    world.wire.troubles = lambda _request: None
    check_done(world, world.resume(), size)
