"""``watch`` in its own process, beside the one that runs the job."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
from tests.cli.output.test_events import validated
from tests.cli.run.test_two_runners import running
from tests.cli.support import Process, World, ended
from tests.cli.terminal import CTRL_C, held, on_terminal
from tests.conftest import Here

WITHIN = 10
"""Seconds within which it reports that the writer is gone."""

IN_WAVES = ("[pace]", '[rollout]\nwaves = ["1", "50%"]\nmax_failures = 12\n[pace]')


@pytest.fixture
def in_waves(world: World) -> World:
    """A job of three waves: 1, 5 and 6 operations."""
    world.job(IN_WAVES)
    return world


def begun(world: World, let_go: Event) -> Process:
    """Start the job; ``held`` blocks one of its writes."""
    process = world.start(*world.applying, "--json")
    while not (world.journal.exists() and b'"type":"intent"' in world.journal.read_bytes()):
        assert not let_go.wait(0.02)
    return process


def watching(world: World, *options: str) -> Process:
    """Start a watcher, without token and address."""
    return world.start("watch", "scan.jsonl", *options, TFE_TOKEN="", TFE_ADDRESS="")


def first_line(process: Process) -> str:
    """Wait for the first line on stdout."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_shows_what_another_process_does_until_it_ends(in_waves: World) -> None:
    """Results and waves equal those of ``apply --json``, as do the report and the exit code."""
    gone = "prod-003"
    with held(in_waves, 4, lambda: in_waves.simulator.remove_workspace(gone)) as let_go:
        job = begun(in_waves, let_go)
        watcher, people = watching(in_waves, "--json"), watching(in_waves)
        assert first_line(people).startswith("scan: attach security-scan in acme (")
        let_go.set()
        applied, watched, read = ended(job), ended(watcher), ended(people)
    assert applied.code == watched.code == read.code == 3
    kept = [line for line in applied.lines if validated(line)["type"] in ("result", "wave")]
    assert [line for line in watched.lines if validated(line)["type"] != "progress"] == [
        *kept,
        applied.lines[-1],
    ]
    assert f"failed     {gone}  mandatory at post_plan  (404" in read.out
    assert "  11 succeeded, 1 failed of 12 operations" in read.lines
    assert "`bulkops resume scan.jsonl --retry-failed`" in read.err


def test_it_changes_nothing(world: World, here: Here) -> None:
    """No file is created or changed and no request is sent; it needs no address and no token."""
    with running(world):
        before = sorted(world.folder.iterdir()), world.journal.stat()
        watcher = watching(world)
        first_line(watcher)
        watcher.send_signal(signal.SIGTERM)
        done = ended(watcher)
        assert done.code == 143
        assert done.err == "Stopped watching. The job itself is not affected.\n"
        after = world.journal.stat()
        assert sorted(world.folder.iterdir()) == before[0]
        assert (after.st_mtime, after.st_size) == (before[1].st_mtime, before[1].st_size)
    world.journal.with_name("scan.jsonl.lock").unlink()
    requests = world.requests
    assert here("resume", "scan.jsonl", "--yes").code == 0
    assert world.requests > requests
    requests = world.requests
    assert here("watch", "scan.jsonl", TFE_TOKEN="", TFE_ADDRESS="").code == 0
    assert world.requests == requests


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_it(world: World, number: signal.Signals, code: int) -> None:
    """Immediately, with the signal's exit code, since there is nothing to drain."""
    with running(world) as job:
        watcher = watching(world)
        first_line(watcher)
        watcher.send_signal(number)
        assert ended(watcher).code == code
        assert job.poll() is None


def test_a_killed_writer_is_reported_within_ten_seconds(world: World, here: Here) -> None:
    """Exit 1, and how to resume; the same for a writer that was killed long ago."""
    with running(world) as job:
        watcher = watching(world)
        first_line(watcher)
        job.kill()
        killed = time.monotonic()
        done = ended(watcher)
        assert time.monotonic() - killed < WITHIN
    assert done.code == 1
    host = socket.gethostname()
    assert f"scan.jsonl: the process that ran this job is gone (pid {job.pid} on {host}" in done.err
    assert "`bulkops resume scan.jsonl` resumes it." in done.err
    again = here("watch", "scan.jsonl")
    assert (again.code, again.err) == (1, done.err)
    with locked(world.journal, Holder("ann", "build-7", 1, "")):
        watcher = watching(world)
        line = first_line(watcher)
    assert line.startswith("scan: ")
    assert ended(watcher).code == 1


@pytest.fixture
def copied(in_waves: World) -> Iterator[Path]:
    """A copy of the journal that follows it in pieces of any size."""
    place, over = in_waves.folder / "elsewhere.jsonl", Event()
    place.touch()

    def copy() -> None:
        draw = random.Random(14)
        while not over.wait(draw.choice([0.001, 0.02, 0.1])):
            if in_waves.journal.exists():
                size = place.stat().st_size
                part = in_waves.journal.read_bytes()[size : size + draw.choice([1, 90, 4000])]
                with place.open("ab") as file:
                    file.write(part)

    copier = Thread(target=copy)
    copier.start()
    yield place
    over.set()
    copier.join()


def test_a_copy_in_pieces_is_watched(in_waves: World, copied: Path) -> None:
    """From an empty file to the end, although the writer's lock is on another file."""
    with held(in_waves, 4) as let_go:
        watcher = in_waves.start("watch", copied.name, "--json")
        job = begun(in_waves, let_go)
        let_go.set()
        applied, watched = ended(job), ended(watcher)
    assert (applied.code, watched.code) == (0, 0)
    assert watched.lines[-1] == applied.lines[-1]
    results = [line for line in applied.lines if line.startswith('{"type":"result"')]
    assert [line for line in watched.lines if line.startswith('{"type":"result"')] == results


def test_a_terminal_has_the_live_view(in_waves: World) -> None:
    """On stdout: bars and what is in flight; in the end, only the report is left."""
    with held(in_waves, 4) as let_go:
        job = begun(in_waves, let_go)
        with on_terminal(in_waves, "watch", "scan.jsonl") as terminal:
            terminal.until("  1/1\n")
            terminal.until("in flight")
            assert "\n  wave 1  ━━━" in terminal.text
            assert "\n  wave 3  ───" in terminal.text
            let_go.set()
            assert terminal.ended() == 0
            assert "━" not in terminal.text
            assert "  12 succeeded of 12 operations\n" in terminal.text
            assert terminal.cursor_is_there
            assert "succeeded  prod-" not in terminal.output
        assert ended(job).code == 0


def test_ctrl_c_on_a_terminal_ends_the_view_alone(in_waves: World) -> None:
    """The view is gone, the cursor is back, and the job continues."""
    with held(in_waves, 4) as let_go:
        job = begun(in_waves, let_go)
        with on_terminal(in_waves, "watch", "scan.jsonl") as terminal:
            terminal.until("in flight")
            terminal.type(CTRL_C)
            assert terminal.ended() == 130
            assert "━" not in terminal.text
            assert "Stopped watching. The job itself is not affected." in terminal.text
            assert terminal.cursor_is_there
        let_go.set()
        assert ended(job).code == 0


def test_a_reader_that_leaves_ends_it(in_waves: World) -> None:
    """As for any command: exit 1 without a message."""
    with held(in_waves, 4) as let_go:
        job = begun(in_waves, let_go)
        watcher = watching(in_waves, "--json")
        assert watcher.stdout is not None
        watcher.stdout.readline()
        watcher.stdout.close()
        let_go.set()
        done = ended(watcher)
        assert (done.code, done.err) == (1, "")
        assert ended(job).code == 0


def test_a_stop_from_the_keyboard_leaves_the_terminal_in_order(in_waves: World) -> None:
    """Ctrl-Z removes the view while the process is stopped; it is back when it continues."""
    with held(in_waves, 4) as let_go:
        job = begun(in_waves, let_go)
        with on_terminal(in_waves, "watch", "scan.jsonl", fresh=True) as terminal:
            terminal.until("in flight")
            terminal.process.send_signal(signal.SIGTSTP)
            terminal.until_gone("in flight")
            assert terminal.cursor_is_there
            os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until("in flight")
            let_go.set()
            assert terminal.ended() == 0
        assert ended(job).code == 0


@pytest.mark.parametrize(
    ("name", "output", "code"),
    [
        ("none.jsonl", "can't be read: No such file or directory", 2),
        ("job.toml", "is a job file, not a journal", 2),
        (".", "can't be read: Is a directory", 2),
        ("pipe", "not a regular file", 2),
    ],
)
def test_a_file_that_is_not_a_journal_is_refused_immediately(
    world: World, here: Here, name: str, output: str, code: int
) -> None:
    """The same as for ``status``: there is nothing to wait for."""
    os.mkfifo(world.folder / "pipe")
    done, status = here("watch", name), here("status", name)
    assert (done.code, done.out) == (code, "")
    assert output in done.err
    assert (status.code, status.err) == (done.code, done.err)
