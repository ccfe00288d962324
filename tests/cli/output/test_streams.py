"""Unread, full or closed stdout and stderr do not stop a job."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request
from tests.cli.forked import SECONDS, Forked, left_pipe, program
from tests.cli.support import World, ended
from tests.conftest import Here
from tests.sampling import first

SHELL = "exec {command} {redirection}"
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


def redirected(world: World, redirection: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the real command as a shell does with this redirection."""
    command = shlex.join([sys.executable, "-m", "bulkops", *arguments])
    return world.start_program(
        ["/bin/sh", "-c", SHELL.format(command=command, redirection=redirection)]
    )


def how_it_ended(world: World) -> object:
    """Return how the last execution ended, by the journal."""
    return msgspec.json.decode(world.journal.read_bytes().splitlines()[-1])["how"]


@pytest.mark.parametrize("both", [False, True], ids=["stderr", "stdout and stderr"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_stops_a_job_whose_reader_is_gone(
    world: World, *, both: bool, number: signal.Signals, code: int
) -> None:
    """Ctrl-C also ends ``2>&1 | tee log``: the job drains, exits 130, and its journal is sound."""
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    reader, writer = os.pipe()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    process = Forked(
        world.order(*world.applying), stdout=writer if both else nowhere, stderr=writer
    )
    os.close(writer)
    os.close(nowhere)

    def strike(request: Request) -> None:
        if request.writes and world.writes == 3:
            world.simulator.before = None
            os.close(reader)
            process.send_signal(number)

    world.simulator.before = strike
    assert process.wait(SECONDS) == code
    assert how_it_ended(world) == number.name
    assert 4 <= world.writes < 12


@pytest.mark.parametrize(
    "options", [(), ("--json",)], ids=lambda options: "json" if options else "text"
)
def test_a_reader_that_leaves_does_not_stop_a_job(world: World, options: tuple[str, ...]) -> None:
    """``apply … 2>&1 | head -2``: the rollout continues to its end."""
    program(world.folder)
    command = shlex.join(["./bulkops", *world.applying, *options])
    done = ended(world.start_program(["/bin/sh", "-c", f"({command}; echo $? >code) 2>&1|head -2"]))
    assert len(done.lines) == 2
    assert (world.folder / "code").read_text() == "0\n"
    assert world.all_desired()


@pytest.mark.parametrize("redirection", first(2, ["<&- >&- 2>&-", ">&-", "2>&-", "<&-"]))
def test_closed_streams_do_not_stop_a_job(world: World, redirection: str) -> None:
    """A job needs no stream, and its journal never gets a closed stream's descriptor."""
    done = ended(redirected(world, redirection, *world.applying))
    assert done.code == 0
    assert world.all_desired()
    checked = world.run("journal", "check", world.journal.name)
    assert checked.code == 0


@pytest.mark.parametrize("redirection", [">&-", "2>&-"])
def test_a_closed_stdout_is_not_an_error(world: World, redirection: str) -> None:
    """A command that only shows something has nowhere to show it, and exits as usual."""
    world.apply()
    for arguments in (("plan", "job.toml"), ("status", "scan.jsonl"), ("--help",), ("--version",)):
        assert ended(redirected(world, redirection, *arguments)).code == 0


PRINTING = [
    ("task", "list", "--organization", "acme"),
    ("task", "show", "security-scan", "--organization", "acme"),
    ("workspace-task", "list", "prod-001", "--organization", "acme"),
    ("plan", "job.toml"),
    ("report", "scan.jsonl", "--format", "json"),
    ("status", "scan.jsonl"),
    ("task", "list", "--help"),
    ("--help",),
    ("--version",),
]


@full
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_behind_stdout_is_reported(world: World, arguments: tuple[str, ...]) -> None:
    """If output can't be written because the disk is full, one line reports it: exit 1."""
    if "scan.jsonl" in arguments:
        world.apply()
    with Path("/dev/full").open("w") as stdout:
        done = ended(Forked(world.order(*arguments), stdout=stdout.fileno()))
    assert done.code == 1
    assert done.err.startswith("Error: stdout: can't be written: No space left on device\n")


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_closed_pipe_is_not_reported(world: World, arguments: tuple[str, ...]) -> None:
    """If the reader of stdout leaves, the command exits 1 without a message."""
    if "scan.jsonl" in arguments:
        world.apply()
    done = ended(Forked(world.order(*arguments), stdout=(writer := left_pipe())))
    os.close(writer)
    assert done.code == 1
    assert "can't be written" not in done.err


@full
def test_a_full_stderr_keeps_the_exit_code(world: World) -> None:
    """If the error message can't be written, the exit code is the same."""
    assert ended(redirected(world, "2>/dev/full", "plan", "no-such-job.toml")).code == 2


def test_a_broken_installation_is_an_error_message(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a module can't be imported, the message names it without a traceback: exit 1."""
    monkeypatch.setitem(sys.modules, "bulkops.cli.app", None)
    done = here("--version")
    assert (done.code, done.out) == (1, "")
    assert "not completely installed" in done.err
    assert "bulkops.cli.app" in done.err
