"""A resumed job reads the server first, and respects changes made outside it."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import JobError, RunTaskGone, ServerBroken
from bulkops.job.job import Job
from bulkops.journal.identity import Identity, check_same
from bulkops.journal.states import Outcome
from bulkops.report.model import exit_code
from bulkops.simulator.state import WorkspaceTask
from tests.engine.scripts import METHODS, always, in_turn
from tests.engine.wire import Trouble
from tests.engine.world import MANDATORY, PATH, World, job
from tests.kinds import TASK

PATIENT = {"max_failures": "100%"}


def outcomes(world: World) -> dict[str, Outcome]:
    """Return the last outcome of each workspace."""
    return {operation.target.name: result.outcome for operation, result in world.results}


@pytest.mark.parametrize("kind", METHODS)
def test_a_target_set_outside_the_job_before_it_starts_is_skipped(kind: str) -> None:
    """Found as desired without an intent: not ours, and nothing is sent."""
    world = World(workspaces=2, attached=kind != "attach")
    world.start(job(kind))
    world.simulator.detach("prod-0", TASK)
    if kind != "detach":
        world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    replay = world.resume()
    assert outcomes(world) == {"prod-0": Outcome.SKIPPED, "prod-1": Outcome.SUCCEEDED}
    assert world.effects() == {"prod-1": 1}
    assert not world.results[0][1].ours
    assert exit_code(replay) == 0


@pytest.mark.parametrize("kind", METHODS)
def test_a_target_changed_outside_the_job_is_a_conflict(kind: str) -> None:
    """Planned from one state and found in another: left, and the reason shows it."""
    world = World(workspaces=2, attached=kind != "attach")
    world.start(job(kind, rollout=PATIENT))
    world.simulator.detach("prod-0", TASK)
    world.simulator.attach("prod-0", TASK, stages=("pre_apply",))
    replay = world.resume()
    assert outcomes(world) == {"prod-0": Outcome.CONFLICT, "prod-1": Outcome.SUCCEEDED}
    assert world.shown("prod-0") == [("advisory", ("pre_apply",))]
    assert world.results[0][1].reason.startswith("changed outside this job: the server shows ")
    assert exit_code(replay) == 3


def test_too_many_conflicts_at_the_start_stop_the_job() -> None:
    """They count as failures: nothing is sent until ``--continue``."""
    world = World(workspaces=3)
    world.start(job(rollout={"max_failures": 1}))
    for name in ("prod-0", "prod-1"):
        world.simulator.attach(name, TASK, stages=("pre_apply",))
    assert exit_code(world.resume()) == 4
    assert exit_code(world.resume()) == 4
    assert not world.wire.writes
    assert exit_code(world.resume(continue_paused=True)) == 3
    assert world.effects() == {"prod-2": 1}


def test_failures_are_retried_only_on_request() -> None:
    """The plain command leaves them; ``--retry-failed`` decides them again."""
    world = World(workspaces=4)
    world.wire.troubles = always(lambda request: request.writes, Trouble("404"))
    assert world.apply(job(rollout=PATIENT)).count(Outcome.FAILED) == 4
    world.wire.troubles = lambda _request: None
    assert world.resume().count(Outcome.FAILED) == 4
    assert not world.effects()
    world.simulator.attach("prod-0", TASK)
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    replay = world.resume(retry_failed=True)
    assert replay.count(Outcome.SUCCEEDED, Outcome.SKIPPED) == 4
    assert outcomes(world)["prod-1"] is Outcome.SKIPPED
    assert world.effects() == {"prod-0": 1, "prod-2": 1, "prod-3": 1}
    assert world.all_shown() == [MANDATORY] * 4
    assert len(replay.operations) == 4


def test_a_conflict_is_decided_again_on_request() -> None:
    """An attachment made otherwise outside the job is updated."""
    world = World(workspaces=1)
    world.start(job(rollout=PATIENT))
    world.simulator.attach("prod-0", TASK)
    assert world.resume().count(Outcome.CONFLICT) == 1
    assert world.resume(retry_failed=True).count(Outcome.SUCCEEDED) == 1
    assert [request.method for request in world.wire.writes] == ["PATCH"]


def test_duplicates_stay_a_conflict_when_decided_again() -> None:
    """Attached twice: blocked, and nothing is sent."""
    world = World(workspaces=1)
    world.start(job(rollout=PATIENT))
    for _ in range(2):
        world.simulator.attach("prod-0", TASK)
    for retry_failed in (False, True):
        assert world.resume(retry_failed=retry_failed).count(Outcome.CONFLICT) == 1
    assert "detach all but one" in world.results[-1][1].reason
    assert not world.wire.writes


def test_a_finished_job_is_verified_again_without_writes() -> None:
    """A later change is reported, not reverted."""
    world = World(workspaces=2)
    world.apply(job())
    world.simulator.detach("prod-0", TASK)
    replay = world.resume()
    assert replay.verified is not None
    assert replay.verified.verified == 1
    assert list(replay.verified.differing.values()) == ["not attached"]
    assert exit_code(replay) == 3
    assert len(world.wire.writes) == 2


def test_a_lagging_reading_is_repeated_before_it_counts() -> None:
    """Verification reads again after ``settle``: a lagging list is no difference."""
    world = World(workspaces=3)
    written = dict[str, WorkspaceTask]()

    def lagging(request: Request) -> Trouble | None:
        if len(world.wire.writes) < 3 or "relationships" not in request.path or written:
            return None
        # Answered without what was just written, as by a replica that is behind.
        written.update(world.task.attached)
        world.task.attached.clear()
        return Trouble("slow", meanwhile=lambda: world.task.attached.update(written))

    world.wire.troubles = lagging
    replay = world.apply(job())
    assert len(written) == 3
    assert replay.verified is not None
    assert not replay.verified.differing
    assert [r.path for r in world.wire.asked[-2:]] == [world.wire.asked[-1].path] * 2


def test_an_unreadable_server_is_an_error_in_the_journal() -> None:
    """Nothing was sent; the error is raised unchanged; the next execution does the work."""
    world = World(workspaces=2)
    world.start(job())
    world.wire.troubles = in_turn(lambda r: not r.writes, [Trouble("503")] * 30)
    with pytest.raises(ServerBroken):
        world.resume()
    assert not world.wire.writes
    after = world.journaled()
    assert after.ended is not None
    assert (after.ended.how, exit_code(after)) == ("error", 1)
    assert world.resume().count(Outcome.SUCCEEDED) == 2


def test_a_run_task_that_one_reading_does_not_show_is_not_gone() -> None:
    """Every list lags for a moment: the next reading shows the run task."""
    world = World(workspaces=2)
    world.start(job())
    tasks, own = world.simulator.world.tasks, world.simulator.world.organizations["acme"].tasks
    hidden, until = tasks.pop(world.task.id), world.elapsed + 5.0
    del own[TASK]

    def shown_again(_request: Request) -> None:
        if world.elapsed >= until:
            tasks[hidden.id] = own[TASK] = hidden

    world.wire.spies.append(shown_again)
    assert world.resume().count(Outcome.SUCCEEDED) == 2


def test_a_deleted_run_task_stops_the_job_before_the_first_write() -> None:
    """The list of run tasks lacks it; the journal records how it ended."""
    world = World(workspaces=2)
    world.start(job())
    world.simulator.remove_task(TASK)
    with pytest.raises(RunTaskGone, match="no longer exists in acme"):
        world.resume()
    assert exit_code(world.journaled()) == 13
    assert not world.wire.writes


def other_job() -> Job:
    """Return another job than ``job()``."""
    return job("attach", operation={"enforcement_level": "advisory"})


def identity(asked: Job) -> Identity:
    """Return what a journal must have in common with a job."""
    return Identity(asked.digest, asked.organization)


def test_a_job_resumes_its_journal_at_another_pace() -> None:
    """Rate, slots and ``settle`` may differ: it is the same job."""
    world = World(workspaces=1)
    world.start(job())
    header = world.journaled().header
    check_same(header, identity(job(pace={"rate": 1.0}, rollout=PATIENT)), PATH)


@pytest.mark.parametrize(
    ("header_says", "asked", "problem"),
    [
        (
            {},
            other_job(),
            r"another job. Finish it with `bulkops resume no-such-folder.job\.jsonl`",
        ),
        ({"organization": "other"}, job(), r"another organization \(other, not acme\)"),
    ],
)
def test_another_jobs_journal_is_refused(
    header_says: dict[str, str], asked: Job, problem: str
) -> None:
    """Another job or organization is named."""
    world = World(workspaces=1)
    world.start(job())
    header = msgspec.structs.replace(world.journaled().header, **header_says)
    with pytest.raises(JobError, match=problem):
        check_same(header, identity(asked), PATH)
