"""Measures how much memory each additional workspace takes, per command.

The fixed cost is subtracted: modules, connections, and the pages and operations in flight, which
no longer grow beyond a few thousand workspaces. It is what the same command takes for 5,000.

Each command runs in its own process, with the functions of the command line; the server is in
another process. With ``--in-process``, which is faster, the fixed answers are given without a
socket, and the server's five bytes per workspace are included. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from statistics import median_low
from tempfile import TemporaryDirectory
from unittest.mock import patch

import msgspec
from click.exceptions import Exit

from benchmarks.machine import machine
from benchmarks.records import JOB
from benchmarks.server import Answers, serving
from bulkops.cli.commands import apply as apply_commands
from bulkops.cli.commands import journal as journal_commands
from bulkops.cli.commands import report as report_command
from bulkops.cli.options import RunOptions
from bulkops.cli.output.plan_objects import print_objects
from bulkops.cli.run.execute import execute
from bulkops.cli.run.hold import hold
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.run.start import Undertaking, start_or_resume
from bulkops.cli.session import run
from bulkops.client.api import Client
from bulkops.job.job import job_from_builtins
from bulkops.journal.identity import Identity
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.reader import read
from bulkops.library import plan_job
from bulkops.plan.recorded import job_of

FEW = 5_000

COMMANDS = ("plan", "apply", "resume", "status", "report", "undo")
"""In this order, as the commands from ``resume`` on read the journal that ``apply`` completed."""

IN_PROCESS = COMMANDS[:-1]
"""The commands that can be measured without sockets."""

ASKED = RunOptions(yes=True, json=False, retry_failed=False, drain=5.0)


class Command(msgspec.Struct):
    """One command to measure in this process.

    Attributes:
        address: the server's address; empty for a server in this process.
    """

    name: str
    workspaces: int
    folder: Path
    address: str = ""

    def run(self) -> None:
        """Run the command as the command line does after parsing its options."""
        path = self.folder / "job.jsonl"
        with _exit_code_0():
            match self.name:
                case "plan":
                    self._plan()
                case "apply":
                    self._apply(path)
                case "resume":
                    self._resume(path)
                case "undo":
                    with patch.dict(os.environ, {"TFE_ADDRESS": self.address, "TFE_TOKEN": "any"}):
                        apply_commands.undo.main([str(path), "--yes"], standalone_mode=False)
                case "status":
                    journal_commands.status.main([str(path)], standalone_mode=False)
                case _:
                    words = [str(path), "--format", "json"]
                    report_command.report.main(words, standalone_mode=False)

    def _clients(self, *, done: bool) -> Callable[..., Client]:
        if self.address:
            return lambda *_files: Client(self.address, "any")
        answers = Answers(self.workspaces, done=done)
        return lambda *_files: Client("http://127.0.0.1:1", "any", transport=answers)

    def _plan(self) -> None:
        client = self._clients(done=False)()
        job = job_from_builtins(JOB)
        print_objects(run(client, lambda c: plan_job(c, job)))

    def _apply(self, path: Path) -> None:
        job, clients = job_from_builtins(JOB), self._clients(done=False)
        identity = Identity(job.digest, job.organization)
        undertaking = Undertaking(job, identity, clients, lambda client: plan_job(client, job))
        with ExitStack() as stack:
            start_or_resume(stack, LocalPlace(path), None, undertaking, ASKED)

    def _resume(self, path: Path) -> None:
        with ExitStack() as stack:
            held = hold(stack, LocalPlace(path), wait=False)
            contents = read(held.storage)
            job = job_of(contents.replay.header)
            metrics = stack.enter_context(MetricsFile(None, job))
            execute(self._clients(done=True)(), held, contents, job, options=ASKED, metrics=metrics)


@contextmanager
def _exit_code_0() -> Iterator[None]:
    try:
        yield
    except Exit as ended:
        if ended.exit_code:
            raise


def peak() -> int:
    """Return this process's peak memory so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def measure(command: Command) -> None:
    """Run a command in this process and print to stderr how many bytes its memory grew."""
    before = peak()
    command.run()
    print(peak() - before, file=sys.stderr)


def growth(command: Command) -> int:
    """Return how many bytes the memory of a new process grew while it ran a command."""
    words = [command.name, str(command.workspaces), str(command.folder), command.address]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--of", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stderr.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=__doc__)
    parser.add_argument("--workspaces", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--commands", nargs="*")
    parser.add_argument("--runs", type=int, default=3, help="runs per command; takes the median")
    parser.add_argument("--in-process", action="store_true", help="measure without sockets")
    parser.add_argument("--of", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.of:
        name, workspaces, folder, address = given.of
        measure(Command(name, int(workspaces), Path(folder), address))
        return
    commands = given.commands or (IN_PROCESS if given.in_process else COMMANDS)
    print(machine("msgspec"))
    print(f"\nMB for the first {FEW:,} workspaces; bytes per workspace beyond these\n")
    print(f"| workspaces | {' | '.join(commands)} |")
    print(f"|---|{'---|' * len(commands)}")
    few = dict(_grown(FEW, commands, given.runs, in_process=given.in_process))
    print(f"| {FEW:,} |", *(f"{grown / 1e6:.1f} MB |" for grown in few.values()))
    for workspaces in given.workspaces:
        print(f"| {workspaces:,} |", end="", flush=True)
        for name, grown in _grown(workspaces, commands, given.runs, in_process=given.in_process):
            print(f" {(grown - few[name]) / (workspaces - FEW):,.0f} |", end="", flush=True)
        print()


def _grown(
    workspaces: int, commands: Sequence[str], runs: int, *, in_process: bool
) -> Iterator[tuple[str, int]]:
    """Yield each command's median growth in bytes; every run is a separate rollout."""
    grown: dict[str, list[int]] = {name: [] for name in commands}
    for _ in range(runs):
        server = nullcontext("") if in_process else serving(workspaces)
        with server as address, TemporaryDirectory(dir=Path()) as folder:
            for name in commands:
                grown[name].append(growth(Command(name, workspaces, Path(folder), address)))
    for name, values in grown.items():
        yield name, median_low(values)


if __name__ == "__main__":
    main()
