"""Waves, pauses and gates on the command line: output and exit codes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.cli.forked import SECONDS
from tests.cli.support import World, ended
from tests.conftest import Here

ROLLOUT = '[rollout]\nwaves = ["1", "50%"]\n'
"""Of twelve workspaces: 1, 5 and 6 operations."""


SOME = ("all = true", 'names = ["*"]')
"""The note in the plan of a job that attaches a run task everywhere."""


def in_waves(world: World, more: str = "") -> None:
    """Write a job of three waves, with ``more`` lines in ``[rollout]``."""
    world.job(SOME, ("[pace]", f"{ROLLOUT}{more}\n[pace]"))


def test_a_plan_shows_its_waves(world: World, here: Here) -> None:
    """How many operations each, the pause and the gate, for people and as JSON."""
    (world.folder / "check").touch(0o755)
    in_waves(world, 'pause = "5m"\ngate = "./check --quick"')
    lines = here("plan", "job.toml").lines
    assert lines[-6:-1] == [
        "    Waves: 1, 5, 6 operations",
        "    Pause between waves: 5m",
        "    Gate after each wave: ./check --quick",
        f"        (runs in {world.folder})",
        "",
    ]
    last = here("plan", "job.toml", "--json").objects[-1]
    assert (last["waves"], last["pause"], last["tolerated"]) == ([1, 5, 6], "5m", 1)
    assert last["gate"] == "./check --quick"
    world.job()
    done = here("plan", "job.toml")
    assert "Waves" not in done.out
    assert here("plan", "job.toml", "--json").objects[-1]["waves"] == [12]


def test_a_manual_pause_is_exit_6_and_continue_continues(world: World, here: Here) -> None:
    """The same command stays paused, asks and sends nothing; ``--continue`` continues."""
    in_waves(world, 'pause = "manual"')
    done = here(*world.applying)
    assert (done.code, world.writes) == (6, 1)
    assert "Wave 1 of 3: 1 operation" in done.err
    assert "Wave 1 of 3: verified, no drift" in done.err
    assert done.err.splitlines()[-1] == (
        "Paused after wave 1 of 3. `bulkops resume scan.jsonl --continue` continues past the pause."
    )
    again = here("apply", "job.toml", "--journal", "scan.jsonl")
    assert (again.code, world.writes) == (6, 1)
    assert here(*world.applying, "--continue").code == 6
    assert world.writes == 6
    status = here("status", "scan.jsonl")
    assert "  3 executions, the last one paused by the job" in status.lines
    assert "  wave 2 of 3 (operations 2 to 6) waits for --continue" in status.lines
    assert "Paused after wave 2 of 3" in status.err
    assert here("status", "scan.jsonl", "--json").objects[0]["exit_code"] == 6
    assert here("resume", "scan.jsonl", "--continue", "--yes").code == 0
    assert world.all_desired()
    assert "wave" not in here("report", "scan.jsonl").out


def test_without_a_terminal_resuming_needs_a_yes(world: World, here: Here) -> None:
    """``--continue`` alone is no yes."""
    in_waves(world, 'pause = "manual"')
    here(*world.applying)
    done = here("resume", "scan.jsonl", "--continue")
    assert (done.code, world.writes) == (2, 1)


def test_a_gate_is_run_and_its_output_is_not_a_result(world: World) -> None:
    """The gate's environment describes the job's progress; its output goes to stderr."""
    in_waves(
        world,
        """gate = 'echo "$BULKOPS_WAVE/$BULKOPS_WAVES $BULKOPS_SUCCEEDED $BULKOPS_FAILED \
$BULKOPS_JOB"; grep -c resul[t] "$BULKOPS_JOURNAL"'""",
    )
    done = world.apply()
    assert done.code == 0
    found = [line for line in done.err.splitlines() if line.endswith(" scan") or line.isdigit()]
    assert found == ["1/3 1 0 scan", "1", "2/3 6 0 scan", "6", "3/3 12 0 scan", "12"]
    assert "Wave 3 of 3: its gate passed" in done.err
    assert "scan\n" not in done.out


@pytest.mark.parametrize(
    ("status", "code", "words", "passed"),
    [(1, 4, "failed", False), (75, 6, "was inconclusive", True)],
)
def test_a_gate_stops_the_job(
    world: World, here: Here, status: int, code: int, words: str, *, passed: bool
) -> None:
    """Exit 4 or 6 with the way to continue; the default folder finds the paused journal again."""
    in_waves(world, f'gate = "test -e go || exit {status}"')
    done = here("apply", "job.toml", "--yes")
    assert (done.code, world.writes) == (code, 1)
    assert f"gate {'was inconclusive ' * passed}(exit status {status})" in done.err
    assert f"The gate of wave 1 of 3 {words}. `bulkops resume" in done.err
    assert ("--continue` continues past the gate" in done.err) is passed
    assert here("apply", "job.toml", "--yes", "--continue").code == code
    assert world.writes == (6 if passed else 1)
    (world.folder / "go").touch()
    assert here("apply", "job.toml", "--yes").code == 0
    assert world.all_desired()
    assert len(list(world.folder.rglob("*.jsonl"))) == 1


def test_the_last_gate_stops_a_job_that_has_nothing_left_to_do(world: World, here: Here) -> None:
    """All is carried out: the same command finds the journal and runs the gate again."""
    world.job(("[pace]", '[rollout]\ngate = "test -e go"\n[pace]'))
    assert here("apply", "job.toml", "--yes").code == 4
    assert world.all_desired()
    assert here("apply", "job.toml", "--yes").code == 4
    (world.folder / "go").touch()
    done = here("apply", "job.toml", "--yes")
    assert done.code == 0
    assert "Run the gate" not in done.out
    assert here("apply", "job.toml", "--yes").err.splitlines()[-1] == "Nothing to do."


def test_a_gate_that_can_not_be_run_is_inconclusive(world: World, here: Here) -> None:
    """The shell's 127, which could not be foreseen, is inconclusive."""
    in_waves(world, 'gate = "cd . && no-such-command-anywhere"')
    done = here(*world.applying)
    assert done.code == 6
    assert "inconclusive (exit status 127)" in done.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_the_gate(
    world: World, here: Here, number: signal.Signals, code: int
) -> None:
    """And whatever it started; the same command runs it again."""
    in_waves(world, "gate = 'test -e go || (echo $$ > shell; sleep 600 & echo $! > child; wait)'")
    process = world.start(*world.applying)
    assert process.stderr is not None
    child = world.folder / "child"
    deadline = time.monotonic() + SECONDS
    while not (child.exists() and child.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)  # another process's event: there is nothing to await
    process.send_signal(number)
    stopped = ended(process)
    assert (stopped.code, world.writes) == (code, 1)
    assert not _runs(int(child.read_text()))
    (world.folder / "go").touch()
    assert here(*world.applying).code == 0


def _runs(pid: int) -> bool:
    """Whether a process is there and not only its remains."""
    stat = Path("/proc", str(pid), "stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_signal_ends_a_pause(world: World, here: Here) -> None:
    """130, not finished, and the pause starts again."""
    in_waves(world, 'pause = "1h"')
    process = world.start(*world.applying)
    assert process.stderr is not None
    line = ""
    while "pauses until" not in line:
        line = process.stderr.readline()
    assert (
        here("status", "scan.jsonl")
        .lines[3]
        .startswith("  wave 1 of 3 (operations 1 to 1) pauses until 20")
    )
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    assert (stopped.code, world.writes) == (130, 1)
    assert "  wave 1 of 3 (operations 1 to 1) is verified" in stopped.lines
    assert "Not finished. `bulkops resume scan.jsonl` resumes it." in stopped.err
    in_waves(world)
    assert here(*world.applying).code == 0


def test_as_json_waves_are_objects_among_the_results(world: World, here: Here) -> None:
    """``type`` comes first, as in all objects; a job without waves has none."""
    in_waves(world, 'gate = "exit 3"')
    done = here(*world.applying, "--json")
    found = [value for value in done.objects if value["type"] == "wave"]
    assert [(w["number"], w["of"], w["reached"], w["held"]) for w in found] == [
        (1, 3, "open", ""),
        (1, 3, "verified", ""),
        (1, 3, "rested", "inconclusive"),
    ]
    report = done.objects[-1]
    assert report["ended"] == "paused"
    wave = report["wave"]
    assert isinstance(wave, dict)
    assert (wave["number"], wave["of"], wave["status"]) == (1, 3, 3)


def test_an_undo_has_no_waves(world: World, here: Here) -> None:
    """It has no pause and no gate either."""
    in_waves(world, 'gate = "test -e go"')
    (world.folder / "go").touch()
    here(*world.applying)
    (world.folder / "go").unlink()
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 0
    assert "Wave" not in done.err
    assert not any(world.shown().values())


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_plan_that_is_too_large_is_refused(world: World, here: Here, command: str) -> None:
    """Exit 2 with both numbers, before any question; the option overrides the job."""
    world.job(("[pace]", "[rollout]\nmax_operations = 11\n[pace]"))
    for arguments, most in (((), 11), (("--max-operations", "3"), 3)):
        done = here(command, "job.toml", *arguments)
        assert done.code == 2
        assert f"job.toml: 12 operations are planned, but max_operations allows {most}" in done.err
    assert world.writes == 0
    assert not list(world.folder.rglob("*.jsonl"))
    allowed = here("plan", "job.toml", "--max-operations", "12", "--detailed-exitcode")
    assert allowed.code == 2
    assert allowed.lines[-1].startswith("Plan: 12 to attach")


def test_a_plan_notes_that_strict_limits_the_pace(world: World, here: Here) -> None:
    """It is estimated from the measured latency, and noted only if strict limits the pace."""
    world.job(SOME, ("[pace]", "[rollout]\nmax_failures = 0\nstrict = true\n[pace]"))
    notes = here("plan", "job.toml", "--json").objects[-1]["notes"]
    # A server without a limit: one in flight instead of as many as there may be.
    assert isinstance(notes, list)
    assert notes[0].startswith("strict: at most 1 in flight; with the measured ")
    world.job(SOME, ("[pace]", "[rollout]\nmax_failures = 0\n[pace]"))
    assert here("plan", "job.toml", "--json").objects[-1]["notes"] == []
