"""No signal is lost: early, between two stages, or sent to PID 1 of a container."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.cli.run import start
from tests.cli.forked import SECONDS
from tests.cli.support import World, ended
from tests.conftest import Here

FIRST_OF_ALL = """
import signal, sys
take = signal.signal
def taken(number, handler):
    if number == signal.SIGTERM and "bulkops" in getattr(handler, "__module__", ""):
        print(*sys.modules)
        sys.exit()
    return take(number, handler)
signal.signal = taken
from bulkops.cli import main
main()
"""
"""Names every module that is imported before the handlers are there."""


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal, according to the system."""
    status = Path("/proc", str(pid), "status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


def until_caught(pid: int, number: signal.Signals) -> None:
    """Return as soon as a process has a handler for a signal."""
    deadline = time.monotonic() + SECONDS
    while not catches(pid, number):
        assert time.monotonic() < deadline


def child_of(process: subprocess.Popen[str]) -> int:
    """Return the pid of a process's only child."""
    path = Path("/proc", str(process.pid), "task", str(process.pid), "children")
    deadline = time.monotonic() + SECONDS
    while not (pids := path.read_text().split()):
        assert time.monotonic() < deadline
    return int(pids[0])


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Under nohup SIGHUP is ignored, which every process started here would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def as_pid_1(world: World) -> Callable[..., tuple[subprocess.Popen[str], int]]:
    """Start the command as PID 1 of a namespace; return ``unshare`` and the command's pid."""
    own = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        subprocess.run([*own, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no process may be PID 1 of a namespace here: {error}")

    def started(*arguments: str) -> tuple[subprocess.Popen[str], int]:
        process = world.start_program([*own, sys.executable, "-m", "bulkops", *arguments])
        return process, child_of(process)

    return started


Started = Callable[..., tuple[subprocess.Popen[str], int]]
proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")


def test_handlers_are_there_before_anything_else() -> None:
    """Before the command line, its libraries, logging and the event loop are imported."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_OF_ALL], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "bulkops.cli" in imported
    needless = {"click", "logging", "msgspec", "asyncio", "pathlib", "bulkops.errors"}
    assert imported & needless == set()


@proc
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_at_the_start_is_handled(world: World, number: signal.Signals, code: int) -> None:
    """A signal before the arguments are parsed ends the command without a request."""
    process = world.start_program([sys.executable, "-m", "bulkops", *world.applying])
    # Until then, SIGINT has Python's own handler.
    until_caught(process.pid, signal.SIGTERM if number == signal.SIGINT else number)
    process.send_signal(number)
    assert ended(process).code == code
    assert world.writes == 0
    assert not world.journal.exists()


@proc
def test_pid_1_handles_a_signal_at_its_start(world: World, as_pid_1: Started) -> None:
    """The kernel drops signals that PID 1 has no handler for: bulkops installs them first."""
    process, pid = as_pid_1(*world.applying)
    until_caught(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGTERM)
    assert ended(process).code == 143
    assert world.writes == 0


@proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_pid_1_handles_a_signal_while_it_plans(
    world: World, as_pid_1: Started, number: signal.Signals
) -> None:
    """Each signal ends the command, including SIGHUP."""
    struck = list[int]()

    def strike(request: Request) -> None:
        if request.path.endswith("/workspaces") and struck:
            os.kill(struck.pop(), number)

    world.simulator.before = strike
    process, pid = as_pid_1(*world.applying)
    struck.append(pid)
    assert ended(process).code == 128 + number
    assert not struck
    assert world.writes == 0


@proc
def test_pid_1_drains_its_job(world: World, as_pid_1: Started, here: Here) -> None:
    """As PID 1 it drains its job like any process; the same command resumes it."""
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    struck = list[int]()

    def strike(request: Request) -> None:
        if request.writes and world.writes == 3 and struck:
            os.kill(struck.pop(), signal.SIGTERM)

    world.simulator.before = strike
    process, pid = as_pid_1(*world.applying)
    struck.append(pid)
    done = ended(process)
    assert done.code == 143
    assert "stopped by SIGTERM" in done.out
    assert 4 <= world.writes < 12
    assert here(*world.applying).code == 0
    assert set(world.changed().values()) == {1}


@pytest.mark.parametrize("moment", ["__init__", "close"])
def test_a_signal_while_an_event_loop_opens_or_closes_is_handled(
    here: Here, world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The signal is not left to the system at either moment: nothing is planned or started."""
    real = getattr(asyncio.BaseEventLoop, moment)

    def struck(loop: asyncio.BaseEventLoop) -> None:
        monkeypatch.setattr(asyncio.BaseEventLoop, moment, real)
        os.kill(os.getpid(), signal.SIGTERM)
        real(loop)

    monkeypatch.setattr(asyncio.BaseEventLoop, moment, struck)
    assert here(*world.applying).code == 143
    assert world.writes == 0
    assert not world.journal.exists()


@pytest.mark.parametrize("place", ["with_unfinished_noted", "confirm_plan", "start_journal"])
def test_a_signal_whose_exception_got_lost_is_handled_later(
    here: Here, world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """If a destructor swallows a handler's exception, the next stage stops: nothing is sent."""
    real = getattr(start, place)

    def struck(*arguments: object) -> object:
        with suppress(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(start, place, struck)
    assert here(*world.applying).code == 143
    assert world.writes == 0
    assert world.journal.exists() == (place == "start_journal")
    monkeypatch.undo()


def test_under_nohup_a_closed_terminal_is_ignored(world: World) -> None:
    """A SIGHUP that is ignored at the start stays ignored to the end."""
    struck = list[int]()

    def strike(_request: Request) -> None:
        if struck:
            os.kill(struck[0], signal.SIGHUP)

    world.simulator.before = strike
    words = [sys.executable, "-m", "bulkops", *world.applying]
    process = world.start_program(["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *words])
    struck.append(process.pid)
    assert ended(process).code == 0
    assert world.all_desired()
