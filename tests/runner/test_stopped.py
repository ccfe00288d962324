"""A job that its failure tolerance stopped stands until somebody says ``--continue``."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.errors import BulkopsError
from bulkops.job.job import Job
from bulkops.job.rollout import Rollout
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


def stands(world: World) -> bool:
    """Return whether the plain command and a retry send nothing and leave the journal as it is."""
    asked, before = len(world.wire.asked), world.disk.content(PATH)
    for retry_failed in (False, True):
        made = report(world.resume(retry_failed=retry_failed))
        assert made.stopped is not None
    return (len(world.wire.asked), world.disk.content(PATH)) == (asked, before)


@pytest.mark.parametrize("strict", [False, True])
def test_nothing_is_sent_until_somebody_goes_on(*, strict: bool) -> None:
    """Not one request; who goes on has failures counted from zero, strict or not."""
    world = stopped_world(strict=strict)
    assert report(world.journaled()).stopped == Exceeded(2, tolerated=1, of=8)
    assert stands(world)
    left = []
    for _ in range(3):
        assert exit_code(world.resume(continue_paused=True)) in (3, 4)
        replay = world.journaled()
        left.append((replay.count(Outcome.FAILED), replay.failures))
    assert left == [(4, 2), (6, 2), (6, 0)]
    assert exit_code(world.journaled()) == 3
    assert report(world.journaled()).stopped is None


def test_who_goes_on_may_retry_as_well() -> None:
    """With both options what failed is tried again; what succeeds then is no failure any more."""
    world = stopped_world(failing=2)
    refusing(world, names=set())
    assert stands(world)
    replay = world.resume(retry_failed=True, continue_paused=True)
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED), replay.failures) == (0, 8, 0)
    assert set(world.effects().values()) == {1}


@pytest.mark.parametrize("dies_after", [False, True])
def test_killed_anywhere_what_exceeded_the_tolerance_holds(*, dies_after: bool) -> None:
    """Stopped at the Nth file call, for every N: with two failures on the disk it stands."""
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
        world.disk.power_on(keeping=0.5)
        failed = world.journaled().count(Outcome.FAILED)
        if failed == 2:
            held += 1
            assert stands(world)
        else:
            assert exit_code(world.resume()) == 4
        # One whose result was lost only waits at first, so that another one is in flight.
        assert 2 <= world.journaled().count(Outcome.FAILED) <= 3
        assert stands(world)
    assert held >= 2


def test_failures_before_a_kill_count_after_it() -> None:
    """One failure, a power cut, one more: that is two, and the tolerance is one."""
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


def test_a_signal_while_it_drains_leaves_it_stopped() -> None:
    """130, and the next command stands all the same."""
    world = World(workspaces=4)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 2}))
    refusing(world, names={"prod-1"})
    world.wire.troubles = writes(Trouble("close-before"))
    assert exit_code(interrupted(world, at=3.0, drain=1.0)) == 130
    assert stands(world)


def test_an_error_while_it_drains_leaves_it_stopped() -> None:
    """The token is refused to the one in flight: exit 1, and the next command stands."""
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
    assert stands(world)


def test_what_was_in_doubt_is_counted_by_what_becomes_of_it() -> None:
    """Two in doubt are borne, found done by the next execution, and count no longer."""
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


def test_in_doubt_beyond_the_tolerance_holds() -> None:
    """What nobody knows is a failure until somebody looks, and looking wants ``--continue``."""
    world = World(workspaces=6)
    world.start(job(rollout={"max_failures": 0}, pace={"max_at_once": 1, "settle": "2s"}))
    lost = writes(Trouble("close-after"))
    world.wire.troubles = lambda r: (
        lost(r) or (Trouble("503") if "/workspaces/ws-" in r.path and not r.writes else None)
    )
    assert exit_code(world.resume()) == 4
    assert stands(world)
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(continue_paused=True)) == 0
    assert set(world.effects().values()) == {1}


def test_going_on_past_the_tolerance_does_not_skip_a_pause() -> None:
    """It holds for the one place at which the job stands: the pause comes after it."""
    world = World(workspaces=6)
    world.start(one_at_a_time(waves=["3"], pause="manual", max_failures=0))
    refusing(world, names={"prod-0"})
    ends = []
    for continue_paused in (True, True, False, True):
        replay = world.resume(continue_paused=continue_paused)
        assert replay.ended is not None
        ends.append(str(replay.ended.how))
    assert ends == ["tolerance", "paused", "paused", "complete"]


def test_an_undo_stands_as_well() -> None:
    """Its tolerance is the job's, and so is what holds it."""
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


def test_a_stop_holds_whatever_tolerance_the_job_has_since() -> None:
    """A stricter job stopped it; the journal's own tolerance would bear it, and it stands."""
    world = World(workspaces=8)
    world.start(one_at_a_time(max_failures=5))
    refusing(world, names={"prod-0"})
    contents = read(PATH, world.disk)
    execution = JobExecution(
        world.client(),
        LockedJournal(PATH, contents, HOLDER, world.disk, inline),
        one_at_a_time(max_failures=0),
        Instructions(),
        Observer(),
    )
    assert exit_code(world.run(execution.run)) == 4
    assert stands(world)


def of_records(*records: Record, patient: bool = False) -> tuple[Replay, Rollout]:
    """Return a stopped journal with more records, and its rollout."""
    world = stopped_world()
    taken: list[Record] = []
    read(PATH, world.disk, take=taken.append)
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
def test_a_journal_of_before_says_it_by_its_failures(
    how: str, *, patient: bool, held: bool
) -> None:
    """0.1 wrote how it ended, and not by what it was stopped."""
    made, rollout = of_records(*([Ended("", how)] if how else []), patient=patient)
    assert (stopped_by_tolerance(made, rollout) is not None) is held


def test_failures_that_a_wave_bears_stop_nothing() -> None:
    """As many as it tolerates, while the job rests after it."""
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
