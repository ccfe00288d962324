"""The failure tolerance, for any size, tolerance, concurrency and pattern of failures."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.api.messages import Request
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.operations.model import Operation
from bulkops.report.model import exit_code
from tests.engine.scripts import always
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK
from tests.runner.test_runner import refusing


class Case(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        failing: numbers of the workspaces that refuse.
        lost: numbers of those whose first answer is lost before the change was made.
    """

    count: int
    tolerated: int
    max_at_once: int
    failing: frozenset[int]
    lost: frozenset[int]


def cases() -> st.SearchStrategy[Case]:
    """Draw a run."""

    def of(count: int) -> st.SearchStrategy[Case]:
        some = st.frozensets(st.integers(0, count - 1))
        return st.builds(Case, st.just(count), st.integers(0, count), st.integers(1, 6), some, some)

    return st.integers(1, 14).flatmap(of)


def losing_once(world: World, lost: frozenset[int]) -> Callable[[Request], Trouble | None]:
    """Return a script that loses the first answer to a write on these workspaces."""
    there = world.simulator.world.organizations["acme"].workspaces
    left = {there[f"prod-{number}"].id for number in lost}

    def script(request: Request) -> Trouble | None:
        workspace = request.path.split("/")[4] if request.writes else ""
        if workspace not in left:
            return None
        left.remove(workspace)
        return Trouble("close-before")

    return script


def carried_out(case: Case, *, strict: bool) -> tuple[World, Replay, list[int]]:
    """Return how a run ended, and what was in flight at each result, itself included."""
    world = World(workspaces=case.count)
    world.start(
        job(
            rollout={"max_failures": case.tolerated, "strict": strict},
            pace={"max_at_once": case.max_at_once, "settle": "2s"},
        )
    )
    refusing(world, names={f"prod-{number}" for number in case.failing})
    world.wire.troubles = losing_once(world, case.lost)
    sent, ended, in_flight = set[str](), set[str](), list[int]()
    world.wire.spies.append(
        lambda request: sent.add(request.path.split("/")[4]) if request.writes else None
    )

    def record(operation: Operation, result: Result) -> None:
        world.results.append((operation, result))
        in_flight.append(len(sent - ended))
        ended.add(operation.target.id)

    replay = world.run(lambda: world.executed(on_result=record))
    return world, replay, in_flight


@settings(max_examples=60, deadline=None)
@given(case=cases(), strict=st.booleans())
def test_failures_exceed_the_tolerance_by_what_is_in_flight(case: Case, *, strict: bool) -> None:
    """It stops exactly when failures exceed it; with ``strict``, by at most one."""
    world, replay, _ = carried_out(case, strict=strict)
    failed = replay.count(*TROUBLE)
    assert replay.ended is not None
    if len(case.failing) <= case.tolerated:
        assert (replay.ended.how, failed) == ("complete", len(case.failing))
    else:
        assert (replay.ended.how, exit_code(replay)) == ("tolerance", 4)
        # Those in flight when it stopped, the one that stopped it among them: as many as there
        # are places, and those that only wait for a lost answer's effect.
        assert case.tolerated < failed <= case.tolerated + case.max_at_once + len(case.lost)
        assert not strict or failed == case.tolerated + 1
    assert replay.count(Outcome.SUCCEEDED) == sum(world.effects().values())
    assert len(world.results) + replay.count(None) == case.count


@settings(max_examples=40, deadline=None)
@given(cases())
def test_strict_never_has_more_in_flight_than_may_still_fail(case: Case) -> None:
    """The remaining tolerance plus one, and never more than the slots."""
    world, _, in_flight = carried_out(case, strict=True)
    failures = 0
    for now, (_, result) in zip(in_flight, world.results, strict=True):
        assert now <= min(case.max_at_once, case.tolerated - failures + 1)
        failures += result.outcome in TROUBLE


@pytest.mark.parametrize("tolerated", [0, 2])
def test_strict_counts_waiting_operations(tolerated: int) -> None:
    """Every answer is lost: at most the tolerance plus one are sent."""
    world = World(workspaces=20)
    world.wire.troubles = always(lambda request: request.writes, Trouble("close-before"))
    replay = world.apply(job(rollout={"max_failures": tolerated, "strict": True}))
    assert exit_code(replay) == 4
    assert len({request.path for request in world.wire.writes}) == tolerated + 1


@pytest.mark.parametrize(("max_failures", "code"), [(1, 4), (2, 3)])
def test_drifted_operations_count_as_failures(max_failures: int, code: int) -> None:
    """Two reverted outside the job before the verification: two failures, counted once."""
    world = World(workspaces=5)
    world.start(job(rollout={"max_failures": max_failures}))

    def undone(_request: Request) -> None:
        if len(world.wire.writes) == 5:
            for name in ("prod-0", "prod-1"):
                world.simulator.detach(name, TASK)

    world.wire.spies.append(undone)
    replay = world.resume()
    assert (exit_code(replay), world.waves[1].drifted) == (code, 2)
    assert replay.verified is not None
    assert len(replay.verified.differing) == 2
    assert exit_code(world.resume(continue_paused=True)) == 3
