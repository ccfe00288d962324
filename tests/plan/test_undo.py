"""An undo reverts what the job did, and nothing else."""

from __future__ import annotations

import anyio
import pytest

from bulkops.errors import JobError
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS
from bulkops.operations.kinds.task_update import URL_IS_CALLED
from bulkops.plan.current_state import undo_recorded
from bulkops.plan.model import Plan
from bulkops.plan.undo import BACK, NOT_OURS, not_covered
from bulkops.report.model import exit_code
from bulkops.simulator.faults import FAULTS
from bulkops.simulator.profiles import PROFILES
from tests.engine.scripts import METHODS, always, writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World, job
from tests.engine.worlds import REVERSIBLE, check_done, everything, targets, world_for
from tests.kinds import CASES, TASK

UNDO = PATH.with_name("undo.jsonl")
AGAIN = PATH.with_name("undo-undo.jsonl")
PATIENT = {"max_failures": "100%"}


def reasons(plan: Plan) -> list[tuple[str, str, bool]]:
    """Return each skip's workspace, reason and whether it is blocked."""
    return [(skip.target.name, skip.reason, skip.blocked) for skip in plan.skips]


@pytest.mark.parametrize("kind", REVERSIBLE)
def test_undo_restores_the_state_before_the_job(kind: str) -> None:
    """For every target of every kind."""
    world = world_for(kind, 4)
    before = everything(world)
    world.apply(job(kind))
    assert everything(world) != before
    plan = world.start_undo(PATH, UNDO)
    assert len(plan.operations) == len(targets(world, kind)) * len(CASES[kind].writes)
    replay = world.resume(path=UNDO)
    assert exit_code(replay) == 0
    assert everything(world) == before


@pytest.mark.parametrize("kind", REVERSIBLE)
def test_the_undo_of_an_undo_is_the_job_again(kind: str) -> None:
    """An undo's journal is undone like any other."""
    world = world_for(kind, 4)
    world.apply(job(kind))
    after = everything(world)
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    world.start_undo(UNDO, AGAIN)
    assert exit_code(world.resume(path=AGAIN)) == 0
    assert everything(world) == after


def test_the_undo_of_a_new_url_notes_that_the_old_one_is_called() -> None:
    """As the job's own plan does."""
    world = world_for("task-update")
    plan = world.start(job("task-update"))
    world.resume()
    assert list(plan.notes) == [URL_IS_CALLED]
    assert list(world.start_undo(PATH, UNDO).notes) == [URL_IS_CALLED]


def test_a_second_undo_has_nothing_to_do() -> None:
    """Everything is as it was before already."""
    world = world_for("attach", 4)
    world.apply(job())
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    plan = world.start_undo(PATH, AGAIN)
    assert not plan.operations
    assert {reason for _, reason, _ in reasons(plan)} == {BACK}


def test_changes_outside_the_job_are_left_and_listed() -> None:
    """Changed, replaced or duplicated since: blocked. Detached since: skipped."""
    world = World(workspaces=4)
    world.apply(job())
    for name in ("prod-0", "prod-1", "prod-2"):
        world.simulator.detach(name, TASK)
    world.simulator.attach("prod-0", TASK, stages=("pre_apply",))
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    plan = world.start_undo(PATH, UNDO)
    assert [operation.target.name for operation in plan.operations] == ["prod-3"]
    changed = "changed outside this job: the server shows "
    assert reasons(plan) == [
        ("prod-0", changed + "advisory at pre_apply", True),
        ("prod-1", changed + "mandatory at post_plan", True),
        ("prod-2", BACK, False),
    ]


def test_undo_leaves_what_this_job_did_not_change() -> None:
    """A target set outside the job in the meantime stays."""
    world = World(workspaces=2)
    world.start(job())
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    world.resume()
    plan = world.start_undo(PATH, UNDO)
    assert [operation.target.name for operation in plan.operations] == ["prod-1"]
    assert reasons(plan) == [("prod-0", NOT_OURS, False)]


def test_a_change_since_the_undo_was_planned_is_a_conflict() -> None:
    """Every operation of an undo is checked at the server before it is sent."""
    world = World(workspaces=3)
    world.apply(job(rollout=PATIENT))
    world.start_undo(PATH, UNDO)
    world.simulator.detach("prod-0", TASK)
    world.simulator.attach("prod-0", TASK, stages=("pre_apply",))
    replay = world.resume(path=UNDO)
    assert replay.count(Outcome.CONFLICT) == 1
    assert exit_code(world.resume(path=UNDO, retry_failed=True)) == 3
    assert world.all_shown() == [[("advisory", ("pre_apply",))], [], []]


@pytest.mark.parametrize("kind", [*METHODS, "replace"])
@pytest.mark.parametrize("dies_after", [False, True])
@pytest.mark.parametrize("die_at", range(4, 8))
def test_the_undo_of_an_interrupted_job_undoes_what_was_done(
    kind: str,
    dies_after: bool,  # noqa: FBT001 - a parameter of the test
    die_at: int,
) -> None:
    """Killed anywhere and not resumed: undo restores operations done and in doubt."""
    world = world_for(kind, 4)
    before = everything(world)
    world.start(job(kind))
    world.wire.die_at = len(world.wire.asked) + die_at
    world.wire.dies_after = dies_after
    assert world.until_stopped() is None
    world.disk.power_on(keeping=0.0)
    plan = world.start_undo(PATH, UNDO)
    if plan.operations:
        assert exit_code(world.resume(path=UNDO)) == 0
    assert everything(world) == before


@pytest.mark.parametrize("kind", [*METHODS, "replace"])
@pytest.mark.parametrize("dies_after", [False, True])
def test_changes_that_the_job_made_since_are_counted(
    kind: str,
    dies_after: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """None while its undo is carried out; all that a resumed job adds."""
    world = world_for(kind, 4)
    world.start(job(kind))
    world.wire.die_at = len(world.wire.asked) + 5
    world.wire.dies_after = dies_after
    assert world.until_stopped() is None
    world.disk.power_on(keeping=0.0)
    undone = world.start_undo(PATH, UNDO)
    assert not_covered(world.journaled(), read(JournalFile(UNDO, world.disk)).replay) == 0
    left = sum(skip.reason == NOT_OURS for skip in undone.skips)
    world.resume()
    assert not_covered(world.journaled(), read(JournalFile(UNDO, world.disk)).replay) == left > 0


def test_a_late_effect_is_undone_too() -> None:
    """Operations in doubt have settled before the undo reads."""
    world = World(workspaces=1)
    world.start(job())
    world.wire.troubles = writes(Trouble("close-after", lands_after=9.0))

    async def interrupted() -> None:
        async with anyio.create_task_group() as both:
            both.start_soon(world.executed)
            await anyio.sleep(1.0)
            assert world.execution is not None
            world.execution.interrupt("SIGINT", 0.5)

    world.run(interrupted)
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    assert world.all_shown() == [[]]
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.all_shown() == [[]]


@pytest.mark.parametrize("kind", ["update", "replace"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_undo_survives_every_fault(kind: str, fault: str) -> None:
    """A fault at any of ten requests: the state before the job is restored."""
    world = world_for(kind, 8, faults=f"{fault}=10%")
    before = everything(world)
    world.apply(job(kind, rollout=PATIENT))
    for _ in range(3):
        world.resume(retry_failed=True)
    check_done(world, kind)
    world.start_undo(PATH, UNDO)
    for _ in range(4):
        world.resume(path=UNDO, retry_failed=True)
    assert everything(world) == before


def test_the_effect_of_a_failed_write_is_undone() -> None:
    """A write that failed by its echo had an effect: undone, even after a retry."""
    world = World(workspaces=2)
    world.start(job(operation={"stages": ["pre_plan", "post_plan"]}, rollout=PATIENT))
    world.simulator.profile = PROFILES["tfe-v202402-1"]
    assert world.resume().count(Outcome.FAILED) == 2
    assert world.all_shown() != [[], []]
    assert world.resume(retry_failed=True).count(Outcome.FAILED) == 2
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.all_shown() == [[], []]


def test_failed_operations_of_an_undo_are_retried_on_request() -> None:
    """``--retry-failed`` retries failures, but no conflicts."""
    world = World(workspaces=2)
    world.apply(job(rollout=PATIENT))
    world.start_undo(PATH, UNDO)
    world.wire.troubles = always(lambda request: request.writes, Trouble("404"))
    assert world.resume(path=UNDO).count(Outcome.FAILED) == 2
    world.wire.troubles = lambda _request: None
    assert world.resume(path=UNDO).count(Outcome.FAILED) == 2
    assert exit_code(world.resume(path=UNDO, retry_failed=True)) == 0
    assert world.all_shown() == [[], []]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in REVERSIBLE])
def test_a_job_that_can_not_be_undone_is_refused(kind: str) -> None:
    """Before anything is read."""
    world = world_for(kind, 2)
    world.apply(job(kind))
    world.wire.asked.clear()
    replay = read(JournalFile(PATH, world.disk)).replay
    with pytest.raises(JobError, match=f"scan: jobs of kind {kind} can't be undone"):
        world.run(lambda: undo_recorded(world.client(), replay, PATH))
    assert not world.wire.asked
