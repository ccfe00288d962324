"""Windows on the command line: what is printed, exit codes, a kill during a rest."""

from __future__ import annotations

import signal

from tests.cli.support import World, closed_now, ended
from tests.conftest import Here

ALWAYS = "00:00-24:00 UTC"
ENDING = (*("apply", "job.toml", "--journal", "scan.jsonl", "--yes"), "--exit-outside-window")


def windowed(world: World, window: str) -> None:
    """Write a job with a window."""
    world.job(("[pace]", f'[rollout]\nwindows = ["{window}"]\n[pace]'))


def test_a_plan_shows_its_windows(world: World, here: Here) -> None:
    """For people, and as JSON."""
    windowed(world, closed_now())
    assert f"    Windows: {closed_now()}" in here("plan", "job.toml").lines
    assert here("plan", "job.toml", "--json").objects[-1]["windows"] == [closed_now()]


def test_outside_its_windows_it_ends_with_6_and_says_what_goes_on_when(
    world: World, here: Here
) -> None:
    """Nothing is sent; the report, ``status`` and the last line say until when."""
    windowed(world, closed_now())
    done = here(*ENDING)
    assert (done.code, world.writes) == (6, 0)
    assert "Outside the windows: no operation begins until 20" in done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("Outside its windows until 20")
    assert last.endswith(
        "UTC. `bulkops resume scan.jsonl` resumes it then; started earlier, it rests until then."
    )
    status = here("status", "scan.jsonl")
    assert any(line.startswith("  outside its windows until 20") for line in status.lines)
    windowed(world, ALWAYS)
    assert here(*ENDING).code == 0
    assert world.all_desired()


def test_killed_while_it_rests_the_same_command_rests_again(world: World, here: Here) -> None:
    """No change is lost or made twice; with another window, the same journal is resumed."""
    windowed(world, closed_now())
    process = world.start(*world.applying)
    _until_it_rests(process.stderr)
    assert "  1 execution, running: pid" in here("status", "scan.jsonl").out
    assert "  outside its windows until 20" in here("status", "scan.jsonl").out
    watcher = world.start("watch", "scan.jsonl")
    _until_it_rests(watcher.stdout)
    watcher.send_signal(signal.SIGTERM)
    assert ended(watcher).code == 143
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    assert "outside its windows" not in here("status", "scan.jsonl").out
    process = world.start(*world.applying)
    _until_it_rests(process.stderr)
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 143
    assert world.writes == 0
    windowed(world, ALWAYS)
    done = here(*world.applying)
    assert "  3 executions, the last one complete" in done.lines
    assert world.all_desired()
    windowed(world, closed_now())
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert not any(world.shown().values())


def _until_it_rests(stream: object) -> None:
    assert stream is not None
    for line in stream:  # type: ignore[attr-defined]  # a process's pipe
        if line.startswith("Outside the windows"):
            return


def test_an_unknown_time_zone_is_named(world: World, here: Here) -> None:
    """With what may have been meant: exit 2, before any request."""
    windowed(world, "08:00-16:00 Europe/Berln")
    for command in (("check", "job.toml"), ("plan", "job.toml"), world.applying):
        done = here(*command)
        assert (done.code, world.requests) == (2, 0)
        assert done.err == (
            'Error: job.toml: rollout.windows[0] = "08:00-16:00 Europe/Berln": time zone '
            "Europe/Berln: not in this machine's time zone database. Did you mean Europe/Berlin?\n"
        )
