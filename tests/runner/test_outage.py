"""During an outage of the server no operation fails, in a job of any size."""

from __future__ import annotations

import logging
from functools import partial

import anyio
import pytest

from bulkops.api.messages import Request
from bulkops.client.caller import ATTEMPTS
from bulkops.errors import NoResponse, RetriesSpent, ServerBroken
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Outcome
from bulkops.operations import KINDS
from bulkops.runner.readback import LOSSES
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from tests.engine import worlds
from tests.engine.scripts import Script
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import World, job
from tests.sampling import long, swept

MANNERS = {
    "503": ("503", "503-after"),
    "dropped": ("close-before", "close-after", "reset-after"),
    "refused": (NEVER_LEFT,),
    "silent": ("hang-before", "hang-after"),
}
"""Kind of outage → the faults in turn: at first, a request may still take effect."""

SHORT = {"5 s": 5.0, "25 s": 25.0, "2 min": 120.0}
LONG = 600.0
"""Seconds: longer than a job waits by default."""

TOLERATED = 300.0


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


def answering(_request: Request) -> Trouble | None:
    """Strike nothing."""
    return None


SIZES = [1, 3, 40, 300]


@pytest.mark.parametrize(
    ("size", "manner", "length"),
    [*swept(SIZES, MANNERS, SHORT, every=5), *long([2000], MANNERS, SHORT)],
)
def test_a_server_that_is_away_for_a_while_costs_no_operation(
    size: int, manner: str, length: str
) -> None:
    """At any job size and for any kind of outage: it waits and resumes without failures."""
    world = world_of(size)
    world.start(strict_job())
    away(world, manner, SHORT[length], after=size // 3)
    check_done(world, world.resume(), size)


@pytest.mark.parametrize(
    ("size", "manner"), [*swept(SIZES, MANNERS, every=3), *long([2000], MANNERS)]
)
def test_a_server_that_is_away_for_too_long_ends_the_job_and_fails_no_operation(
    size: int, manner: str
) -> None:
    """After ``outage`` it ends with an error; the same command does the rest, once."""
    world = world_of(size)
    world.start(strict_job())
    away(world, manner, LONG, after=size // 3)
    began = world.elapsed
    with pytest.raises(RetriesSpent, match="has not answered for 300 s"):
        world.resume()
    assert TOLERATED <= world.elapsed - began < TOLERATED + 90
    state = world.journaled()
    assert state.count(Outcome.FAILED, Outcome.CONFLICT) == 0
    assert all(
        p.result is None or p.outcome is Outcome.SUCCEEDED for p in state.operations.values()
    )
    assert state.ended is not None
    assert state.ended.how == How.ERROR
    world.wire.troubles = answering
    check_done(world, world.resume(), size)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_an_answered_ping_does_not_end_an_outage(size: int) -> None:
    """A gateway may answer it itself: the probe repeats an earlier read."""
    world = world_of(size)
    world.start(strict_job())
    away(world, "503", 120.0, after=0)
    struck = world.wire.troubles
    world.wire.troubles = lambda r: None if r.path.endswith("/ping") else struck(r)
    check_done(world, world.resume(), size)


@pytest.mark.parametrize("slots", [1, 8])
@pytest.mark.parametrize("fault", ["503", "500", "close-before"])
def test_one_endpoint_that_always_fails_is_no_outage(fault: str, slots: int) -> None:
    """If only one workspace fails while others are answered, that one is in doubt."""
    world = world_of(10)
    world.start(job(rollout={"max_failures": "10%"}, pace={"max_at_once": slots}))
    (ill,) = (w.id for w in world.simulator.world.workspaces.values() if w.name == "prod-4")
    world.wire.troubles = lambda request: Trouble(fault) if ill in request.path else None
    began = world.elapsed
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 9
    assert replay.count(Outcome.IN_DOUBT) == 1
    assert world.elapsed - began < 60


def test_what_fails_half_of_the_time_is_no_outage() -> None:
    """The retry budget ends it."""
    world = World(workspaces=300)
    world.start(job(rollout={"max_failures": "100%"}, pace={"settle": "1s"}))
    world.wire.faults = Faults.parse("POST:500=60%", 1)
    with pytest.raises(RetriesSpent, match="too many requests failed"):
        world.resume()


@pytest.mark.parametrize("manner", MANNERS)
def test_a_server_that_never_answered_is_not_waited_for(manner: str) -> None:
    """The address may be wrong: a plan fails after its attempts."""
    world = world_of(3)
    world.wire.troubles = lambda _request: Trouble(MANNERS[manner][0])
    with pytest.raises((NoResponse, ServerBroken)):
        world.plan(strict_job())
    assert len(world.wire.asked) <= 2 * ATTEMPTS


def test_a_plan_waits_for_the_end_of_an_outage() -> None:
    """Away after the first answer and back a minute later: the plan is complete."""
    world = world_of(250)
    world.wire.troubles = lambda _request: (
        Trouble("503") if len(world.wire.asked) > 1 and world.now() < 60 else None
    )
    assert len(world.plan(strict_job()).operations) == 250
    assert world.elapsed > 60


@pytest.mark.parametrize("seconds", [25.0, LONG])
@pytest.mark.parametrize("effects", [5, 20])
def test_an_outage_while_a_wave_is_verified_is_no_drift(effects: int, seconds: float) -> None:
    """The reading waits; if it is given up, nothing has drifted, and the job resumes."""
    world = world_of(20)
    world.start(job(rollout={"max_failures": 0, "waves": ["5", "100%"]}))
    began: list[float] = []

    def trouble(request: Request) -> Trouble | None:
        if not began and len(world.simulator.effects) == effects and not request.writes:
            began.append(world.now())
        return Trouble("503") if began and world.now() < began[0] + seconds else None

    world.wire.troubles = trouble
    if seconds == LONG:
        with pytest.raises(RetriesSpent):
            world.resume()
        world.wire.troubles = answering
    check_done(world, world.resume(), 20)
    assert began
    assert not any(wave.drifted for wave in world.waves)


@pytest.mark.parametrize("outage", ["0s", "1s", "30s"])
def test_a_job_sets_how_long_an_outage_may_last(outage: str) -> None:
    """With 0, the first failed probe ends the execution."""
    world = world_of(40)
    world.start(strict_job(pace={"outage": outage}))
    away(world, "refused", 60.0, after=10)
    began = world.elapsed
    with pytest.raises(RetriesSpent, match="has not answered for"):
        world.resume()
    assert world.elapsed - began < float(outage.rstrip("s")) + 20
    assert world.journaled().count(Outcome.FAILED, Outcome.CONFLICT) == 0
    world.wire.troubles = answering
    check_done(world, world.resume(), 40)


def test_a_lost_write_is_settled_when_the_outage_is_over() -> None:
    """``settle`` counts from the loss: after a longer outage there is no further wait."""
    world = world_of(1)
    world.start(strict_job())
    world.wire.troubles = _away_at_the_first_write(world, "close-before", 60.0)
    at: list[float] = []
    world.wire.spies.append(lambda request: at.append(world.now()) if request.writes else None)
    check_done(world, world.resume(), 1)
    lost, sent_again = at
    # A probe is due every 15 s, and a reading that began before the outage counts as that old.
    assert lost + 60 <= sent_again < lost + 60 + 15 + 10


def _away_at_the_first_write(world: World, fault: str, seconds: float) -> Script:
    began: list[float] = []

    def trouble(request: Request) -> Trouble | None:
        if request.writes and not began:
            began.append(world.now())
        return Trouble(fault) if began and world.now() < began[0] + seconds else None

    return trouble


def test_outages_count_as_neither_attempts_nor_losses() -> None:
    """An outage at each send, more often than answers may be lost."""
    world = world_of(1)
    world.start(strict_job())
    until, lost = 0.0, 0

    def trouble(request: Request) -> Trouble | None:
        nonlocal until, lost
        if world.now() < until:
            return Trouble("503")
        if request.writes and lost < 2 * LOSSES:
            lost, until = lost + 1, world.now() + 30.0
            return Trouble("503")
        return None

    world.wire.troubles = trouble
    check_done(world, world.resume(), 1)
    assert lost == 2 * LOSSES


@pytest.mark.parametrize("drain", [0.0, 5.0])
def test_a_signal_ends_an_outage_within_the_drain_time(drain: float) -> None:
    """The outage leaves no result, and the same command resumes."""
    world = world_of(40)
    world.start(strict_job())
    away(world, "503", LONG, after=10)
    ended: list[float] = []

    async def strike() -> None:
        await anyio.sleep(60.0)
        assert world.execution is not None
        activity = world.execution.activity()
        assert activity.outage_seconds > 30
        assert (activity.outage_tolerated, activity.outage_reason) == (
            TOLERATED,
            "503 Service unavailable",
        )
        world.execution.interrupt("SIGTERM", drain)

    async def interrupted() -> Replay:
        async with anyio.create_task_group() as group:
            group.start_soon(strike)
            replay = await world.executed()
            ended.append(anyio.current_time())
        return replay

    replay = world.run(interrupted)
    assert replay.ended is not None
    assert replay.ended.how == "SIGTERM"
    assert ended[0] == pytest.approx(60.0 + drain, abs=0.1)
    assert replay.count(Outcome.FAILED, Outcome.CONFLICT) == 0
    world.wire.troubles = answering
    check_done(world, world.resume(), 40)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_waits_for_the_end_of_an_outage(kind: str) -> None:
    """However it is written and read back."""
    world = worlds.world_for(kind)
    world.start(job(kind, rollout={"max_failures": 0}))
    away(world, "dropped", 60.0, after=0)
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == len(replay.operations)
    assert world.elapsed > 60
    worlds.check_done(world, kind)


def test_the_start_and_end_of_an_outage_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With duration and reason."""
    caplog.set_level(logging.INFO, "bulkops.client.waiting")
    world = world_of(40)
    world.start(strict_job())
    away(world, "503", 25.0, after=10)
    world.resume()
    began, over = (r for r in caplog.records if r.name == "bulkops.client.waiting")
    assert (began.msg, over.msg) == ("outage_began", "outage_ended")
    assert vars(began)["reason"] == "503 Service unavailable"
    assert 3 <= vars(began)["seconds"] < 10
    assert 25 <= vars(over)["seconds"] < 45
