"""``bulkops fleet watch`` beside the processes that run the fleet, and in virtual time."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from bulkops.api.messages import Request
from bulkops.cli.run.fleet_view.follow import follow_fleet
from bulkops.cli.run.fleet_view.shard import AGAIN
from bulkops.errors import ExitCode
from bulkops.fleet.outlook import QUIET_AFTER
from tests.cli.output.test_events import validated
from tests.cli.run.test_fleet import (
    APPLY,
    CANARY,
    NAMES,
    WORKSPACES,
    declare,
    journal_of,
    three_organizations,
)
from tests.cli.run.test_follow import Time
from tests.cli.support import TASK, Process, World, ended
from tests.cli.terminal import CTRL_C, held, on_terminal
from tests.conftest import Here

HEAD = "fleet: attach security-scan in 3 shards"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three organizations with three workspaces each, and a fleet file with all of them."""
    with three_organizations(tmp_path) as world:
        yield world


@pytest.fixture
def around(world: World, monkeypatch: pytest.MonkeyPatch) -> Time:
    """Virtual time for a watcher in the fleet's folder."""
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("TFE_ADDRESS", world.address)
    return Time()


def follow(around: Time, *, json: bool = False) -> ExitCode:
    """Watch the fleet in this process."""
    return follow_fleet(Path("fleet.toml"), json=json, trust_files=False, around=around.around())


def watching(world: World, *options: str) -> Process:
    """Start a watcher, without token and address."""
    return world.start("fleet", "watch", "fleet.toml", *options, TFE_TOKEN="")


def first_line(process: Process) -> str:
    """Wait for the first line on stdout."""
    assert process.stdout is not None
    return process.stdout.readline()


def begun(world: World, let_go: Event, shard: str) -> Process:
    """Start the fleet; ``held`` blocks one of its writes."""
    process = world.start(*APPLY, "--json")
    while not any(
        b'"type":"intent"' in path.read_bytes()
        for path in world.folder.glob(f".bulkops/fleet/{shard}/scan/*.jsonl")
    ):
        assert process.poll() is None
        assert not let_go.wait(0.02)
    return process


def test_it_shows_what_another_process_does_until_the_fleet_ends(world: World) -> None:
    """Results equal those of ``apply --json``, as do the reports and the exit code."""
    declare(world, CANARY)
    with held(world, 2) as let_go:
        job = begun(world, let_go, "acme-1")
        watcher, people = watching(world, "--json"), watching(world)
        assert first_line(people) == f"{HEAD}, in 2 waves\n"
        assert first_line(people).startswith("acme-1: Watching .bulkops/fleet/acme-1/scan/")
        head = first_line(watcher)
        let_go.set()
        applied, watched, read = ended(job), ended(watcher), ended(people)
    assert applied.code == watched.code == read.code == 0
    assert sorted(watched.err.splitlines()) == [
        f"{name}: done: 3 succeeded of 3 operations" for name in NAMES
    ]
    every = [validated(line) for line in (head, *watched.lines) if '"type":"progress"' not in line]
    results = [line for line in every if line["type"] == "result"]
    own = [line for line in applied.objects if line["type"] == "result"]
    by_shard = Counter((line["shard"], line["key"]) for line in own)
    assert Counter((line["shard"], line["key"]) for line in results) == by_shard
    assert every[9:] == applied.objects[-4:]
    assert "acme-1: succeeded  prod-3  mandatory at post_plan" in read.lines
    assert "acme-3: done: 3 succeeded of 3 operations" in read.lines
    assert read.lines[-1] == "Total: 9 succeeded of 9 operations"


def test_it_changes_nothing(world: World, here: Here) -> None:
    """No file is created or changed, no request is sent; it needs no address and no token."""
    assert here(*APPLY).code == 0
    below = sorted((path, path.stat().st_mtime_ns) for path in world.folder.rglob("*"))
    requests = world.requests
    done = here("fleet", "watch", "fleet.toml", TFE_TOKEN="")
    assert (done.code, done.err, world.requests) == (0, "", requests)
    assert done.lines == [
        HEAD,
        "",
        HEAD,
        *(f"  {name}  done: 3 succeeded of 3 operations" for name in NAMES),
        "",
        "Total: 9 succeeded of 9 operations",
    ]
    assert sorted((path, path.stat().st_mtime_ns) for path in world.folder.rglob("*")) == below


def test_a_shard_that_was_undone_is_shown_so(here: Here) -> None:
    """As ``fleet status`` shows it: in its line, in the totals and in the last event."""
    assert here(*APPLY).code == 0
    assert here("fleet", "undo", "fleet.toml", "--yes").code == 0
    watched, status = (here("fleet", which, "fleet.toml") for which in ("watch", "status"))
    assert watched.lines[2:] == status.lines
    assert f"  {NAMES[0]}  undone: 3 succeeded of 3 operations" in watched.lines
    *_, last = here("fleet", "watch", "fleet.toml", "--json").objects
    assert (last["states"], last["counts"]) == (dict.fromkeys(NAMES, "undone"), {})


def test_the_exit_code_is_the_worst(world: World, here: Here) -> None:
    """Here that of a shard that was stopped; the damaged journal of another one is worse."""
    world.simulator.remove_workspace("prod-2", organization="acme-2")
    assert here(*APPLY).code == 0
    journal = journal_of(world, "acme-3")
    text = journal.read_bytes()
    journal.write_bytes(text[:200] + b"?" + text[201:])
    done = here("fleet", "watch", "fleet.toml")
    assert done.code == 12
    assert "acme-3  failed\n" in done.out
    assert "Total: 5 succeeded of 5 operations" in done.out


def test_a_watcher_of_another_address_says_so(
    here: Here, around: Time, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for that one, and names the address of the journals that there are."""
    assert here(*APPLY).code == 0
    address = os.environ["TFE_ADDRESS"]
    monkeypatch.setenv("TFE_ADDRESS", "https://tfe.example.com")

    def correct() -> None:
        err = capsys.readouterr().err
        assert err.startswith(f"3 shards have journals for {address}, which are not shown")
        raise SystemExit

    around.at(1, correct)
    with pytest.raises(SystemExit):
        follow(around)


def test_a_shard_that_begins_later_appears(
    here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first one begins, it waits; in the end it has shown all of them."""

    def apply() -> None:
        before = capsys.readouterr().out.splitlines()
        assert before == [HEAD, "No shard has begun yet: waiting for the first one"]
        assert here(*APPLY).code == 0

    around.at(100, apply)
    assert follow(around) is ExitCode.DONE
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [f"{name}: done: 3 succeeded of 3 operations" for name in NAMES]
    assert out[-1] == "Total: 9 succeeded of 9 operations"
    assert 100 <= around.now < 100 + QUIET_AFTER


def test_shards_without_a_journal_are_known_from_the_rollouts_record(
    world: World, here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """One has nothing to do, one failed before it had a journal: exit 1, without any wait."""
    for name in WORKSPACES:
        world.simulator.attach(name, TASK, organization="acme-1", enforcement_level="mandatory")
    world.simulator.remove_task(TASK, organization="acme-2")

    def apply() -> None:
        assert here(*APPLY).code == 2

    around.at(3, apply)
    assert follow(around) is ExitCode.ERROR
    assert around.now < 3 + AGAIN
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[:2] == ["acme-1: done: nothing to do", "acme-2: failed"]
    assert lines[2].startswith("acme-2: job.toml: operation.task = ")
    assert "  acme-1  done: nothing to do\n  acme-2  failed\n" in shown.out
    assert shown.err == (
        "Fix what the line of acme-2 says, then run `bulkops fleet apply fleet.toml`.\n"
    )


def test_a_stop_is_known_from_its_object(
    world: World, here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no wait, and why is said; until ``--continue`` lifts it."""
    declare(world, CANARY)
    world.simulator.remove_task(TASK, organization="acme-1")
    assert here(*APPLY).code == 2
    assert follow(around) is ExitCode.ERROR
    assert around.now < 1
    shown = capsys.readouterr()
    assert shown.out.endswith("Total: no operations; 3 shards: 1 failed (acme-1), 2 not begun\n")
    head = "Stopped: 1 shard failed, max_failed_shards = 0 (.bulkops/fleet/stop-"
    further = "`bulkops fleet apply fleet.toml --continue` begins what is left.\n"
    assert shown.err.startswith(head)
    assert f": 2 shards did not begin. {further}Fix what the line of acme-1 says" in shown.err
    assert here(*APPLY, "--continue").code == 2
    assert follow(around) is ExitCode.ERROR
    shown = capsys.readouterr()
    assert "Stopped" not in shown.err
    assert "  acme-1  failed\n" in shown.out
    total = "Total: 6 succeeded of 6 operations; 3 shards: 2 done, 1 failed (acme-1)\n"
    assert shown.out.endswith(total)


def test_a_shard_that_does_not_begin_is_waited_for_no_longer_than_15_seconds(
    here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, and what to do."""
    assert here(*APPLY, "--shard", "1/3").code == 0
    assert follow(around) is ExitCode.ERROR
    assert QUIET_AFTER <= around.now < QUIET_AFTER + 3
    err = capsys.readouterr().err
    assert "acme-2 and 1 more did not begin, and no process seems to run. `bulkops fleet" in err


def test_a_killed_fleet_is_waited_for_and_then_reported(
    world: World, here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it is resumed meanwhile, it is followed on; else the exit code is 1."""
    declare(world, CANARY)
    assert world.kill(signal.SIGKILL, write=2, stage="after", arguments=APPLY).code == -9
    assert follow(around) is ExitCode.ERROR
    shown = capsys.readouterr()
    assert "acme-1  interrupted: " in shown.out
    assert "the process that ran this job is gone" in shown.out
    assert "bulkops resume" not in shown.out
    assert shown.err.endswith(
        "Not finished. `bulkops fleet apply fleet.toml` resumes every shard.\n"
    )
    again = Time()

    def apply() -> None:
        assert here(*APPLY).code == 0

    again.at(12, apply)
    assert follow(again) is ExitCode.DONE
    out = capsys.readouterr().out.splitlines()
    assert any(line.startswith("acme-1: Started again: pid ") for line in out)
    assert out[-1] == "Total: 9 succeeded of 9 operations"


def test_too_many_failures_end_it(world: World, here: Here, around: Time) -> None:
    """The shards that did not begin are not waited for."""
    declare(world, CANARY)
    limits = "[rollout]\nmax_failures = 0\n\n[pace]"
    world.job(('organization = "acme"\n', ""), ("[pace]", limits))

    def fail(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            world.simulator.remove_workspace("prod-1", organization="acme-1")

    world.simulator.before = fail
    assert here(*APPLY).code == 4
    assert follow(around) is ExitCode.STOPPED
    assert around.now < 3


def test_organizations_that_must_be_found_appear(
    world: World, here: Here, around: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their folders name them; one that may still begin is waited for."""
    declare(world, 'job = "job.toml"\norganizations = ["acme-[12]"]\n')

    def apply() -> None:
        assert here(*APPLY).code == 0

    around.at(3, apply)
    assert follow(around) is ExitCode.DONE
    assert capsys.readouterr().out.endswith("Total: 6 succeeded of 6 operations\n")
    assert around.now >= 3 + QUIET_AFTER


def test_a_signal_ends_it(world: World) -> None:
    """The fleet is not affected."""
    with held(world, 4) as let_go:
        job = begun(world, let_go, "*")
        watcher = watching(world)
        first_line(watcher)
        watcher.send_signal(signal.SIGTERM)
        done = ended(watcher)
        assert (done.code, done.err) == (
            143,
            "Stopped watching. The fleet itself is not affected.\n",
        )
        assert job.poll() is None
        let_go.set()
        assert ended(job).code == 0


def test_a_terminal_has_a_line_for_each_shard(world: World) -> None:
    """Ctrl-C leaves an empty screen; in the end only the report is left."""
    watch = ("fleet", "watch", "fleet.toml")
    with held(world, 4) as let_go:
        # While the server is held, not every shard may begin.
        job = begun(world, let_go, "*")
        with on_terminal(world, *watch) as other, on_terminal(world, *watch) as terminal:
            other.until("in flight")
            other.type(CTRL_C)
            assert other.ended() == 130
            assert other.cursor_is_there
            terminal.until("shards running")
            terminal.until("acme-3  ")
            assert "━" in terminal.text or "─" in terminal.text
            let_go.set()
            assert terminal.ended() == 0
            assert "━" not in terminal.text
            assert "  acme-2  done: 3 succeeded of 3 operations\n" in terminal.text
            assert terminal.cursor_is_there
        assert ended(job).code == 0
