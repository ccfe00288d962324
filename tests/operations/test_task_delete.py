"""``task-delete``: the run task is detached everywhere, then deleted; all or nothing."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.api import endpoints
from bulkops.api.messages import Request, Response
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import NotFoundOrForbidden
from bulkops.journal.states import Outcome
from bulkops.operations import bind
from bulkops.operations.kinds.task_delete import TaskDeleteSpec
from bulkops.operations.model import (
    Observations,
    Observed,
    Operation,
    Resolved,
    Right,
    Skip,
    Target,
    TaskRef,
)
from bulkops.plan.current_state import read_current
from bulkops.report.model import exit_code
from bulkops.simulator.state import User
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK

PATIENT = {"max_failures": "100%"}


def test_each_cell_is_decided_by_the_table() -> None:
    """There is a detach per attachment, then a delete; a missing run task is a skip."""
    resolved = Resolved(organization="acme", task=TaskRef("task-1", TASK))
    kind = bind("task-delete", TaskDeleteSpec(task=TASK), resolved)
    attached = Observed("wstask-1", {"enforcement-level": "advisory", "stages": []})
    itself = Observed("task-1", {"name": TASK, "url": "https://x"})
    workspace, task = Target("ws-1", "prod"), Target("task-1", TASK)
    observations = {"": {"ws-1": [attached]}, "task": {"task-1": [itself]}}
    detach = Operation("task-delete", workspace, attached, None)
    assert kind.decide(workspace, observations) == [detach]
    assert kind.decide(Target("ws-2", "other"), observations) == []
    twice = kind.decide(workspace, {"": {"ws-1": [attached, Observed("wstask-2", {})]}})
    assert [one.kind for one in twice if isinstance(one, Operation)] == [
        "task-delete.1",
        "task-delete.2",
    ]
    delete = Operation("task-delete", task, itself, None, "task", ("task-delete:ws-1",))
    assert kind.decide(task, observations) == (delete,)
    gone = Skip(task, "the run task no longer exists")
    assert kind.decide(task, {"": {}, "task": {}}) == (gone,)
    assert kind.notes([detach, delete]) == (
        f"{TASK} will be lost on 1 workspace: 1 advisory at ",
        "this can't be undone: the run task and its 1 attachment will be lost",
    )
    assert kind.notes([]) == ()


def test_the_run_task_is_deleted_last() -> None:
    """The DELETE of the run task is sent after the last attachment is gone."""
    world = World(workspaces=7, attached=True)
    replay = world.apply(job("task-delete"))
    assert exit_code(replay) == 0
    assert replay.count(Outcome.SUCCEEDED) == 8
    paths = [request.path for request in world.wire.writes]
    assert paths.index(f"/api/v2/tasks/{world.task.id}") == 7


@pytest.mark.parametrize("manages", [frozenset({"prod-0"}), frozenset()])
def test_all_or_nothing_is_planned(manages: frozenset[str]) -> None:
    """If the token can't change one workspace, nothing is detached and the run task stays."""
    rights = User(name="engine", manage_workspace_run_tasks=manages)
    plan = World(workspaces=2, attached=True, rights=rights).plan(job("task-delete"))
    assert plan.operations == []
    *forbidden, last = plan.blocked
    assert {skip.reason for skip in forbidden} == {Right.RUN_TASKS.lacking}
    assert (last.target.name, "must come first, and can't be done" in last.reason) == (TASK, True)


def test_a_detach_that_fails_keeps_the_run_task_until_it_is_tried_again() -> None:
    """The delete is not tried until the failed detach is retried and succeeds."""
    world = World(workspaces=3, attached=True)
    world.start(job("task-delete", rollout=PATIENT))
    ident = world.simulator.world.organizations["acme"].workspaces["prod-1"].id
    world.wire.troubles = always(lambda r: r.writes and ident in r.path, Trouble("403"))
    replay = world.resume()
    assert (replay.count(Outcome.SUCCEEDED), replay.count(Outcome.FAILED)) == (2, 2)
    assert not any("/tasks/task-" in request.path for request in world.wire.writes)
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert world.effects() == dict.fromkeys([*world.names, TASK], 1)


def test_a_new_attachment_since_the_plan_is_a_conflict() -> None:
    """Its detach is not in the journal, so the delete stays a conflict, even when retried."""
    world = World(workspaces=2, attached=True)
    world.start(job("task-delete", rollout=PATIENT))
    world.simulator.add_workspace("late")
    world.simulator.attach("late", TASK)
    for replay in (world.resume(), world.resume(retry_failed=True)):
        (conflict,) = replay.having(Outcome.CONFLICT)
        assert conflict.result is not None
        assert "must come first, but isn't part of this plan" in conflict.result.reason
    assert not any("/tasks/task-" in request.path for request in world.wire.writes)


def test_a_new_attachment_during_the_job_is_refused_by_the_server() -> None:
    """The delete fails with the server's error."""
    world = World(workspaces=2, attached=True)
    world.simulator.add_workspace("late")
    world.start(job("task-delete", rollout=PATIENT))

    def attach() -> None:
        world.simulator.attach("late", TASK)

    world.wire.troubles = writes(Trouble("slow", meanwhile=attach))
    (failed,) = world.resume().having(Outcome.FAILED)
    assert failed.result is not None
    assert "still associated with 1 workspaces" in failed.result.reason


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_task_not_found_but_listed_is_asked_for_again(times: int) -> None:
    """The list may be stale: after ``settle`` the run task is gone, or its 404 is an error."""
    world = World(workspaces=0)
    replay = world.apply(job("task-delete"))
    listing = f"{endpoints.API}/organizations/acme/tasks"
    row = {"id": world.task.id, "type": "tasks", "attributes": {"name": TASK, "url": "https://x"}}
    stale = Response(200, {}, msgspec.json.encode({"data": [row]}))
    fresh, left = world.wire.send, [stale] * times

    async def lagging(request: Request, permit: Permit = ALWAYS) -> Response:
        return left.pop() if request.path == listing and left else await fresh(request, permit)

    world.wire.send = lagging  # type: ignore[method-assign]  # as such a server

    async def verified() -> Observations:
        return await read_current(world.client(), replay, 10.0)

    if times == 2:
        with pytest.raises(NotFoundOrForbidden):
            world.run(verified)
        return
    assert {aspect: dict(observed) for aspect, observed in world.run(verified).items()} == {
        "": {},
        "task": {},
    }


def test_it_is_deleted_though_some_of_several_attachments_were_detached_before() -> None:
    """Killed between two detaches from one workspace: the delete still comes after the second."""
    world = World(workspaces=1, attached=True)
    world.simulator.attach("prod-0", TASK)
    world.start(job("task-delete", rollout=PATIENT, pace={"max_at_once": 1}))
    world.wire.die_at = len(world.wire.asked) + 5  # a ping, two readings, two writes
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    assert len(world.shown("prod-0")) == 1
    assert exit_code(world.resume()) == 0
    assert not world.simulator.world.organizations["acme"].tasks
