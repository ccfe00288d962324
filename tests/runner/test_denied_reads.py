"""A read that is briefly answered 403 or 404, by a proxy or a replica, doesn't count."""

from __future__ import annotations

import pytest

from bulkops.api import endpoints
from bulkops.journal.states import Outcome
from bulkops.plan.current_state import read_current
from tests.engine.scripts import always, both, reads_back, writes
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK

NO_LIST_BY_TASK = "tfe-v202401-1-none-included"
DENIED = Trouble("404")
SETTLE = 10.0
"""Seconds: the default of a job."""


@pytest.mark.parametrize("fault", ["close-before", "close-after", "502-after"])
@pytest.mark.parametrize("lands_after", [None, 5.0])
@pytest.mark.parametrize("readings", [[DENIED], [None, DENIED], [DENIED, None, DENIED]])
def test_a_reading_back_that_is_denied_for_a_moment_is_done_again(
    fault: str, lands_after: float | None, readings: list[Trouble | None]
) -> None:
    """Whichever read it is: the write is found or sent again, and done once."""
    world = World(workspaces=1)
    world.wire.troubles = both(writes(Trouble(fault, lands_after)), reads_back(*readings))
    replay = world.apply(job())
    assert replay.count(Outcome.SUCCEEDED) == 1
    assert world.effects() == {"prod-0": 1}


def test_a_write_without_an_echo_is_read_back_until_it_shows() -> None:
    """An old server's 204, then a denied read: the write succeeded and is reported so."""
    world = World(workspaces=1, profile=NO_LIST_BY_TASK)
    # The plan and the execution read its list once each.
    world.wire.troubles = reads_back(None, None, DENIED)
    replay = world.apply(job())
    assert replay.count(Outcome.SUCCEEDED) == 1
    assert world.effects() == {"prod-0": 1}


def test_a_write_without_an_echo_that_never_shows_fails() -> None:
    """Denied forever after a 204: the reason has the answer and the denial."""
    world = World(workspaces=1, profile=NO_LIST_BY_TASK)
    gone = Trouble("slow", meanwhile=lambda: world.simulator.remove_workspace("prod-0"))
    world.wire.troubles = writes(gone)
    world.apply(job())
    ((_, result),) = world.results
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("the server accepted it (204), but it could not be read back: ")


@pytest.mark.parametrize("kind", ["attach", "update", "detach"])
def test_a_plan_does_not_take_a_denied_list_for_an_empty_one(kind: str) -> None:
    """If each workspace's own list is read: attachments are seen, a moment later."""
    world = World(workspaces=5, attached=True, profile=NO_LIST_BY_TASK)
    world.wire.troubles = reads_back(None, DENIED, None, DENIED, None)
    plan = world.plan(job(kind))
    assert [operation.before is not None for operation in plan.operations] == [True] * 5
    assert SETTLE < world.elapsed - world.pause < SETTLE + 2


def test_denied_lists_are_waited_for_together() -> None:
    """Deleted workspaces cost one wait in all, and count as without attachments."""
    world = World(workspaces=5, attached=True, profile=NO_LIST_BY_TASK)
    ids = list(world.simulator.world.workspaces)[:3]
    hidden = [endpoints.list_workspace_tasks(workspace_id).path for workspace_id in ids]
    world.wire.troubles = always(lambda request: request.path in hidden, Trouble("404"))
    plan = world.plan(job("detach"))
    assert len(plan.operations) == 2
    assert plan.denied == ""
    assert SETTLE < world.elapsed - world.pause < SETTLE + 2


def test_a_plan_says_that_no_run_task_can_be_read() -> None:
    """Nothing can be done if every workspace's list is denied."""
    world = World(workspaces=2, attached=True, profile=NO_LIST_BY_TASK)
    hidden = [endpoints.list_workspace_tasks(one).path for one in world.simulator.world.workspaces]
    world.wire.troubles = always(lambda request: request.path in hidden, Trouble("403"))
    plan = world.plan(job("detach"))
    assert (plan.operations, plan.denied) == ([], "the right to read run tasks")


def test_a_denied_list_does_not_count_as_detached() -> None:
    """A verification reads it again before it reports that nothing is attached."""
    world = World(workspaces=3, attached=True, profile=NO_LIST_BY_TASK)
    replay = world.apply(job("detach"))
    for name in world.names:
        world.simulator.attach(name, TASK)
    world.wire.troubles = reads_back(DENIED, DENIED, DENIED)
    verified = world.run(lambda: read_current(world.client(), replay, SETTLE))
    assert len(verified[""]) == 3
