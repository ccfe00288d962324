"""``detach``: all attachments of the run task are removed, however many there are."""

from __future__ import annotations

import pytest

from bulkops.journal.states import Outcome
from bulkops.plan.undo import NOT_OURS, SURPLUS
from bulkops.report.model import exit_code
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import ADVISORY, MANDATORY, PATH, World, job
from tests.kinds import TASK

UNDO = PATH.with_name("undo.jsonl")


def twice() -> World:
    """Return a world in which the first of two workspaces has the run task three times."""
    world = World(workspaces=2, attached=True)
    world.simulator.attach("prod-0", TASK)
    world.simulator.attach("prod-0", TASK)
    return world


def test_every_attachment_of_a_workspace_is_detached() -> None:
    """There is one operation per attachment, each with its own key."""
    world = twice()
    plan = world.start(job("detach"))
    assert [(operation.kind, operation.target.name) for operation in plan.operations] == [
        ("detach.1", "prod-0"),
        ("detach.2", "prod-0"),
        ("detach.3", "prod-0"),
        ("detach", "prod-1"),
    ]
    assert len({operation.key for operation in plan.operations}) == 4
    replay = world.resume()
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 4)
    assert world.all_shown() == [[], []]


def test_a_run_task_attached_more_than_once_is_deleted() -> None:
    """``task-delete`` detaches each attachment first."""
    world = twice()
    replay = world.apply(job("task-delete"))
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 5)


@pytest.mark.parametrize("trouble", ["reset-before", "reset-after"])
def test_a_lost_answer_to_one_of_several_is_read_back_by_its_id(trouble: str) -> None:
    """The remaining attachments don't decide about the one whose DELETE was lost."""
    world = twice()
    world.wire.troubles = writes(Trouble(trouble))
    replay = world.apply(job("detach"))
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 4)
    assert world.all_shown() == [[], []]
    assert set(world.effects().values()) == {1, 3}


def test_a_failed_one_of_several_is_retried() -> None:
    """``--retry-failed`` finds an attachment by its id after the others are gone."""
    world = twice()
    world.start(job("detach", rollout={"max_failures": "100%"}))
    _, second, _ = world.simulator.attachments("prod-0", TASK)
    world.wire.troubles = always(
        lambda request: request.writes and request.path.endswith(second.id), Trouble("403")
    )
    replay = world.resume()
    assert exit_code(replay) == 3
    assert world.simulator.attachments("prod-0", TASK) == [second]
    world.wire.troubles = writes()
    replay = world.resume(retry_failed=True)
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 4)
    assert world.all_shown() == [[], []]


def test_the_undo_attaches_once() -> None:
    """Undo attaches the run task once, and the plan has a note about the others."""
    world = twice()
    world.apply(job("detach"))
    plan = world.start_undo(PATH, UNDO)
    assert [operation.verb for operation in plan.operations] == ["attach", "attach"]
    assert [skip.reason for skip in plan.skips] == [SURPLUS, SURPLUS]
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.all_shown() == [ADVISORY, ADVISORY]


@pytest.mark.parametrize("which", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}])
def test_the_undo_needs_no_attachment_that_is_one_of_several(which: set[int]) -> None:
    """As long as one that the job found is still attached, nothing is attached, nor blocked."""
    world = World(workspaces=1, attached=True)
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-0", TASK, stages=("pre_apply",))
    there = world.simulator.attachments("prod-0", TASK)
    left = {one.id for number, one in enumerate(there) if number not in which}
    world.wire.troubles = always(lambda r: r.path.rpartition("/")[2] in left, Trouble("403"))
    world.apply(job("detach", rollout={"max_failures": "100%"}))
    world.wire.troubles = lambda _request: None
    assert {one.id for one in world.simulator.attachments("prod-0", TASK)} == left
    plan = world.start_undo(PATH, UNDO)
    assert not plan.operations
    reasons = [SURPLUS if number in which else NOT_OURS for number in range(3)]
    assert [(skip.reason, skip.blocked) for skip in plan.skips] == [(r, False) for r in reasons]


def test_the_undo_attaches_what_this_job_removed() -> None:
    """Not the one of several that somebody else had detached before."""
    world = World(workspaces=1, attached=True)
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    world.start(job("detach"))
    first, _ = world.simulator.attachments("prod-0", TASK)
    del first.workspace.tasks[first.id], first.task.attached[first.id]
    assert exit_code(world.resume()) == 0
    plan = world.start_undo(PATH, UNDO)
    assert [skip.reason for skip in plan.skips] == [NOT_OURS]
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.all_shown() == [MANDATORY]


@pytest.mark.parametrize("changed_at", ["never", "before the job", "after the job"])
@pytest.mark.parametrize("attached", [False, True])
def test_the_undo_leaves_one_of_several_that_others_changed(
    changed_at: str, *, attached: bool
) -> None:
    """It is enough, too; if they attached another one, both are named."""
    world = World(workspaces=1, attached=True)
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    first, _ = world.simulator.attachments("prod-0", TASK)
    world.start(job("detach", rollout={"max_failures": "100%"}))
    world.wire.troubles = always(lambda r: r.path.endswith(first.id), Trouble("403"))
    if changed_at == "before the job":
        first.stages = ("pre_apply",)
    world.resume()
    world.wire.troubles = lambda _request: None
    if changed_at == "after the job":
        first.stages = ("pre_apply",)
    if attached:
        world.simulator.attach("prod-0", TASK)
    there = world.simulator.attachments("prod-0", TASK)
    plan = world.start_undo(PATH, UNDO)
    assert not plan.operations
    assert plan.skips[0].reason == NOT_OURS
    if attached:
        assert plan.skips[1].blocked
        assert all(one.id in plan.skips[1].reason for one in there)
    else:
        assert (plan.skips[1].reason, plan.skips[1].blocked) == (SURPLUS, False)


def test_an_undo_names_surplus_attachments_and_leaves_them() -> None:
    """Which of two attachments the job created is unknown, so both are named and stay."""
    world = World(workspaces=1)
    world.apply(job("attach"))
    world.simulator.attach("prod-0", TASK)
    plan = world.start_undo(PATH, UNDO)
    ids = ", ".join(one.id for one in world.simulator.attachments("prod-0", TASK))
    (skip,) = plan.skips
    assert not plan.operations
    assert skip.blocked
    assert f"2 attachments ({ids})" in skip.reason
