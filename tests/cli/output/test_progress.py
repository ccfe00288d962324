"""The progress of an execution, its rate and its time left, as pure values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from bulkops.cli.output.progress.model import Doing, JobProgress, WaveProgress
from bulkops.cli.output.progress.speed import LATELY
from bulkops.cli.output.progress.tracker import ProgressTracker
from bulkops.cli.output.progress_text import Bar, bars, plain_line, standstill
from bulkops.job.rollout import Rollout
from bulkops.journal.records import (
    FORMAT,
    Header,
    Holder,
    Intent,
    Planned,
    Rest,
    Result,
    WaveReached,
)
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome, Reached
from bulkops.operations.model import Target
from bulkops.runner.activity import Activity

IDLE = Activity(
    in_flight=0,
    waiting=0,
    requests=0,
    retries=0,
    refused=0,
    limit=None,
    others_rate=0.0,
    pause_seconds=0.0,
)
BUSY = replace(IDLE, in_flight=3, limit=30.0)
DONE, FAILED, DOUBT = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.IN_DOUBT


class Journaled:
    """A journal's replay and the tracker of an execution, which take the same records.

    Args:
        before: outcomes of the first operations, by an earlier execution.
    """

    def __init__(
        self,
        operations: int,
        rollout: Rollout | None = None,
        before: Sequence[Outcome] = (),
        waves: Sequence[WaveReached] = (),
        rate: float | None = None,
    ) -> None:
        self.now = 100.0
        self.replay = Replay(HEADER)
        self.rollout = rollout or Rollout()
        for number in range(operations):
            target = Target(f"ws-{number}", f"prod-{number}")
            self.replay.take(Planned(f"attach:ws-{number}", target, None, {}))
        for number, outcome in enumerate(before):
            self.replay.take(Result(f"attach:ws-{number}", outcome, ""))
        for record in waves:
            self.replay.take(record)
        self.tracker = ProgressTracker(self.replay, self.rollout, rate)

    def done(self, *numbers: int, outcome: Outcome = DONE) -> None:
        """Record results of operations, by index."""
        for number in numbers:
            self.replay.take(Result(f"attach:ws-{number}", outcome, ""))

    def wave(self, number: int, reached: Reached, until: str = "") -> None:
        """Record a wave's progress."""
        wave = self.rollout.steps(len(self.replay.operations))[number - 1]
        record = WaveReached(number, wave.start, wave.end, reached, "", until=until)
        self.replay.take(record)
        self.tracker.reached(record, self.now)

    def look(self, activity: Activity = BUSY, after: float = 1.0) -> JobProgress:
        """Return its progress some seconds later."""
        self.now += after
        return self.tracker.look(self.now, activity)


HEADER = Header(
    format=FORMAT,
    run_id="bulkops-1",
    bulkops="0",
    created_at="",
    started_by=Holder("me", "here", 1, ""),
    address="",
    organization="acme",
    job={},
    digest="",
    task=None,
    single_stage=False,
    operations=0,
    skips=0,
)
THREE = Rollout(waves=("1", "50%"), pause="60s")
"""Of twelve operations: 1, 5 and 6."""


def test_results_are_counted_by_outcome() -> None:
    """An operation is done unless it is in doubt; a later success is counted once."""
    run = Journaled(6, before=[DONE])
    run.wave(1, Reached.OPEN)
    run.done(1, 2)
    run.done(3, outcome=FAILED)
    run.done(4, outcome=DOUBT)
    observed = run.look()
    assert (observed.done, observed.of) == (4, 6)
    assert observed.counts == {"succeeded": 3, "failed": 1, "in_doubt": 1}
    assert observed.waves == (WaveProgress(1, 6, 4),)
    run.done(4)
    run.done(5, outcome=DOUBT)
    assert run.look().counts == {"succeeded": 4, "failed": 1, "in_doubt": 1}
    run.done(5, outcome=DOUBT)
    assert run.look().counts == {"succeeded": 4, "failed": 1, "in_doubt": 1}


def test_an_unanswered_request_is_not_in_doubt_yet() -> None:
    """The journal can't distinguish it from what a killed execution left; a view can."""
    run = Journaled(2)
    run.wave(1, Reached.OPEN)
    run.replay.take(Intent("attach:ws-0", ""))
    assert run.look().counts == {}


def test_results_of_the_first_reading_count_in_any_wave() -> None:
    """Before anything is in flight, results may be of operations of later waves."""
    run = Journaled(12, THREE, before=[DONE], waves=[WaveReached(1, 0, 1, Reached.PASSED, "")])
    run.replay.take(WaveReached(2, 1, 6, Reached.OPEN, ""))
    assert run.look(IDLE).doing is Doing.READING
    run.done(1, 11, outcome=Outcome.SKIPPED)
    observed = run.look(IDLE)
    assert (observed.done, observed.doing) == (3, Doing.READING)
    assert [w.done for w in observed.waves] == [1, 1, 0]
    run.done(2)
    observed = run.look()
    assert (observed.doing, observed.wave, [w.done for w in observed.waves]) == (
        Doing.CARRYING_OUT,
        2,
        [1, 2, 0],
    )
    run.done(3)
    assert [w.done for w in run.look().waves] == [1, 3, 0]


def test_doubt_of_another_wave_counts_only_in_the_total() -> None:
    """Resolved during a later wave, it fills the total's bar, not that wave's."""
    run = Journaled(12, THREE, before=[DOUBT], waves=[WaveReached(1, 0, 1, Reached.PASSED, "")])
    run.wave(2, Reached.OPEN)
    run.done(0)
    assert [w.done for w in run.look().waves] == [1, 0, 0]
    run.done(1)
    observed = run.look()
    assert ([w.done for w in observed.waves], observed.done) == ([1, 1, 0], 2)


def test_a_follower_of_another_waves_doubt_counts_only_in_the_total() -> None:
    """Left pending by an earlier wave and carried out with this one, it is not this wave's."""
    run = Journaled(12, THREE, waves=[WaveReached(1, 0, 1, Reached.PASSED, "")])
    run.wave(2, Reached.OPEN)
    run.done(0, 1)
    observed = run.look()
    assert ([w.done for w in observed.waves], observed.done) == ([1, 1, 0], 2)


def test_a_retry_makes_no_rate_negative() -> None:
    """It is no longer in doubt, and has no new result yet."""
    run = Journaled(4, before=[DOUBT, DOUBT])
    run.wave(1, Reached.OPEN)
    for number in range(2):
        run.replay.take(Intent(f"attach:ws-{number}", ""))
    observed = run.look(after=3)
    assert (observed.rate, observed.counts, observed.done) == (0, {}, 0)
    run.done(0, 1)
    assert run.look(after=3).counts == {"succeeded": 2}


def test_a_whole_rollout_step_by_step() -> None:
    """Each step is shown: apply, verify, pause, gate, next wave, and the last reading."""
    run = Journaled(12, THREE)
    assert run.look(IDLE).doing is Doing.READING
    run.wave(1, Reached.OPEN)
    assert run.look(IDLE).doing is Doing.CARRYING_OUT
    assert run.look().doing is Doing.CARRYING_OUT
    run.done(0)
    assert run.look(IDLE).doing is Doing.VERIFYING
    run.wave(1, Reached.VERIFIED)
    run.wave(1, Reached.VERIFIED, until="2026-11-24T21:58:03.120Z")
    observed = run.look(IDLE, after=20)
    assert (observed.doing, observed.idle_seconds) == (Doing.PAUSING, 40)
    assert observed.until == "2026-11-24T21:58:03.120Z"
    assert run.look(IDLE, after=50).idle_seconds == 0
    run.wave(1, Reached.PAUSE_OVER)
    with run.tracker.at_gate():
        assert run.look(IDLE).doing is Doing.GATE
    observed = run.look(IDLE)
    assert (observed.doing, observed.until) == (Doing.VERIFYING, "")
    run.wave(1, Reached.PASSED)
    run.wave(2, Reached.OPEN)
    observed = run.look()
    assert (observed.doing, observed.wave, observed.done) == (Doing.CARRYING_OUT, 2, 1)
    for number in (2, 3):
        run.wave(number, Reached.PASSED)
    observed = run.look(IDLE)
    assert (observed.doing, observed.wave, observed.seconds_left) == (Doing.VERIFYING, 0, None)


def test_the_rate_is_a_recent_mean() -> None:
    """It is unknown until two seconds were measured, and kept during a pause."""
    run = Journaled(1000)
    run.wave(1, Reached.OPEN)
    run.done(*range(5))
    observed = run.look(after=1)
    assert observed.rate is None
    assert observed.seconds_left == pytest.approx(995 / 30)
    run.done(*range(5, 20))
    assert run.look(after=1).rate == pytest.approx(10)
    for second in range(20):
        run.done(*range(20 + 5 * second, 25 + 5 * second))
        run.look()
    assert run.look(after=0).rate == pytest.approx(5)
    assert run.look(IDLE, after=60).rate == pytest.approx(5)
    assert run.look(after=LATELY + 1).rate == pytest.approx(5)
    assert run.look(after=LATELY + 1).rate == 0
    assert run.look().seconds_left is None


def test_the_time_left_includes_pauses() -> None:
    """It is the rest at the recent rate, plus each pause between the waves to come."""
    run = Journaled(12, THREE)
    assert run.look(IDLE).seconds_left is None
    run.wave(1, Reached.OPEN)
    run.done(0)
    assert run.look(after=2).rate == 0.5
    assert run.look(after=0).seconds_left == pytest.approx(11 / 0.5 + 2 * 60)
    run.wave(1, Reached.VERIFIED, until="2026")
    assert run.look(IDLE, after=20).seconds_left == pytest.approx(11 / 0.5 + 40 + 60)
    run.wave(1, Reached.PAUSE_OVER)
    assert run.look(IDLE).seconds_left == pytest.approx(11 / 0.5 + 60)
    run.wave(1, Reached.PASSED)
    run.wave(2, Reached.OPEN)
    run.done(*range(1, 12))
    assert run.look(after=0.5).seconds_left == 60
    run.tracker.stopping(run.now + 5)
    observed = run.look(after=2)
    assert (observed.seconds_left, observed.drain_seconds) == (None, 3)
    assert run.look(after=9).drain_seconds == 0


def test_the_time_left_is_unknown_at_the_end_of_a_wave() -> None:
    """If all that is left of a wave is in flight, no time is shown, and the rate is kept."""
    run = Journaled(12, Rollout(waves=("50%",)))
    run.wave(1, Reached.OPEN)
    run.done(0, 1, 2)
    busy = run.look(replace(BUSY, in_flight=2), after=2)
    assert busy.seconds_left
    waiting = run.look(replace(BUSY, in_flight=3), after=60)
    assert (waiting.rate, waiting.seconds_left) == (busy.rate, None)


def test_the_time_left_ends_at_a_manual_pause() -> None:
    """If the job pauses itself, only the current wave is estimated."""
    run = Journaled(12, Rollout(waves=("50%",), pause="manual"))
    run.wave(1, Reached.OPEN)
    run.done(0, 1)
    run.done(2, outcome=DOUBT)
    observed = run.look(replace(BUSY, in_flight=2), after=2)
    assert observed.pauses
    assert observed.rate is not None
    assert observed.seconds_left == pytest.approx(3 / observed.rate)
    run.wave(1, Reached.PASSED)
    run.wave(2, Reached.OPEN)
    assert not run.look().pauses


@pytest.mark.parametrize(
    ("server", "job", "lower"),
    [(30.0, None, 30), (30.0, 10.0, 10), (None, 10.0, 10), (None, None, None), (5.0, 10.0, 5)],
)
def test_the_limit_is_the_lower_one(
    server: float | None, job: float | None, lower: float | None
) -> None:
    """It is the lower of the server's and the job's."""
    run = Journaled(1, rate=job)
    assert run.look(replace(IDLE, limit=server)).limit == lower


def test_an_empty_job_has_no_time_left() -> None:
    """A job with nothing to do has no time left."""
    observed = Journaled(0).look(IDLE)
    assert (observed.done, observed.of, observed.seconds_left) == (0, 0, None)
    assert bars(observed) == [Bar("all", 0, 0)]


MIDDLE = JobProgress(
    at=0.0,
    doing=Doing.CARRYING_OUT,
    done=120,
    of=300,
    counts={"succeeded": 119, "failed": 1},
    activity=replace(BUSY, in_flight=8, refused=3),
    rate=29.41,
    limit=30.0,
    wave=1,
    waves=(WaveProgress(1, 300, 120),),
    until="",
    idle_seconds=0.0,
    seconds_left=5.2,
    pauses=False,
    drain_seconds=None,
)


def test_a_plain_line_has_all_progress() -> None:
    """It has the number done, the rate, what is in flight, problems and the time left."""
    assert plain_line(MIDDLE) == (
        "  120 of 300 done, 29.4 per second (limit 30), 8 in flight, 1 failed, 429s: 3, "
        "about 6 s left"
    )
    assert plain_line(replace(MIDDLE, rate=None, seconds_left=None, activity=IDLE, counts={})) == (
        "  120 of 300 done"
    )
    waves = (WaveProgress(1, 100, 100), WaveProgress(2, 200, 20))
    sent_again = replace(BUSY, waiting=2, retries=4, settle_seconds=8.2)
    line = plain_line(
        replace(
            MIDDLE, waves=waves, wave=2, limit=None, pauses=True, counts={}, activity=sent_again
        )
    )
    assert line == (
        "  120 of 300 done (wave 2 of 2), 29.4 per second, 3 in flight (2 waiting 9 s to settle), "
        "retries: 4, about 6 s to the pause"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"doing": Doing.READING}, "Reading the current state"),
        ({"doing": Doing.VERIFYING}, "Verifying: reading the changes back"),
        ({"doing": Doing.GATE}, "Running the gate"),
        (
            {"doing": Doing.PAUSING, "idle_seconds": 299.5, "until": "2026-11-24T21:58:03Z"},
            "Pause between waves: 5 min left, until 2026-11-24 21:58:03 UTC",
        ),
        (
            {"drain_seconds": 3.2},
            "Stopping: waiting up to 4 s for 8 operations in flight",
        ),
        ({"drain_seconds": 3.2, "activity": IDLE}, "Stopping"),
        (
            {"activity": replace(BUSY, pause_seconds=0.84)},
            "Paused for 0.8 s: the server answered 429 (its limit is 30 per second)",
        ),
        (
            {"activity": replace(BUSY, pause_seconds=0.84, others_rate=7.9)},
            "Paused for 0.8 s: the server answered 429 "
            "(its limit is 30 per second, other clients use 8)",
        ),
        (
            {"activity": replace(IDLE, pause_seconds=2.0)},
            "Paused for 2.0 s: the server answered 429",
        ),
        (
            {"activity": replace(BUSY, pause_seconds=2.0, pause_status=503)},
            "Paused for 2.0 s: the server answered 503",
        ),
        (
            {
                "activity": replace(
                    BUSY,
                    pause_seconds=2.0,
                    outage_seconds=12.0,
                    outage_tolerated=300.0,
                    outage_reason="503 Service unavailable",
                )
            },
            "No answer from the server for 12 s (503 Service unavailable): waiting up to 5 min "
            "for it",
        ),
    ],
)
def test_a_standstill_has_a_reason(changes: dict[str, object], reason: str) -> None:
    """The plain line shows it, too; otherwise the reason is empty."""
    assert standstill(replace(MIDDLE, **changes)) == reason
    line = plain_line(replace(MIDDLE, **changes))
    assert reason.casefold() in line.casefold()


def test_a_wait_for_lost_answers_shows_its_length_and_no_rate() -> None:
    """While every operation in flight only waits to settle, the last rate means nothing."""
    settling = replace(IDLE, in_flight=2, waiting=2, settle_seconds=8.3)
    progress = replace(MIDDLE, activity=settling, seconds_left=None, counts={})
    assert plain_line(progress) == ("  120 of 300 done, waiting 9 s for 2 lost answers to settle")
    one = replace(settling, in_flight=1, waiting=1)
    assert standstill(replace(progress, activity=one)) == "Waiting 9 s for 1 lost answer to settle"


def test_the_time_left_is_no_shorter_than_the_wait() -> None:
    """The rest may take a second, but not before the lost answers have settled."""
    run = Journaled(12)
    run.wave(1, Reached.OPEN)
    settling = replace(BUSY, in_flight=2, waiting=2, settle_seconds=8.0)
    assert run.look(settling).seconds_left == 8.0


@pytest.mark.parametrize("doing", [Doing.READING, Doing.VERIFYING])
def test_a_wait_for_reads_shows_its_length_and_reason(doing: Doing) -> None:
    """Before the job starts, or when it verifies, what differs is read again after ``settle``."""
    again = replace(IDLE, settle_seconds=10.0, settle_reason="before re-reading what differs")
    progress = replace(MIDDLE, doing=doing, activity=again)
    assert standstill(progress) == "Waiting 10 s before re-reading what differs"


@pytest.mark.parametrize(
    ("waves", "current", "labels"),
    [
        (1, 1, ["all"]),
        (5, 2, ["wave 1", "wave 2", "wave 3", "wave 4", "wave 5", "all"]),
        (6, 1, ["wave 1", "wave 2", "wave 3", "waves 4 to 6", "all"]),
        (9, 5, ["waves 1 to 3", "wave 4", "wave 5", "wave 6", "waves 7 to 9", "all"]),
        (9, 3, ["wave 1", "wave 2", "wave 3", "wave 4", "waves 5 to 9", "all"]),
        (9, 9, ["waves 1 to 6", "wave 7", "wave 8", "wave 9", "all"]),
        (9, 0, ["waves 1 to 6", "wave 7", "wave 8", "wave 9", "all"]),
    ],
)
def test_waves_far_from_the_current_one_share_a_bar(
    waves: int, current: int, labels: list[str]
) -> None:
    """There are at most five bars and a total, and they include every operation."""
    shown = bars(
        replace(MIDDLE, wave=current, waves=tuple(WaveProgress(n + 1, 10, n) for n in range(waves)))
    )
    assert [bar.label for bar in shown] == labels
    assert [bar.current for bar in shown].count(True) == (current > 0 and waves > 1)
    if waves > 1:
        assert sum(bar.of for bar in shown[:-1]) == 10 * waves
        assert sum(bar.done for bar in shown[:-1]) == sum(range(waves))


def test_a_rest_outside_the_windows_is_shown_until_one_opens() -> None:
    """Then the job reads the server again before anything else begins."""
    journaled = Journaled(2)
    wall = datetime(2026, 11, 30, 6, 59, tzinfo=UTC)
    rest = Rest("", "2026-11-30T07:00:00Z", "2026-11-30T08:00:00+01:00", "Europe/Berlin")
    journaled.tracker.rests(rest, journaled.now, wall)
    assert journaled.look(IDLE).doing is Doing.CLOSED
    journaled.tracker.rests(Rest(""), journaled.now, wall)
    assert journaled.look(IDLE).doing is Doing.READING
