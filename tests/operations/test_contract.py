"""The contract of all kinds of operation: one suite over all of ``KINDS``."""

from __future__ import annotations

from math import ceil

import pytest

from bulkops.api import endpoints
from bulkops.job.job import Job
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS
from bulkops.operations.steps import bind
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
from tests.sampling import swept

PATIENT = {"max_failures": "100%"}
SOME_OF_ALL = ",".join(f"{kind}=1%" for kind in FAULTS) + ",PING:503=5%"

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def continue_paused(world: World, spec: Job, kind: str) -> None:
    """Apply a job, and resume it until nothing is left to do or to decide again."""
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


@EACH_KIND
def test_what_was_applied_is_planned_as_nothing_to_do(kind: str) -> None:
    """A plan after an apply skips every target, and none is blocked."""
    world = world_for(kind, 5)
    world.apply(job(kind))
    check_done(world, kind)
    check_nothing_left(world, kind)


@EACH_KIND
def test_a_plan_changes_nothing(kind: str) -> None:
    """A plan sends only reads."""
    world = world_for(kind, 5)
    expected = len(targets(world, kind)) * len(CASES[kind].writes)
    assert len(world.plan(job(kind)).operations) == expected
    assert not world.wire.writes


@pytest.mark.parametrize(("kind", "fault", "seed"), swept(KINDS, FAULTS, range(3), every=16))
def test_every_fault_is_survived(kind: str, fault: str, seed: int) -> None:
    """With a fault in every tenth request, everything is done, each change exactly once."""
    world = world_for(kind, 8, faults=f"{fault}=10%", seed=seed)
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)


@pytest.mark.parametrize(("kind", "seed"), swept(KINDS, range(12), every=7))
def test_all_faults_together_are_survived(kind: str, seed: int) -> None:
    """With all faults mixed, in reads and writes, everything is done exactly once."""
    world = world_for(kind, 30, faults=SOME_OF_ALL, seed=seed)
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)
    # Among few requests, there may be no fault.
    assert world.simulator.stats.faults or len(targets(world, kind)) == 1


@pytest.mark.parametrize(("kind", "profile"), swept(KINDS, PROFILES, every=4))
def test_every_server_version_ends_as_desired(kind: str, profile: str) -> None:
    """Old servers have one stage, empty answers, no list by run task, or incomplete includes."""
    world = world_for(kind, 30, profile=profile)
    continue_paused(world, job(kind), kind)
    check_done(world, kind)
    check_nothing_left(world, kind)


@pytest.mark.parametrize(("kind", "seed"), swept(KINDS, range(3), every=2))
def test_an_old_server_with_faults_ends_as_desired(kind: str, seed: int) -> None:
    """The hardest case ends as desired: no echo, one list per workspace, and lost answers."""
    world = world_for(
        kind, 12, profile="tfe-v202401-1-none-included", faults=SOME_OF_ALL, seed=seed
    )
    continue_paused(world, job(kind, rollout=PATIENT), kind)
    check_done(world, kind)


@pytest.mark.parametrize(("kind", "workspaces"), swept(KINDS, [1, 100, 230], every=2))
def test_the_requests_are_few(kind: str, workspaces: int) -> None:
    """A plan reads pages, not single workspaces; the rest is one write each and two readings."""
    world = world_for(kind, workspaces)
    pages = ceil(workspaces / 100)
    plan = world.plan(job(kind))
    aspects = len(bind(plan.job.steps, plan.resolved).aspects)
    assert len(world.wire.asked) <= (1 + aspects) * pages + 3
    world.wire.asked.clear()
    world.apply(job(kind))
    writes = len(targets(world, kind)) * len(CASES[kind].writes)
    assert len(world.wire.writes) == writes
    # For a run task that no longer exists, two lists are read.
    gone = 2 if CASES[kind].gone else 0
    assert len(world.wire.asked) <= writes + (1 + 3 * aspects) * pages + 4 + gone
    assert world.simulator.stats.too_many == 0


@EACH_KIND
def test_a_job_that_changes_nothing_sends_nothing(kind: str) -> None:
    """If the server is already as desired, an apply sends only reads."""
    world = fulfilled(kind, 3)
    check_nothing_left(world, kind)
    if not CASES[kind].gone and not CASES[kind].write_only:
        world.apply(job(kind))
    assert not world.wire.writes


@EACH_KIND
def test_write_and_reading_are_of_the_target(kind: str) -> None:
    """The path of the write names the operation's target; the reading back is a list."""
    world = world_for(kind, 2)
    plan = world.plan(job(kind))
    bound = bind(plan.job.steps, plan.resolved)
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
