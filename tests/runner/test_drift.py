"""Drifted operations are counted, and done again by ``--retry-failed``."""

from __future__ import annotations

import pytest

from bulkops.journal.states import Outcome
from bulkops.report.model import exit_code, report
from tests.engine.world import MANDATORY, PATH, World, job
from tests.engine.worlds import everything, world_for
from tests.kinds import TASK

UNDO = PATH.with_name("undo.jsonl")


def drifted() -> World:
    """Return a world in which a workspace was detached, and one changed, after the job."""
    world = World(workspaces=4)
    world.apply(job())
    world.simulator.detach("prod-0", TASK)
    world.simulator.detach("prod-1", TASK)
    world.simulator.attach("prod-1", TASK, enforcement_level="advisory")
    world.resume()
    return world


def test_drift_is_counted_in_the_report() -> None:
    """The outcome doesn't change; the exit code reports a difference."""
    world = drifted()
    replay = world.journaled()
    made = report(replay)
    assert (made.drifted, made.counts) == (2, {"succeeded": 4})
    assert [row.troubled for row in made.rows] == [True, True, False, False]
    assert (exit_code(replay), replay.to_retry) == (3, True)


def test_what_drifted_is_done_again_by_retry_failed() -> None:
    """Drifted targets get their desired state again, and nothing else is written."""
    world = drifted()
    before = len(world.wire.writes)
    replay = world.resume(retry_failed=True)
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 4)
    assert world.all_shown() == [MANDATORY] * 4
    assert [request.method for request in world.wire.writes[before:]] == ["POST", "PATCH"]


def test_undo_after_a_retry_restores_the_state_before_the_job() -> None:
    """Not the drifted state."""
    world = drifted()
    world.resume(retry_failed=True)
    assert exit_code(world.resume()) == 0
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.all_shown() == [[]] * 4


def test_without_retry_failed_drift_is_only_reported() -> None:
    """A plain resume changes nothing."""
    world = drifted()
    before = len(world.wire.writes)
    assert exit_code(world.resume()) == 3
    assert len(world.wire.writes) == before


def test_drift_that_no_update_can_restore_stays() -> None:
    """An update doesn't attach what was detached: nothing is sent, and the drift is reported."""
    world = world_for("update", 2)
    world.apply(job("update"))
    world.simulator.detach("prod-0", TASK)
    before = len(world.wire.writes)
    replay = world.resume(retry_failed=True)
    assert (exit_code(replay), report(replay).drifted) == (3, 1)
    assert len(world.wire.writes) == before


@pytest.mark.parametrize("retry_failed", [True, False])
def test_drift_after_an_undo_is_unchanged(*, retry_failed: bool) -> None:
    """It was changed outside the undo."""
    world = world_for("attach", 2)
    world.apply(job())
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    world.simulator.attach("prod-0", TASK)
    before = everything(world)
    assert exit_code(world.resume(path=UNDO, retry_failed=retry_failed)) == 3
    assert everything(world) == before
