"""Killed, terminated, interrupted: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from bulkops.api.messages import Request
from bulkops.cli.signals import received
from bulkops.simulator.faults import Faults
from tests.cli.support import Process, World, ended
from tests.conftest import Here


def _each_once(world: World) -> None:
    """Every workspace is as desired, and each change was made exactly once."""
    assert world.all_desired()
    assert len(world.changed()) == 12
    assert set(world.changed().values()) == {1}


@pytest.mark.parametrize(
    ("write", "stage"),
    [(1, "before"), (1, "after"), (5, "before"), (7, "after"), (12, "after")],
)
def test_killed_and_run_again(world: World, here: Here, write: int, stage: str) -> None:
    """SIGKILL at the n-th write, before or after its effect: the same command ends the job."""
    killed = world.kill(signal.SIGKILL, write=write, stage=stage)
    assert killed.code == -signal.SIGKILL
    assert world.writes >= write - 1
    done = here(*world.applying)
    assert done.code == 0
    assert "  2 executions, the last one complete" in done.lines
    _each_once(world)


def test_killed_and_resumed(world: World, here: Here) -> None:
    """After SIGKILL, ``resume JOURNAL`` needs only the journal, the address and the token."""
    world.kill(signal.SIGKILL, write=6, stage="after")
    (world.folder / "job.toml").unlink()
    done = here("resume", "scan.jsonl", "--yes")
    assert done.code == 0
    _each_once(world)


def test_killed_over_and_over(world: World, here: Here) -> None:
    """A job that is killed at every fifth write still ends, and each change is made once."""
    world.job(("[pace]", "[pace]\nmax_at_once = 3"))
    deaths = 0
    while not world.all_desired():
        killed = world.kill(signal.SIGKILL, write=min(5, 12 - world.writes), stage="after")
        assert killed.code == -signal.SIGKILL
        deaths += 1
    assert deaths >= 2
    assert here(*world.applying).code == 0
    _each_once(world)


def test_killed_in_the_default_folder(world: World, here: Here) -> None:
    """Without ``--journal`` the same command finds the killed one's journal by itself."""
    world.kill(signal.SIGKILL, write=4, stage="after", arguments=("apply", "job.toml", "--yes"))
    assert here("apply", "job.toml", "--yes").code == 0
    _each_once(world)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_signal_drains_the_job(
    world: World, here: Here, number: signal.Signals, code: int
) -> None:
    """What is in flight is finished and recorded; exit 130, 143, or 129 if the terminal closed."""
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    stopped = world.kill(number, write=4, stage="before")
    assert stopped.code == code
    assert 4 <= world.writes < 12
    recorded = sum(line.startswith("succeeded") for line in stopped.lines)
    assert recorded == world.writes
    assert "Stopping: waiting up to 5 s for 2 operations in flight" in stopped.err
    assert "Not finished. `bulkops resume scan.jsonl` resumes it." in stopped.err
    assert f"  1 execution, stopped by {number.name}" in stopped.lines
    assert here("resume", "scan.jsonl", "--yes").code == 0
    _each_once(world)


def test_draining_has_an_end(world: World, here: Here) -> None:
    """What gets no answer within ``--drain-timeout`` is in doubt, and checked on resume."""
    world.simulator.faults = Faults.parse("POST:hang-after=100%", 0)
    stopped = world.kill(
        signal.SIGINT,
        write=5,
        stage="before",
        arguments=(*world.applying, "--drain-timeout", "0.1"),
    )
    assert stopped.code == 130
    assert "in doubt" in stopped.out
    world.simulator.faults = None
    assert here(*world.applying).code == 0
    _each_once(world)


def test_a_second_signal_stops_immediately(world: World, here: Here) -> None:
    """A second signal ends the command without waiting; the same command still resumes it."""
    world.simulator.faults = Faults.parse("POST:hang-after=100%", 0)
    observed = {"writes": 0}

    def first(process: Process, request: Request) -> None:
        observed["writes"] += request.writes
        if observed["writes"] == 12:
            world.simulator.after = None
            process.send_signal(signal.SIGINT)

    process = world.start_watched("after", first, *world.applying, "--drain-timeout", "600")
    assert process.stderr is not None
    while "Stopping: " not in (line := process.stderr.readline()):
        assert line, "it ended before the signal"
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    assert stopped.code == 130
    assert "Stopping immediately." in stopped.err
    world.simulator.faults = None
    assert here(*world.applying).code == 0
    _each_once(world)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_signal_while_reading_changes_nothing(
    world: World, command: str, number: signal.Signals, code: int
) -> None:
    """A signal while the plan is read: 130 or 143, no traceback, nothing changed, no journal."""
    world.simulator.faults = Faults.parse("GET:hang-before=100%", 0)

    def strike(process: Process, request: Request) -> None:
        if request.path.endswith("/tasks"):
            process.send_signal(number)

    yes = ("--yes",) if command == "apply" else ()
    stopped = ended(world.start_watched("before", strike, command, "job.toml", *yes))
    assert stopped.code == code
    assert stopped.err == "\nInterrupted: nothing was changed.\n"
    assert world.writes == 0
    assert not list(world.folder.rglob("*.jsonl"))


@pytest.mark.parametrize("read", ["/api/v2/tasks/", "/ping", "/relationships/"])
def test_a_signal_while_reading_again_is_resumable(world: World, here: Here, read: str) -> None:
    """A signal while a resumed job still reads: 130, nothing sent, and it can be resumed."""
    # One at a time: none that was on its way when it was killed arrives after it was counted.
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=3, stage="after")
    before = world.writes

    def strike(process: Process, request: Request) -> None:
        if read in request.path:
            world.simulator.faults = Faults.parse("GET:hang-before=100%,PING:hang-before=100%", 0)
            process.send_signal(signal.SIGINT)

    stopped = ended(world.start_watched("before", strike, *world.applying))
    assert stopped.code == 130
    assert world.writes == before
    world.simulator.before = world.simulator.faults = None
    assert here(*world.applying).code == 0
    _each_once(world)


@pytest.mark.parametrize("second", ["apply", "resume"])
def test_two_runners_of_one_journal(world: World, here: Here, second: str) -> None:
    """While one runs, another one is refused with 11, naming host, pid and start of the first."""
    world.simulator.faults = Faults.parse("POST:hang-before=100%", 0)
    first = world.start(*world.applying)
    assert first.stderr is not None
    while "Journal: " not in first.stderr.readline():
        pass
    arguments = world.applying if second == "apply" else ("resume", "scan.jsonl", "--yes")
    refused = here(*arguments)
    assert refused.code == 11
    assert f"on {socket.gethostname()}, pid {first.pid}, since 20" in refused.err
    assert here("status", "scan.jsonl").code == 0
    first.kill()
    ended(first)
    world.simulator.faults = None
    assert here(*arguments).code == 0
    _each_once(world)


def test_two_runners_in_the_default_folder(world: World, here: Here) -> None:
    """Without ``--journal`` the folder is locked: the second runner is refused with 11."""
    world.simulator.faults = Faults.parse("POST:hang-before=100%", 0)
    first = world.start("apply", "job.toml", "--yes")
    assert first.stderr is not None
    while "Journal: " not in first.stderr.readline():
        pass
    refused = here("apply", "job.toml", "--yes")
    assert refused.code == 11
    assert f"pid {first.pid}" in refused.err
    assert len(list(world.folder.rglob("*.jsonl"))) == 1
    os.kill(first.pid, signal.SIGKILL)
    ended(first)


def test_sigterm_is_handled_between_plan_and_job(here: Here) -> None:
    """An event loop that ends gives the signal back to the system: it must not stay there."""
    assert here("plan", "job.toml").code == 0
    assert signal.getsignal(signal.SIGTERM) == received.stop
