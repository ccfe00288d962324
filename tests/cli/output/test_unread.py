"""Unread streams, neither closed nor full, delay no rollout and no signal."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.simulator.faults import Faults
from tests.cli.forked import SECONDS, Forked
from tests.cli.support import TASK, StagedSimulator, World, serving
from tests.cli.terminal import CTRL_C, held, on_terminal
from tests.conftest import Here

WAITING = "stdout is not being read: no further operation starts until it is."
STOP, GO = b"\x13", b"\x11"
"""Ctrl-S and Ctrl-Q."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """240 workspaces with names so long that a plan and its results fill pipe and queue."""
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    simulator.add_organization("acme")
    for number in range(240):
        simulator.add_workspace(f"prod-{number:03}-{'x' * 80}")
    simulator.add_task(TASK)
    with serving(simulator) as address:
        yield World(simulator, address, tmp_path)


class Unread:
    """A command, and a pipe of 64 kB that is not read at first.

    Args:
        full: whether the pipe is already full.

    Attributes:
        process: the command.
    """

    def __init__(
        self,
        world: World,
        *arguments: str,
        out: bool = True,
        err: bool = False,
        full: bool = False,
    ) -> None:
        self._reader, writer = os.pipe()
        self._filling = filled(writer) if full else 0
        nowhere = os.open(os.devnull, os.O_WRONLY)
        self.process = Forked(
            world.order(*arguments),
            stdout=writer if out else nowhere,
            stderr=writer if err else None if out else nowhere,
        )
        os.close(writer)
        os.close(nowhere)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()
        if self._reader >= 0:
            os.close(self._reader)

    def until(self, line: str) -> None:
        """Read stderr, which is not the pipe, up to a line."""
        assert self.process.stderr is not None
        while not (output := self.process.stderr.readline()).startswith(line):
            assert output, f"{line!r} was never said"

    def strike(self, world: World, *, write: int, faults: str = "") -> None:
        """Send SIGTERM at the n-th write; from then on, the server has these faults."""
        writes = 0

        def struck(request: Request) -> None:
            nonlocal writes
            writes += request.writes
            if writes == write and request.writes:
                world.simulator.faults = Faults.parse(faults, 0) if faults else None
                self.process.send_signal(signal.SIGTERM)

        world.simulator.before = struck

    def read(self) -> str:
        """Read the pipe to its end."""
        reader, self._reader = self._reader, -1
        with open(reader, encoding="utf-8") as pipe:  # noqa: PTH123 - a pipe
            return pipe.read()[self._filling :]


def filled(pipe: int) -> int:
    """Fill a pipe and return the number of bytes."""
    os.set_blocking(pipe, False)
    size = 0
    with suppress(BlockingIOError):
        while True:
            size += os.write(pipe, b"." * 4096)
    os.set_blocking(pipe, True)
    return size


def each_once(world: World) -> None:
    """Every workspace is as desired, and each change was made exactly once."""
    assert world.all_desired()
    assert set(world.changed().values()) == {1}
    assert len(world.changed()) == len(world.shown())


def until_free(world: World, here: Here) -> None:
    """Resume the journal as soon as it exists and its lock is released."""
    while not world.journal.exists():
        time.sleep(0.02)  # another process's event: there is nothing to await
    while (done := here("resume", "scan.jsonl", "--yes")).code == 11:
        pass
    assert done.code == 0


def objects(text: str) -> list[dict[str, object]]:
    """Return the lines of ``--json``, none of which is cut."""
    assert text.endswith("\n")
    return [msgspec.json.decode(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_job_with_unread_json(
    world: World, here: Here, number: signal.Signals, code: int
) -> None:
    """Nothing new starts and the signal ends it: nothing is in doubt, lost or done twice."""
    with Unread(world, *world.applying, "--json") as unread:
        unread.until(WAITING)
        unread.process.send_signal(number)
        assert unread.process.wait(SECONDS) == code
        assert 0 < world.writes < 240
        assert here("journal", "check", "scan.jsonl").code == 0
        left = f"  {world.writes} succeeded, {240 - world.writes} pending of 240 operations"
        assert left in here("status", "scan.jsonl").lines
        assert {line["type"] for line in objects(unread.read())} <= {"operation", "plan", "result"}
        assert here("resume", "scan.jsonl", "--yes").code == 0
        each_once(world)


def test_unread_json_is_complete_once_it_is_read(world: World) -> None:
    """A late reader gets every operation, every result and the report, each line whole."""
    with Unread(world, *world.applying, "--json") as unread:
        unread.until(WAITING)
        written = world.writes
        assert written < 240
        output = objects(unread.read())
        assert unread.process.wait(SECONDS) == 0
        results = [line["workspace"] for line in output if line["type"] == "result"]
        assert sorted(map(str, results)) == sorted(world.shown())
        assert [line["type"] for line in output[:240]] == ["operation"] * 240
        assert output[-1]["type"] == "report"
        each_once(world)


def test_only_operations_in_flight_are_in_doubt_after_a_signal(world: World, here: Here) -> None:
    """With a silent server and an unread pipe, the job ends after the drain time."""
    world.job(("[pace]", "[pace]\nmax_at_once = 3"))
    with Unread(world, "--debug", *world.applying, "--drain-timeout", "0.1", err=True) as unread:
        unread.strike(world, write=60, faults="POST:hang-after=100%")
        assert unread.process.wait(SECONDS) == 143
        assert unread.read()
    (status,) = objects(here("status", "scan.jsonl", "--json").out)
    counts = status["counts"]
    assert isinstance(counts, dict)
    assert 1 <= counts["in_doubt"] <= 3
    world.simulator.faults = None
    assert here("resume", "scan.jsonl", "--yes").code == 0
    each_once(world)


def test_unread_text_does_not_delay_a_job(world: World, here: Here) -> None:
    """The job is carried out and its lock released before the text is read; then exit 0."""
    with Unread(world, *world.applying, full=True) as unread:
        until_free(world, here)
        assert unread.process.poll() is None
        assert len(unread.read().splitlines()) > 240
        assert unread.process.wait(SECONDS) == 0
        each_once(world)


def test_a_signal_ends_the_wait_for_a_reader(world: World, here: Here) -> None:
    """The job is done and its journal closed; after SIGTERM it does not wait for a reader."""
    with Unread(world, *world.applying, full=True, err=True) as unread:
        until_free(world, here)
        unread.process.send_signal(signal.SIGTERM)
        assert unread.process.wait(SECONDS) == 143
        each_once(world)


def test_unread_successes_are_summed_up(world: World) -> None:
    """In text, one line counts further successes; each failure keeps its own line."""
    for number in range(240, 1300):
        world.simulator.add_workspace(f"test-{number:04}-{'x' * 80}")
    gone = max(world.shown())
    world.simulator.after = lambda request: (
        world.simulator.remove_workspace(gone) if request.writes and world.writes == 1000 else None
    )
    with Unread(world, *world.applying) as unread:
        unread.until("Journal: scan.jsonl")
        unread.until("Journal: scan.jsonl")
        output = unread.read().splitlines()
        assert unread.process.wait(SECONDS) == 3
        (more,) = (line for line in output if line.startswith("… and "))
        number = int(more.removeprefix("… and ").removesuffix(" more succeeded"))
        outcomes = Counter(line.split()[0] for line in output[: output.index("")])
        assert outcomes["succeeded"] + number == 1299
        assert outcomes["failed"] == 1


def test_dropped_log_lines_are_counted(world: World, here: Here) -> None:
    """A pipe full of ``--debug`` delays no job; a line counts what was dropped."""
    with Unread(world, "--debug", *world.applying, out=False, err=True) as unread:
        until_free(world, here)
        assert unread.process.poll() is None
        output = unread.read()
        assert unread.process.wait(SECONDS) == 0
        assert " lines were not written because nothing read stderr.\n" in output
        assert output.endswith("`bulkops undo scan.jsonl` reverts it.\n")
        each_once(world)


@pytest.mark.parametrize("out", [True, False], ids=["both", "stderr"])
def test_a_signal_ends_a_job_with_unread_logs(world: World, here: Here, *, out: bool) -> None:
    """With stderr or both streams unread, operations in flight are finished, then exit 143."""
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    with Unread(world, "--debug", *world.applying, out=out, err=True) as unread:
        unread.strike(world, write=80)
        assert unread.process.wait(SECONDS) == 143
        assert here("journal", "check", "scan.jsonl").code == 0
        assert "in doubt" not in here("status", "scan.jsonl").out
        assert here("resume", "scan.jsonl", "--yes").code == 0
        each_once(world)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "job.toml", "--json"),
        ("--debug", "plan", "job.toml", "--json"),
        ("report", "scan.jsonl", "--format", "json"),
    ],
    ids=" ".join,
)
def test_a_signal_ends_a_command_that_only_reads(
    world: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """If a plan or report fills an unread pipe, one SIGTERM ends it with 143."""
    if "report" in arguments:
        assert here(*world.applying).code == 0
    reader, writer = os.pipe()
    process = Forked(world.order(*arguments), stdout=writer, stderr=writer)
    os.close(writer)
    # When the first byte is there, the rest of far more than a pipe holds is on its way.
    first = os.read(reader, 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 143
    assert first
    os.close(reader)


def test_an_unread_log_file_does_not_delay_a_job(world: World) -> None:
    """If the log file is a FIFO without a reader, the rollout runs to its end."""
    os.mkfifo(world.folder / "log")
    done = world.run("--log-file", "log", *world.applying)
    assert done.code == 0
    assert "--log-file log: nothing reads it; its last events are missing." in done.err
    each_once(world)


def test_a_stopped_terminal_does_not_delay_a_job(world: World, here: Here) -> None:
    """After Ctrl-S the job is carried out; after Ctrl-Q its end is shown."""
    with held(world, 3) as let_go, on_terminal(world) as terminal:
        terminal.until("in flight")
        terminal.type(STOP)
        let_go.set()
        until_free(world, here)
        assert terminal.process.poll() is None
        terminal.type(GO)
        assert terminal.ended() == 0
        assert terminal.cursor_is_there
    each_once(world)


def test_ctrl_c_twice_ends_a_job_on_a_stopped_terminal(world: World, here: Here) -> None:
    """It ends immediately, though nothing can be shown and the server never answers."""
    world.simulator.faults = Faults.parse("POST:hang-after=100%", 0)
    arguments = (*world.applying, "--drain-timeout", "600")
    with on_terminal(world, *arguments) as terminal:
        terminal.until("in flight")
        terminal.type(STOP)
        terminal.type(CTRL_C)
        terminal.until("Stopping: waiting up to ")
        terminal.type(STOP)
        terminal.type(CTRL_C)
        assert terminal.ended() == 130
    world.simulator.faults = None
    assert here("resume", "scan.jsonl", "--yes").code == 0
    each_once(world)


def test_a_non_blocking_pipe_is_waited_for(world: World) -> None:
    """ssh and node make shared pipes non-blocking; a full one is not an error."""
    reader, writer = os.pipe()
    filling = filled(writer)
    os.set_blocking(writer, False)
    process = Forked(world.order("plan", "job.toml", "--json"), stdout=writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:  # noqa: PTH123 - a pipe
        output = objects(pipe.read()[filling:])
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert [line["type"] for line in output] == ["operation"] * 240 + ["plan"]
