"""Concurrent operations: how many run, when the runner stops, and how it drains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations.model import Operation
from bulkops.report.model import exit_code
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import World, job


def refusing(world: World, *, names: set[str]) -> None:
    """Let the server refuse the run task on these workspaces for good."""
    rights = {name for name in world.names if name not in names}
    tokens = world.simulator.tokens
    assert isinstance(tokens, dict)
    (token,) = tokens
    tokens[token] = type(tokens[token])(name="engine", manage_workspace_run_tasks=rights)


def interrupted(
    world: World, at: float, *, drain: float, signals: tuple[str, ...] = ("SIGINT",)
) -> Replay:
    """Run one execution that is stopped after a number of seconds."""

    async def run() -> Replay:
        async with anyio.create_task_group() as group:
            group.start_soon(interrupt)
            replay = await world.executed()
            group.cancel_scope.cancel()
        return replay

    async def interrupt() -> None:
        await anyio.sleep(at)
        for signal in signals:
            assert world.execution is not None
            world.execution.interrupt(signal, drain)

    return world.run(run)


@pytest.mark.parametrize("max_at_once", [1, 3, 32])
def test_at_most_max_at_once_are_in_flight(max_at_once: int) -> None:
    """With slow answers every slot is used, and never one more."""
    world = World(workspaces=40, latency=3.0)
    world.start(job(pace={"max_at_once": max_at_once}))
    world.wire.most_at_once = 0
    world.resume()
    assert world.wire.most_at_once == max_at_once
    assert set(world.effects().values()) == {1}


def test_a_waiting_operation_lends_its_slot() -> None:
    """While a lost answer settles, the others use the only slot."""
    world = World(workspaces=4)
    world.wire.troubles = writes(Trouble("close-before"))
    world.apply(job(rollout={"max_failures": 1}, pace={"max_at_once": 1}))
    order = [operation.target.name for operation, _ in world.results]
    assert order == ["prod-1", "prod-2", "prod-3", "prod-0"]
    assert set(world.effects().values()) == {1}


@pytest.mark.parametrize("max_at_once", [1, 2])
def test_a_waiting_operation_gets_a_slot_back_after_a_stop(max_at_once: int) -> None:
    """Too many failures while an answer settles: it is still read back, and the run ends."""
    world = World(workspaces=6)
    world.start(job(rollout={"max_failures": 1}, pace={"max_at_once": max_at_once}))
    refusing(world, names={"prod-1", "prod-2"})
    world.wire.troubles = writes(Trouble("close-before"))
    replay = world.resume()
    assert replay.ended is not None
    assert replay.ended.how == "tolerance"
    outcomes = {operation.target.name: result.outcome for operation, result in world.results}
    assert outcomes["prod-0"] is Outcome.SUCCEEDED


def test_a_second_signal_ends_waiting_operations_immediately() -> None:
    """Even while another operation has the only slot."""
    world = World(workspaces=3, latency=30.0)
    world.start(job(rollout={"max_failures": 2}, pace={"max_at_once": 1}))
    world.wire.troubles = writes(Trouble("close-before"))
    # Three reads of 30 s come first; at 140 s one operation waits for the place of the next one.
    replay = interrupted(world, at=140.0, drain=0.0, signals=("SIGINT", "SIGINT"))
    assert replay.ended is not None
    assert replay.ended.how == "SIGINT"
    assert replay.count(Outcome.IN_DOUBT) == 2


@pytest.mark.parametrize("tolerated", [0, 3])
@pytest.mark.parametrize("max_at_once", [1, 4])
def test_no_more_wait_than_may_fail(max_at_once: int, tolerated: int) -> None:
    """Every answer is lost: the tolerance plus two rounds of slots are sent, not all forty."""
    world = World(workspaces=40)
    world.wire.troubles = always(lambda request: request.writes, Trouble("close-before"))
    replay = world.apply(
        job(rollout={"max_failures": tolerated}, pace={"max_at_once": max_at_once})
    )
    assert replay.ended is not None
    assert replay.ended.how == "tolerance"
    assert len({request.path for request in world.wire.writes}) <= tolerated + 2 * max_at_once


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 12).flatmap(
        lambda count: st.tuples(
            st.just(count), st.integers(0, count), st.sets(st.integers(0, count - 1))
        )
    ),
    st.integers(1, 5),
)
def test_the_runner_stops_when_failures_exceed_what_is_tolerated(
    drawn: tuple[int, int, set[int]], max_at_once: int
) -> None:
    """At most the tolerance, one more, and those then in flight fail."""
    count, tolerated, failing = drawn
    world = World(workspaces=count)
    world.start(job(rollout={"max_failures": tolerated}, pace={"max_at_once": max_at_once}))
    refusing(world, names={f"prod-{number}" for number in failing})
    replay = world.resume()
    failed = replay.count(Outcome.FAILED)
    assert replay.ended is not None
    if len(failing) <= tolerated:
        assert replay.ended.how == "complete"
        assert failed == len(failing)
        assert exit_code(replay) == (3 if failing else 0)
    else:
        assert replay.ended.how == "tolerance"
        assert tolerated < failed <= tolerated + max_at_once
        assert exit_code(replay) == 4
    assert replay.count(Outcome.IN_DOUBT) == 0
    assert len(world.results) + replay.count(None) == count
    assert sum(world.effects().values()) == replay.count(Outcome.SUCCEEDED)


def test_continue_resumes_after_a_stop_by_the_tolerance() -> None:
    """Failures then count from zero; earlier ones stay failed."""
    world = World(workspaces=10)
    world.start(job(rollout={"max_failures": 1}, pace={"max_at_once": 1}))
    refusing(world, names={"prod-0", "prod-1", "prod-2", "prod-3", "prod-4"})
    ends = []
    for _ in range(3):
        replay = world.resume(continue_paused=True)
        assert replay.ended is not None
        ends.append((replay.ended.how, replay.count(Outcome.FAILED), replay.count(None)))
    assert ends == [("tolerance", 2, 8), ("tolerance", 4, 6), ("complete", 5, 0)]


def test_a_server_that_accepts_no_write_stops_the_run() -> None:
    """Nothing but 503: each failed operation counts, and the tolerance ends the run."""
    world = World(workspaces=8)
    world.wire.troubles = always(lambda request: request.writes, Trouble("503"))
    replay = world.apply(job(rollout={"max_failures": 2}, pace={"max_at_once": 2}))
    assert replay.ended is not None
    assert replay.ended.how == "tolerance"
    assert not world.effects()


def test_a_signal_drains_operations_in_flight() -> None:
    """Nothing new starts; operations in flight are finished and recorded."""
    world = World(workspaces=20, latency=0.5)
    world.start(job(pace={"max_at_once": 4}))
    replay = interrupted(world, at=1.6, drain=5.0)
    assert replay.ended is not None
    assert replay.ended.how == "SIGINT"
    assert exit_code(replay) == 130
    assert replay.count(Outcome.IN_DOUBT) == 0
    assert 0 < replay.count(Outcome.SUCCEEDED) < 20
    assert len(world.wire.writes) == replay.count(Outcome.SUCCEEDED)
    assert world.resume().count(Outcome.SUCCEEDED) == 20
    assert set(world.effects().values()) == {1}


def test_draining_ends_at_its_deadline() -> None:
    """Unanswered operations are in doubt, and the next execution reads them back."""
    world = World(workspaces=6)
    world.wire.troubles = writes(Trouble("hang-after"), Trouble("hang-before"))
    world.start(job())
    replay = interrupted(world, at=0.5, drain=5.0)
    assert replay.count(Outcome.IN_DOUBT) == 2
    assert replay.ended is not None
    assert replay.ended.at.endswith("21:00:10.700Z")
    assert world.resume().count(Outcome.SUCCEEDED) == 6
    assert set(world.effects().values()) == {1}


def test_a_second_signal_ends_a_run_immediately() -> None:
    """No draining: in doubt, resumable, nothing done twice."""
    world = World(workspaces=10, latency=2.0)
    world.start(job())
    replay = interrupted(world, at=5.0, drain=60.0, signals=("SIGINT", "SIGTERM"))
    assert replay.ended is not None
    assert (replay.ended.how, exit_code(replay)) == ("SIGINT", 130)
    assert replay.count(Outcome.IN_DOUBT) > 0
    assert world.resume().count(Outcome.SUCCEEDED) == 10
    assert set(world.effects().values()) == {1}


@pytest.mark.parametrize("at", [0.0, 0.03, 0.05, 0.09])
def test_a_signal_while_reading_ends_a_run_immediately(at: float) -> None:
    """Before the first write there is nothing to drain."""
    world = World(workspaces=3, latency=1.0)
    world.start(job())
    replay = interrupted(world, at=at, drain=5.0)
    assert replay.ended is not None
    assert replay.ended.how == "SIGINT"
    assert not world.wire.writes
    assert replay.count(None) == 3


def test_a_signal_while_verifying_ends_a_run_immediately() -> None:
    """Everything is done; the exit code is the signal's."""
    world = World(workspaces=2, latency=1.0)
    world.start(job())
    replay = interrupted(world, at=3.5, drain=5.0)
    assert replay.count(Outcome.SUCCEEDED) == 2
    assert (replay.verified, exit_code(replay)) == (None, 130)
    assert world.resume().verified is not None


def test_a_signal_takes_precedence_over_the_tolerance() -> None:
    """Interrupted while it drains: exit 130, not 4."""
    world = World(workspaces=4)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 2}))
    refusing(world, names={"prod-1"})
    world.wire.troubles = writes(Trouble("close-before"))
    replay = interrupted(world, at=3.0, drain=1.0)
    assert exit_code(replay) == 130
    assert replay.count(Outcome.IN_DOUBT) == 1


class Broken(Exception):
    """What a listener may raise: its terminal is gone."""


def test_a_callback_that_raises_stops_the_run_after_draining() -> None:
    """Its own exception is raised; operations in flight are finished and recorded."""
    world = World(workspaces=12, latency=0.5)
    world.start(job(pace={"max_at_once": 4}))

    def order(_operation: Operation, _result: Result) -> None:
        raise Broken

    with pytest.raises(Broken):
        world.run(lambda: world.executed(on_result=order))
    replay = world.journaled()
    assert replay.count(Outcome.IN_DOUBT) == 0
    assert replay.count(Outcome.SUCCEEDED) == len(world.wire.writes) < 12
    assert replay.ended is not None
    assert replay.ended.how == "error"
    assert world.resume().count(Outcome.SUCCEEDED) == 12


def test_the_order_of_answers_changes_nothing() -> None:
    """Another latency changes the order of answers, but not the result."""
    ends = []
    for latency in (0.01, 0.3, 2.0):
        world = World(workspaces=8, latency=latency)
        world.wire.troubles = writes(Trouble("slow"), None, Trouble("slow"))
        replay = world.apply(job())
        ends.append({key: progress.outcome for key, progress in replay.operations.items()})
    assert ends[0] == ends[1] == ends[2]


def test_each_operation_is_carried_out_in_a_block_of_its_own() -> None:
    """It is entered before the operation's requests, in its task, and left after its result."""
    world = World(workspaces=6)
    world.start(job(rollout={"max_failures": 6}, pace={"max_at_once": 3}))
    world.wire.troubles = writes(Trouble("close-before"))
    current = ContextVar("current", default="")
    events: list[tuple[str, str]] = []

    @contextmanager
    def carrying(operation: Operation) -> Iterator[None]:
        token = current.set(operation.target.name)
        events.append(("begin", operation.target.name))
        try:
            yield
        finally:
            current.reset(token)
            events.append(("end", operation.target.name))

    def on_result(operation: Operation, _result: Result) -> None:
        assert current.get() == operation.target.name
        events.append(("result", operation.target.name))

    world.carrying = carrying
    world.wire.spies.append(
        lambda request: events.append(("send", current.get())) if request.writes else None
    )
    world.run(lambda: world.executed(on_result=on_result))
    assert not current.get()
    for name in world.names:
        own = [what for what, whose in events if whose == name]
        assert (own[0], own[-2:]) == ("begin", ["result", "end"])
        assert set(own[1:-2]) == {"send"}


def test_the_block_ends_without_a_result() -> None:
    """Stopped immediately, or by a refused token."""
    world = World(workspaces=3, latency=2.0)
    world.start(job())
    left: list[str] = []

    @contextmanager
    def carrying(operation: Operation) -> Iterator[None]:
        try:
            yield
        finally:
            left.append(operation.target.name)

    world.carrying = carrying
    interrupted(world, 5.0, drain=0.0)
    assert world.results == []
    assert sorted(left) == world.names
