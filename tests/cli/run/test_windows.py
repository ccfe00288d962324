"""Windows on the command line: what is printed, exit codes, a kill during a rest."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.cli.run.test_fleet import APPLY as FLEET_APPLY
from tests.cli.run.test_fleet import three_organizations
from tests.cli.support import World, closed_now, ended
from tests.conftest import Here

ALWAYS = "00:00-24:00 UTC"
ENDING = (*("apply", "job.toml", "--journal", "scan.jsonl", "--yes"), "--exit-outside-window")
NO_ORGANIZATION = ('organization = "acme"\n', "")


def windowed(world: World, window: str) -> None:
    """Write a job with a window."""
    world.job(("[pace]", f'[rollout]\nwindows = ["{window}"]\n[pace]'))


def test_a_plan_shows_its_windows(world: World, here: Here) -> None:
    """For people, and as JSON."""
    windowed(world, closed_now())
    assert f"    Windows: {closed_now()}" in here("plan", "job.toml").lines
    assert here("plan", "job.toml", "--json").objects[-1]["windows"] == [closed_now()]


def test_outside_its_windows_it_ends_with_6_before_any_request(world: World, here: Here) -> None:
    """A scheduler starts it often: it looks only at the clock, and says when a window opens."""
    windowed(world, closed_now())
    done = here(*ENDING)
    assert (done.code, world.requests, world.journal.exists()) == (6, 0, False)
    assert done.err.startswith("scan: outside its windows until 20")
    assert done.err.endswith("Nothing was sent or recorded: start the same command again then.\n")
    assert here("apply", "job.toml", "--yes", "--exit-outside-window").code == 6
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    asked = world.requests
    assert here("apply", "scan.plan", *ENDING[2:4], "--exit-outside-window").code == 6
    assert (world.requests, world.journal.exists()) == (asked, False)
    assert not (world.folder / ".bulkops" / "scan").exists()
    windowed(world, ALWAYS)
    assert here(*ENDING).code == 0
    assert world.all_desired()


def test_begun_and_outside_its_windows_it_records_nothing(world: World, here: Here) -> None:
    """The journal stays as it is, until a window opens; one that is finished needs none."""
    windowed(world, ALWAYS)
    world.kill(signal.SIGKILL, write=3, stage="after")
    windowed(world, closed_now())
    asked, recorded = world.requests, world.journal.read_bytes()
    done = here(*ENDING)
    assert (done.code, world.requests, world.journal.read_bytes()) == (6, asked, recorded)
    assert done.err.startswith("scan: outside its windows until 20")
    windowed(world, ALWAYS)
    assert here(*ENDING).code == 0
    assert world.all_desired()
    windowed(world, closed_now())
    assert here(*ENDING).code == 0


def test_a_fleet_outside_its_windows_sends_nothing(tmp_path: Path) -> None:
    """No shard is looked at, whatever is left there; the clock is the same for all."""
    with three_organizations(tmp_path) as world:
        window = f'[rollout]\nwindows = ["{closed_now()}"]\n[pace]'
        world.job(("[pace]", window), NO_ORGANIZATION)
        done = world.run(*FLEET_APPLY, "--exit-outside-window")
        assert (done.code, world.requests) == (6, 0)
        assert done.err.startswith("scan: outside its windows until 20")
        world.job(("[pace]", f'[rollout]\nwindows = ["{ALWAYS}"]\n[pace]'), NO_ORGANIZATION)
        assert world.run(*FLEET_APPLY).code == 0
        world.job(("[pace]", window), NO_ORGANIZATION)
        requests = world.requests
        assert world.run(*FLEET_APPLY, "--exit-outside-window").code == 6
        assert world.requests == requests


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
    asked, recorded = world.requests, world.journal.read_bytes()
    assert here("resume", "scan.jsonl", "--yes", "--exit-outside-window").code == 6
    assert (world.requests, world.journal.read_bytes()) == (asked, recorded)
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
