"""What every kind of operation keeps to, whichever it is: one suite over all of ``KINDS``."""

from __future__ import annotations

from math import ceil

import pytest

from bulkops.api import endpoints
from bulkops.job.job import Job
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS, bind
from bulkops.simulator.faults import FAULTS
from bulkops.simulator.profiles import PROFILES
from tests.engine.world import World, job
from tests.engine.worlds import (
    check_done,
    check_nothing_left,
    fulfilled,
    targets,
    world_for,
)
from tests.kinds import CASES, TASK

PATIENT = {"max_failures": "100%"}
SOME_OF_ALL = ",".join(f"{kind}=1%" for kind in FAULTS) + ",PING:503=5%"

pytestmark = pytest.mark.parametrize("kind", KINDS)


def seeds(number: int, *, by_default: int) -> list[object]:
    """Return the seeds from 0, of which those after the first few are for the long tests."""
    more = (pytest.param(seed, marks=pytest.mark.long) for seed in range(by_default, number))
    return [*range(by_default), *more]


def continue_paused(world: World, spec: Job, kind: str) -> None:
    """Carry a job out, and on until nothing is left to be done or decided anew."""
    replay = world.apply(spec)
    for _ in range(5):
        if replay.count(Outcome.SUCCEEDED) == len(replay.operations):
            break
        replay = world.resume(retry_failed=True)
    assert replay.count(Outcome.SUCCEEDED) == len(replay.operations)
    assert {p.operation.target.name for p in replay.operations.values()} == set(
        targets(world, kind)
    )
    assert replay.verified is not None
    assert not replay.verified.differing


def test_what_was_applied_is_planned_as_nothing_to_do(kind: str) -> None:
    """A plan after an apply has a skip for every target, none of them blocked."""
    world = world_for(kind, 5)
    world.apply(job(kind))
    check_done(world, kind)
    check_nothing_left(world, kind)


def test_a_plan_changes_nothing(kind: str) -> None:
    """Planning only reads."""
    world = world_for(kind, 5)
    expected = len(targets(world, kind)) * len(CASES[kind].writes)
    assert len(world.plan(job(kind)).operations) == expected
    assert not world.wire.writes


@pytest.mark.parametrize("seed", seeds(3, by_default=1))
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_survived(kind: str, fault: str, seed: int) -> None:
    """Struck by one of ten requests: everything done, each change exactly once."""
    world = world_for(kind, 8, faults=f"{fault}=10%", seed=seed)
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)


@pytest.mark.parametrize("seed", seeds(12, by_default=3))
def test_all_faults_together_are_survived(kind: str, seed: int) -> None:
    """A bit of everything, reads and writes alike, from several seeds."""
    world = world_for(kind, 30, faults=SOME_OF_ALL, seed=seed)
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)
    # Of a handful of requests, all may come through.
    assert world.simulator.stats.faults or len(targets(world, kind)) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_every_server_version_ends_as_wanted(kind: str, profile: str) -> None:
    """One stage only, answers without a body, no list by run task, incomplete includes."""
    world = world_for(kind, 30, profile=profile)
    continue_paused(world, job(kind), kind)
    check_done(world, kind)
    check_nothing_left(world, kind)


@pytest.mark.parametrize("seed", range(3))
def test_an_old_server_with_faults_ends_as_wanted(kind: str, seed: int) -> None:
    """The longest way: no echo, a list by workspace, and answers that get lost."""
    world = world_for(
        kind, 12, profile="tfe-v202401-1-none-included", faults=SOME_OF_ALL, seed=seed
    )
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)


@pytest.mark.parametrize("workspaces", [1, 100, 230])
def test_the_requests_are_few(kind: str, workspaces: int) -> None:
    """A plan reads pages, not workspaces; the rest is one write each and two readings."""
    world = world_for(kind, workspaces)
    pages = ceil(workspaces / 100)
    plan = world.plan(job(kind))
    aspects = len(bind(kind, plan.job.spec, plan.resolved).aspects)
    assert len(world.wire.asked) <= (1 + aspects) * pages + 3
    world.wire.asked.clear()
    world.apply(job(kind))
    writes = len(targets(world, kind)) * len(CASES[kind].writes)
    assert len(world.wire.writes) == writes
    # A run task that is gone is looked for in two lists.
    gone = 2 if CASES[kind].gone else 0
    assert len(world.wire.asked) <= writes + (1 + 3 * aspects) * pages + 4 + gone
    assert world.simulator.stats.too_many == 0


def test_a_job_that_changes_nothing_sends_nothing(kind: str) -> None:
    """Applied to a server that is as wanted: only readings."""
    world = fulfilled(kind, 3)
    check_nothing_left(world, kind)
    if not CASES[kind].gone and not CASES[kind].write_only:
        world.apply(job(kind))
    assert not world.wire.writes


def test_its_request_and_its_reading_speak_of_its_target_only(kind: str) -> None:
    """The write names the operation's target in its path; the reading back is a list."""
    world = world_for(kind, 2)
    plan = world.plan(job(kind))
    bound = bind(kind, plan.job.spec, plan.resolved)
    keys = [operation.key for operation in plan.operations]
    assert len(set(keys)) == len(keys)
    for operation in plan.operations:
        assert operation.key == f"{operation.kind}:{operation.target.id}"
        aspect = bound.aspects[operation.aspect]
        request, look = aspect.request(operation), aspect.look(operation)
        assert request.writes
        collection = "tasks" if operation.target.name == TASK else "workspaces"
        assert request.path.startswith(f"{endpoints.API}/{collection}/{operation.target.id}")
        assert not look.writes
        path = CASES[kind].looks[operation.aspect].format(id=operation.target.id)
        assert look.path == f"{endpoints.API}{path}"
