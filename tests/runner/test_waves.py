"""Waves: the steps between them, what stops a job, and where it resumes."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from itertools import groupby, pairwise

import anyio
import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import JournalWriteFailed
from bulkops.job.gate import GateCall
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import Exceeded, Outcome, Reached
from bulkops.report.model import exit_code, report
from bulkops.report.text import lines
from bulkops.runner.gate import RunGate
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import MANDATORY, PATH, World, job
from tests.kinds import TASK
from tests.runner.test_runner import interrupted, refusing
from tests.sampling import swept

WAVES = ["1", "50%", "100%"]
"""Of six workspaces: 1, 2 and 3 operations."""


def in_waves(**rollout: object) -> Job:
    """Return a job of three waves that tolerates all failures; ``rollout`` adds fields."""
    return job(rollout={"waves": WAVES, "max_failures": "100%", **rollout}, pace={"settle": "2s"})


def scripted(*statuses: int) -> tuple[RunGate, list[Mapping[str, str]]]:
    """Return a gate that returns these statuses in turn, and the list of its variables."""
    left, environments = list(statuses), list[Mapping[str, str]]()

    async def gate(call: GateCall) -> int:
        assert call.command == "check"
        environments.append(call.variables)
        return left.pop(0)

    return gate, environments


def history(world: World) -> list[str]:
    """Return how far each wave came, in order: ``1 open``, ``1 verified``, …."""
    return [f"{wave.number} {wave.held or wave.reached}" for wave in world.waves]


def ended(replay: Replay) -> tuple[str, int, int]:
    """Return how it ended, its exit code, and how many succeeded."""
    assert replay.ended is not None
    return replay.ended.how, exit_code(replay), replay.count(Outcome.SUCCEEDED)


def test_each_wave_is_verified_before_the_next() -> None:
    """A wave is written, then read, before the next wave is written."""
    world = World(workspaces=6)
    world.start(in_waves())
    since = len(world.wire.asked)
    assert ended(world.resume()) == ("complete", 0, 6)
    asked = groupby("w" if request.writes else "r" for request in world.wire.asked[since:])
    # A ping and a reading; one, two and three writes, a list after each wave.
    assert " ".join(f"{len(list(g))}{kind}" for kind, g in asked) == "2r 1w 1r 2w 1r 3w 1r"
    assert history(world) == [
        f"{n} {reached}" for n in (1, 2, 3) for reached in ("open", "verified", "passed")
    ]


def test_a_timed_pause_is_between_waves() -> None:
    """Three waves have two pauses; no request is sent during a pause."""
    world = World(workspaces=6)
    world.start(in_waves(pause="10m"))
    asked = list[float]()
    world.wire.spies.append(lambda _request: asked.append(world.now()))
    began = world.elapsed
    assert ended(world.resume()) == ("complete", 0, 6)
    assert 1200 < world.elapsed - began < 1210
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert sum(gap >= 600 for gap in gaps) == 2
    rests = [wave for wave in world.waves if wave.until]
    assert [wave.number for wave in rests] == [1, 2]
    assert rests[0].until.startswith("2026-11-24T21:10:0")


def test_a_manual_pause_ends_the_execution_until_continue() -> None:
    """Exit 6; the same command stays there, ``--continue`` runs up to the next pause."""
    world = World(workspaces=6)
    assert ended(world.apply(in_waves(pause="manual"))) == ("paused", 6, 1)
    assert ended(world.resume()) == ("paused", 6, 1)
    assert ended(world.resume(continue_paused=True)) == ("paused", 6, 3)
    assert ended(world.resume(continue_paused=True)) == ("complete", 0, 6)
    assert ended(world.resume(continue_paused=True)) == ("complete", 0, 6)
    assert set(world.effects().values()) == {1}


def test_a_gate_runs_after_each_wave_and_gets_the_jobs_state() -> None:
    """After the last one too; the state is in its environment."""
    world = World(workspaces=6)
    world.gate, environments = scripted(0, 0, 0)
    world.start(in_waves(gate="check"))
    refusing(world, names={"prod-1"})
    assert ended(world.resume()) == ("complete", 3, 5)
    assert [
        (t["BULKOPS_WAVE"], t["BULKOPS_SUCCEEDED"], t["BULKOPS_FAILED"]) for t in environments
    ] == [
        ("1", "1", "0"),
        ("2", "2", "1"),
        ("3", "5", "1"),
    ]
    assert {(t["BULKOPS_WAVES"], t["BULKOPS_JOB"]) for t in environments} == {("3", "scan")}
    assert environments[0]["BULKOPS_JOURNAL"] == str(PATH.absolute())


@pytest.mark.parametrize(
    ("status", "how", "code", "passes"), [(1, "gate", 4, False), (75, "paused", 6, True)]
)
def test_a_gate_holds_the_job(status: int, how: str, code: int, *, passes: bool) -> None:
    """Failed or inconclusive, it runs again; ``--continue`` skips only the latter."""
    world = World(workspaces=6)
    world.gate, environments = scripted(status, status, status, 0, 0, 0)
    assert ended(world.apply(in_waves(gate="check"))) == (how, code, 1)
    assert ended(world.resume()) == (how, code, 1)
    replay = world.resume(continue_paused=True)
    # After the first gate, the third status is the second wave's: the job stops there.
    assert ended(replay) == (how, code, 3 if passes else 1)
    assert ended(world.resume()) == ("complete", 0, 6)
    assert len(environments) == (5 if passes else 6)


def test_in_doubt_comes_before_paused() -> None:
    """Paused with an operation in doubt is exit 5, since it needs attention."""
    world = World(workspaces=6)
    world.start(in_waves(pause="manual"))
    lost = writes(Trouble("close-before"))
    world.wire.troubles = lambda r: (
        lost(r) or (Trouble("503") if "/workspaces/ws-" in r.path and not r.writes else None)
    )
    assert ended(world.resume()) == ("paused", 5, 0)
    world.wire.troubles = lambda _request: None
    assert ended(world.resume()) == ("paused", 6, 1)
    assert ended(world.resume(continue_paused=True)) == ("paused", 6, 3)


def test_operations_in_doubt_are_read_back_before_the_gate_runs_again() -> None:
    """Even if an earlier wave is open again: a wave doesn't change after its gate."""
    world = World(workspaces=6)
    world.gate, _ = scripted(0, 1)
    there = {w.name: w.id for w in world.simulator.world.workspaces.values()}

    def strike(request: Request) -> Trouble | None:
        if there["prod-0"] in request.path and request.writes:
            return Trouble("403")
        if there["prod-1"] in request.path:
            return Trouble("close-before" if request.writes else "503")
        return None

    world.wire.troubles = strike
    assert ended(world.apply(in_waves(gate="check"))) == ("gate", 4, 1)
    world.wire.troubles = lambda _request: None
    left = list[int]()

    async def gate(_call: GateCall) -> int:
        left.append(world.journaled().count(Outcome.IN_DOUBT))
        return 0

    world.gate = gate
    assert ended(world.resume(retry_failed=True)) == ("complete", 0, 6)
    assert left == [0, 0, 0]


def test_a_wave_may_have_its_own_tolerance() -> None:
    """It stops the job though the job's tolerance isn't exceeded; other waves use the job's."""
    world = World(workspaces=6)
    asked = in_waves(waves=["1", {"size": "50%", "max_failures": 0}, "100%"])
    world.start(asked)
    refusing(world, names={"prod-0", "prod-1"})
    replay = world.resume()
    assert (exit_code(replay), replay.count(Outcome.FAILED), replay.count(None)) == (4, 2, 3)
    assert report(replay).stopped == Exceeded(1, tolerated=0, of=2, wave=2)
    assert ended(world.resume()) == ("tolerance", 4, 1)
    assert ended(world.resume(continue_paused=True)) == ("complete", 3, 4)


def test_conflicts_found_at_the_start_count_in_their_own_wave() -> None:
    """One is in the second wave, which tolerates none: the first wave still runs."""
    world = World(workspaces=6)
    world.start(in_waves(waves=["1", {"size": "50%", "max_failures": 0}, "100%"]))
    world.simulator.attach("prod-2", TASK, stages=("pre_apply",))
    assert ended(world.resume()) == ("tolerance", 4, 1)
    assert ended(world.resume(continue_paused=True)) == ("complete", 3, 5)


def test_the_jobs_tolerance_covers_all_waves() -> None:
    """One failure in each of two waves is two; ``--continue`` counts from zero."""
    world = World(workspaces=6)
    world.start(in_waves(max_failures=1))
    refusing(world, names={"prod-0", "prod-1", "prod-5"})
    replay = world.resume()
    assert (exit_code(replay), replay.count(Outcome.FAILED)) == (4, 2)
    assert ended(world.resume(continue_paused=True)) == ("complete", 3, 3)


def test_drift_in_a_wave_stops_the_next() -> None:
    """The first wave is reverted outside the job: found, reported, and counted once."""
    world = World(workspaces=6)
    world.start(in_waves(max_failures=0))

    def undone(request: Request) -> None:
        if world.wire.writes and not request.writes:
            world.simulator.detach("prod-0", TASK)

    world.wire.spies.append(undone)
    replay = world.resume()
    assert ended(replay) == ("tolerance", 4, 1)
    assert [row.shows for row in report(replay).rows] == ["not attached", "", "", "", "", ""]
    world.wire.spies.remove(undone)
    assert ended(world.resume()) == ("tolerance", 4, 1)
    assert ended(world.resume(continue_paused=True)) == ("complete", 3, 6)


def test_retried_failures_run_in_waves_too() -> None:
    """Waves with failures are opened again, with their pauses and gates."""
    world = World(workspaces=6)
    world.gate, environments = scripted(*[0] * 9)
    world.wire.troubles = always(lambda request: request.writes, Trouble("404"))
    assert ended(world.apply(in_waves(gate="check"))) == ("complete", 3, 0)
    world.wire.troubles = lambda _request: None
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-2", TASK, enforcement_level="mandatory")
    assert world.resume(retry_failed=True).count(Outcome.SUCCEEDED) == 4
    # The second wave's have become skips: nothing of it is left to be carried out.
    assert [environment["BULKOPS_WAVE"] for environment in environments] == [
        "1",
        "2",
        "3",
        "1",
        "3",
    ]
    assert world.all_shown() == [MANDATORY] * 6


def test_an_undo_has_a_single_wave() -> None:
    """Without pause or gate."""
    world = World(workspaces=6)
    world.gate, environments = scripted(0, 0, 0)
    world.apply(in_waves(gate="check", pause="1h"))
    began, path = world.elapsed, PATH.with_name("undo.jsonl")
    world.start_undo(PATH, path)
    assert ended(world.resume(path=path)) == ("complete", 0, 6)
    assert len(environments) == 3
    assert world.elapsed - began < 60


@pytest.mark.parametrize("at", [30.0, 700.0])
def test_a_signal_ends_a_pause_and_the_next_execution_repeats_it(at: float) -> None:
    """Exit 130, and the next execution pauses for the full time."""
    world = World(workspaces=6)
    world.start(in_waves(pause="10m"))
    began = world.elapsed
    assert ended(interrupted(world, at, drain=5.0))[:2] == ("SIGINT", 130)
    assert world.elapsed - began < at + 6
    assert ended(world.resume()) == ("complete", 0, 6)
    assert world.elapsed - began > at + 600 * (2 if at < 600 else 1)


def test_a_signal_ends_a_gate_and_it_is_run_again() -> None:
    """The gate is cancelled, and its result doesn't count."""
    world = World(workspaces=6)
    runs = list[str]()

    async def endless(call: GateCall) -> int:
        runs.append(call.variables["BULKOPS_WAVE"])
        await anyio.sleep(3600 if len(runs) == 1 else 0)
        return 0

    world.gate = endless
    world.start(in_waves(gate="check"))
    assert ended(interrupted(world, 60.0, drain=5.0)) == ("SIGINT", 130, 1)
    assert ended(world.resume()) == ("complete", 0, 6)
    assert runs == ["1", "1", "2", "3"]


def test_a_gate_that_takes_too_long_is_inconclusive() -> None:
    """Paused, with the reason; resuming runs it again, ``--continue`` skips it."""
    world = World(workspaces=6)
    ends = list[float]()

    async def endless(_call: GateCall) -> int:
        try:
            await anyio.sleep(10_000)
        finally:
            ends.append(world.now())
        return 0

    world.gate = endless
    world.start(in_waves(gate="check", gate_timeout="90s"))
    began = world.elapsed
    replay = world.resume()
    assert ended(replay) == ("paused", 6, 1)
    assert 90 < ends[0] - began < 100
    assert world.waves[-1].status is None
    made = report(replay)
    assert made.wave is not None
    assert (made.wave.held, made.wave.reason) == (
        "inconclusive",
        "ended after gate_timeout = 90s",
    )
    words = "waits: its gate was inconclusive (ended after gate_timeout = 90s)"
    assert f"  wave 1 of 3 (operations 1 to 1) {words}" in list(lines(made))
    assert ended(world.resume()) == ("paused", 6, 1)
    assert ended(world.resume(continue_paused=True)) == ("paused", 6, 3)
    assert len(ends) == 3


def test_a_gate_may_run_for_an_hour_by_default() -> None:
    """Slightly less passes, slightly more is terminated."""
    for seconds, how in ((3_599, "complete"), (3_601, "paused")):
        world = World(workspaces=1)

        async def slow(_call: GateCall, seconds: int = seconds) -> int:
            await anyio.sleep(seconds)
            return 0

        world.gate = slow
        replay = world.apply(job(rollout={"gate": "check"}))
        assert ended(replay)[0] == how


def test_a_gate_call_has_its_folder_and_the_secrets_variable() -> None:
    """The journal has the job file's folder, and the HMAC key's variable is withheld."""
    world = World(workspaces=2)
    calls = list[GateCall]()

    async def gate(call: GateCall) -> int:
        calls.append(call)
        return 0

    world.gate = gate
    asked = in_waves(gate="check", gate_env=["TFE_TOKEN"], waves=[])
    world.apply(msgspec.structs.replace(asked, folder="/jobs"))
    (call,) = calls
    assert (call.folder, call.kept, call.secrets) == ("/jobs", ("TFE_TOKEN",), frozenset())
    assert world.journaled().header.folder == "/jobs"


def test_a_job_without_a_gate_records_no_folder() -> None:
    """Only a gate needs it."""
    world = World(workspaces=2)
    world.apply(msgspec.structs.replace(in_waves(), folder="/jobs"))
    assert world.journaled().header.folder == ""


def test_a_journal_without_waves_is_resumed() -> None:
    """One of an earlier version has no wave records: finished operations stay finished."""
    world = World(workspaces=3)
    world.apply(job())
    assert {wave.number for wave in world.waves} == {1}
    asked = len(world.wire.writes)
    assert world.resume().passed
    assert len(world.wire.writes) == asked


def each_wave_after_the_one_before(world: World) -> Callable[[Request], None]:
    """Return a spy that checks that a wave's writes find every wave before it passed."""
    ends = [1, 3, 6]

    def spy(request: Request) -> None:
        if not request.writes:
            return
        there = world.simulator.world.organizations["acme"].workspaces
        ids = [there[name].id for name in world.names]
        wave = next(n for n, end in enumerate(ends) if ids.index(request.path.split("/")[4]) < end)
        records = world.journaled().waves
        assert all(records[n].reached is Reached.PASSED for n in range(1, wave + 1))

    return spy


@pytest.mark.parametrize(
    ("dies_after", "what"), swept([False, True], ["request", "file call", "rest or gate"], every=2)
)
def test_killed_anywhere_no_wave_begins_early(what: str, *, dies_after: bool) -> None:
    """Killed at the Nth event, for every N: each gate runs, each change is made once."""
    for number in range(1, 120):
        world = World(workspaces=6)
        gates = list[str]()
        world.gate = dying(world, gates, number if what == "rest or gate" else 0)
        world.wire.spies.append(each_wave_after_the_one_before(world))
        world.start(in_waves(gate="check", pause="1m"))
        world.wire.dies_after = world.disk.dies_after = dies_after
        world.wire.die_at = len(world.wire.asked) + number if what == "request" else 0
        world.disk.die_at = len(world.disk.calls) + number if what == "file call" else 0
        replay = world.until_stopped()
        if replay is not None:
            break
        world.disk.power_on(keeping=0.5)
        assert ended(world.resume()) == ("complete", 0, 6)
        assert set(world.effects().values()) == {1}
        assert list(dict.fromkeys(gates)) == ["1", "2", "3"]
    else:
        raise AssertionError("the job never came to its end")
    assert number > {"request": 10, "file call": 30, "rest or gate": 3}[what]


def dying(world: World, gates: list[str], at: int) -> RunGate:
    """Return a passing gate; the machine stops while it runs for the ``at``-th time."""

    async def gate(call: GateCall) -> int:
        gates.append(call.variables["BULKOPS_WAVE"])
        if len(gates) == at:
            world.disk.cut_power()
            world.wire.died()
            await anyio.sleep(1)
        return 0

    return gate


def test_a_failing_disk_stops_every_wave() -> None:
    """Whichever call fails, the same command resumes where it was."""
    for number in range(1, 120):
        world = World(workspaces=6)
        world.wire.spies.append(each_wave_after_the_one_before(world))
        world.start(in_waves(gate="check"))
        world.disk.fail = {len(world.disk.calls) + number: errno.EIO}
        try:
            replay = world.resume()
        except JournalWriteFailed:
            world.disk.fail = {}
            replay = world.resume()
        else:
            break
        assert ended(replay) == ("complete", 0, 6)
        assert set(world.effects().values()) == {1}
    assert 30 < number < 119


HELD: dict[str, tuple[dict[str, object], int, str]] = {
    "manual": ({"pause": "manual"}, 0, "waits for --continue"),
    "fail": ({"gate": "check"}, 1, "was stopped by its gate (exit status 1)"),
    "inconclusive": ({"gate": "check"}, 2, "waits: its gate was inconclusive (exit status 2)"),
}


@pytest.mark.parametrize("held", HELD)
def test_a_report_shows_where_a_job_stopped(held: str) -> None:
    """Wave number, number of waves and reason, as values and as text."""
    rollout, status, words = HELD[held]
    world = World(workspaces=6)
    world.gate, _ = scripted(status)
    made = report(world.apply(in_waves(**rollout)))
    assert made.wave is not None
    assert (made.wave.number, made.wave.of, made.wave.held) == (1, 3, held)
    assert f"  wave 1 of 3 (operations 1 to 1) {words}" in list(lines(made))


def test_a_report_shows_the_wave_of_a_killed_job() -> None:
    """Only if it had started and not finished; not for finished or single-wave jobs."""
    world = World(workspaces=6)
    world.start(in_waves())
    world.wire.die_at = len(world.wire.asked) + 5
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    text = list(lines(report(world.journaled())))
    assert "  wave 2 of 3 (operations 2 to 3) is in progress" in text
    assert report(world.resume()).wave is None
    plain = World(workspaces=2)
    plain.start(job())
    assert report(plain.journaled()).wave is None
