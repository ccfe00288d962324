"""A job that its failure tolerance stopped sends nothing until ``--continue``."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.errors import BulkopsError
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.place import Hold
from bulkops.journal.reader import read
from bulkops.journal.records import Ended, Record
from bulkops.journal.replay import Replay, replay
from bulkops.journal.states import Exceeded, Outcome
from bulkops.plan.tolerance import exceeded, stopped_by_tolerance
from bulkops.report.current_wave import rollout_of
from bulkops.report.model import exit_code, report
from bulkops.runner.assignment import Instructions, LockedJournal, Observer
from bulkops.runner.execution import JobExecution
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import HOLDER, PATH, World, job
from tests.journal.samples import inline
from tests.runner.test_runner import interrupted, refusing


def one_at_a_time(**rollout: object) -> Job:
    """Return a job that bears one failure, and has one operation in flight."""
    return job(rollout={"max_failures": 1, **rollout}, pace={"max_at_once": 1, "settle": "2s"})


def stopped_world(*, workspaces: int = 8, failing: int = 6, **rollout: object) -> World:
    """Return a world whose job was stopped by its first two workspaces; more would fail."""
    world = World(workspaces=workspaces)
    world.start(one_at_a_time(**rollout))
    refusing(world, names={f"prod-{number}" for number in range(failing)})
    assert exit_code(world.resume()) == 4
    return world


def is_still_stopped(world: World) -> bool:
    """Return whether the plain command and a retry send nothing and leave the journal as it is."""
    asked, before = len(world.wire.asked), world.disk.content(PATH)
    for retry_failed in (False, True):
        made = report(world.resume(retry_failed=retry_failed))
        assert made.stopped is not None
    return (len(world.wire.asked), world.disk.content(PATH)) == (asked, before)


@pytest.mark.parametrize("strict", [False, True])
def test_nothing_is_sent_until_continue(*, strict: bool) -> None:
    """Not a single request; then failures count from zero, strict or not."""
    world = stopped_world(strict=strict)
    assert report(world.journaled()).stopped == Exceeded(2, tolerated=1, of=8)
    assert is_still_stopped(world)
    left = []
    for _ in range(3):
        assert exit_code(world.resume(continue_paused=True)) in (3, 4)
        replay = world.journaled()
        left.append((replay.count(Outcome.FAILED), replay.failures))
    assert left == [(4, 2), (6, 2), (6, 0)]
    assert exit_code(world.journaled()) == 3
    assert report(world.journaled()).stopped is None


def test_continue_may_retry_as_well() -> None:
    """With both options failures are retried; a success then no longer counts."""
    world = stopped_world(failing=2)
    refusing(world, names=set())
    assert is_still_stopped(world)
    replay = world.resume(retry_failed=True, continue_paused=True)
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED), replay.failures) == (0, 8, 0)
    assert set(world.effects().values()) == {1}


@pytest.mark.parametrize("dies_after", [False, True])
def test_killed_anywhere_what_exceeded_the_tolerance_holds(*, dies_after: bool) -> None:
    """Killed at the Nth file call, for every N: two failures on disk stop the job."""
    held = 0
    for number in range(1, 120):
        world = World(workspaces=8)
        world.start(one_at_a_time())
        refusing(world, names={f"prod-{number}" for number in range(8)})
        world.disk.dies_after = dies_after
        world.disk.die_at = len(world.disk.calls) + number
        done = world.until_stopped()
        if done is not None:
            break
        # Of the last group, that is the second failure without the end of the execution.
        world.disk.power_on(keeping=0.7)
        failed = world.journaled().count(Outcome.FAILED)
        if failed == 2:
            held += 1
            assert is_still_stopped(world)
        else:
            assert exit_code(world.resume()) == 4
        # One whose result was lost only waits at first, so that another one is in flight.
        assert 2 <= world.journaled().count(Outcome.FAILED) <= 3
        assert is_still_stopped(world)
    assert held >= 1


def test_failures_before_a_kill_count_after_it() -> None:
    """One failure, a power cut, one more: two, with a tolerance of one."""
    world = World(workspaces=8)
    world.start(one_at_a_time())
    refusing(world, names={"prod-0", "prod-2"})
    world.wire.die_at = len(world.wire.asked) + 6
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    assert world.journaled().count(Outcome.FAILED) == 1
    replay = world.resume()
    assert (exit_code(replay), replay.count(Outcome.FAILED)) == (4, 2)
    assert replay.count(None) == 5


def test_a_signal_while_draining_leaves_a_job_stopped() -> None:
    """Exit 130, and the next command refuses too."""
    world = World(workspaces=4)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 2}))
    refusing(world, names={"prod-1"})
    world.wire.troubles = writes(Trouble("close-before"))
    assert exit_code(interrupted(world, at=3.0, drain=1.0)) == 130
    assert is_still_stopped(world)


def test_an_error_while_draining_leaves_a_job_stopped() -> None:
    """The token of the operation in flight is refused: exit 1; the next command refuses."""
    world = World(workspaces=6, latency=0.5)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 2}))
    refusing(world, names={"prod-0"})

    def revoke(_request: object) -> None:
        if world.journaled().count(Outcome.FAILED):
            world.simulator.tokens = {}

    world.wire.spies.append(revoke)
    world.wire.troubles = writes(None, Trouble("close-before"))
    with pytest.raises(BulkopsError):
        world.resume()
    replay = world.journaled()
    assert replay.ended is not None
    assert (replay.ended.how, replay.failures) == ("error", 1)
    assert is_still_stopped(world)


def test_operations_in_doubt_count_by_their_later_result() -> None:
    """Two in doubt are tolerated, found done by the next execution, and no longer count."""
    world = World(workspaces=6)
    world.start(job(rollout={"max_failures": 2}, pace={"max_at_once": 1, "settle": "2s"}))
    lost = writes(Trouble("close-after"), Trouble("close-after"))
    world.wire.troubles = lambda r: (
        lost(r) or (Trouble("503") if "/workspaces/ws-" in r.path and not r.writes else None)
    )
    assert exit_code(world.resume()) == 5
    assert world.journaled().failures == 2
    world.wire.troubles = always(lambda request: request.writes, Trouble("404"))
    assert exit_code(world.resume()) == 0
    assert world.journaled().failures == 0


def test_operations_in_doubt_beyond_the_tolerance_stop_a_job() -> None:
    """They count until they are read back, which needs ``--continue``."""
    world = World(workspaces=6)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 1, "settle": "2s"}))
    lost = writes(Trouble("close-after"))
    world.wire.troubles = lambda r: (
        lost(r) or (Trouble("503") if "/workspaces/ws-" in r.path and not r.writes else None)
    )
    assert exit_code(world.resume()) == 4
    assert is_still_stopped(world)
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(continue_paused=True)) == 0
    assert set(world.effects().values()) == {1}


def test_continue_past_the_tolerance_does_not_skip_a_pause() -> None:
    """It applies to the one stop of the job; the pause comes later."""
    world = World(workspaces=6)
    world.start(one_at_a_time(waves=["3"], pause="manual", max_failures=0))
    refusing(world, names={"prod-0"})
    ends = []
    for continue_paused in (True, True, False, True):
        replay = world.resume(continue_paused=continue_paused)
        assert replay.ended is not None
        ends.append(str(replay.ended.how))
    assert ends == ["tolerance", "paused", "paused", "complete"]


def test_the_tolerance_stops_an_undo_as_well() -> None:
    """It has the job's tolerance."""
    world = World(workspaces=6)
    world.apply(one_at_a_time(max_failures=0))
    path = PATH.with_name("undo.jsonl")
    world.start_undo(PATH, path)
    world.wire.troubles = always(lambda request: request.writes, Trouble("404"))
    assert exit_code(world.resume(path=path)) == 4
    asked = len(world.wire.asked)
    assert exit_code(world.resume(path=path)) == 4
    assert len(world.wire.asked) == asked
    world.wire.troubles = lambda _request: None
    replay = world.resume(path=path, continue_paused=True)
    assert replay.count(Outcome.SUCCEEDED) == 5


def test_a_stop_holds_when_the_job_gets_a_higher_tolerance() -> None:
    """A stricter job stopped it, and the stop is in the journal."""
    world = World(workspaces=8)
    world.start(one_at_a_time(max_failures=5))
    refusing(world, names={"prod-0"})
    contents = read(JournalFile(PATH, world.disk))
    execution = JobExecution(
        world.client(),
        LockedJournal(
            Hold(LocalPlace(PATH), JournalFile(PATH, world.disk), HOLDER, inline), contents
        ),
        one_at_a_time(max_failures=0),
        Instructions(),
        Observer(),
    )
    assert exit_code(world.run(execution.run)) == 4
    assert is_still_stopped(world)


def of_records(*records: Record, patient: bool = False) -> tuple[Replay, Rollout]:
    """Return a stopped journal with more records, and its rollout."""
    world = stopped_world()
    taken: list[Record] = []
    read(JournalFile(PATH, world.disk), take=taken.append)
    made = replay([*taken[:-1], *records])
    rollout = rollout_of(made)
    return made, msgspec.structs.replace(rollout, max_failures=5) if patient else rollout


@pytest.mark.parametrize(
    ("how", "patient", "held"),
    [
        ("tolerance", False, True),
        ("tolerance", True, True),
        ("", False, True),
        ("", True, False),
        ("SIGTERM", False, True),
        ("error", True, False),
        ("complete", False, False),
    ],
)
def test_a_stop_in_a_0_1_journal_is_inferred_from_its_failures(
    how: str, *, patient: bool, held: bool
) -> None:
    """0.1 recorded how a job ended, but not the exceeded tolerance."""
    made, rollout = of_records(*([Ended("", how)] if how else []), patient=patient)
    assert (stopped_by_tolerance(made, rollout) is not None) is held


def test_failures_within_a_waves_tolerance_stop_nothing() -> None:
    """As many as it tolerates, during the pause after it."""
    rollout = {
        "waves": [{"size": "50%", "max_failures": 1}, "100%"],
        "max_failures": "100%",
        "pause": "manual",
    }
    world = World(workspaces=4)
    asked = job(rollout=rollout)
    world.start(asked)
    refusing(world, names={"prod-0"})
    replay = world.resume()
    assert (exit_code(replay), replay.failures) == (6, 1)
    assert exceeded(replay, asked.rollout) is None
