"""``bulkops demo``: a rollout on the simulator that is killed half-way and resumes.

Only the server is simulated: the commands are child processes, talk to the simulator over sockets,
meet its faults, and one of them is killed with SIGKILL. With ``--journal``, the journal is in the
user's own bucket, and what resumes is on another machine: it has another folder and HOME.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from site import getuserbase
from tempfile import TemporaryDirectory
from threading import Event, Thread

import anyio
import click
import msgspec
from click.exceptions import Exit

from bulkops.cli.options import command
from bulkops.cli.output.printing import print_raw, print_text
from bulkops.errors import ExitCode, JobError
from bulkops.journal.place import place_of
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.population import populate

WORKSPACES = 300
RATE = 30
OTHER_CLIENT = 8
FAULTS = "POST:close-after=4%,PATCH:close-after=4%,close-before=2%,503=3%"
KILLED_AT = 80
"""Results after which the first apply is killed."""

MACHINES = ("machine-1", "machine-2")
JOB_FILE = "security-scan.toml"
JOURNAL = "rollout.jsonl"
JOB = """\
name = "security-scan"
organization = "acme"

[operation]
kind = "attach"
task = "security-scan"
enforcement_level = "mandatory"
stages = ["post_plan"]

[select]
names = ["prod-*", "staging-*"]

[pace]
settle = "2s"

[journal]
lease = "5s"
"""

THERE = click.Option(
    ["--journal"],
    metavar="URL",
    help="Keep the journal in object storage, at an unused address such as s3://bucket/demo, and "
    "resume on another machine. What is written there stays.",
)


@command(THERE)
def demo(*, journal: str | None) -> None:
    """Watch a simulated rollout get killed and resume.

    Takes about 20 seconds. Needs no credentials and no network, and leaves no files behind. With
    --journal it needs the bucket's, and what resumes has another folder and HOME than what was
    killed: all it knows is in the bucket.

    \b
    Examples:
      bulkops demo
      bulkops demo --journal s3://my-bucket/bulkops/demo
    """
    if journal:
        _check_unused(journal)
    started = time.monotonic()
    print_text(f"This takes about {30 if journal else 20} s.")
    simulator = Simulator(rate=RATE, other_client=OTHER_CLIENT)
    selected = _half_done_rollout(simulator)
    with _serving(simulator) as address, TemporaryDirectory(prefix="bulkops-demo-") as folder:
        _print_paragraph(
            f"An organization of {WORKSPACES} workspaces. The goal: security-scan, mandatory, on "
            f"{len(selected)} of them;\nsome have it already, some as advisory. The server allows "
            f"{RATE} requests per second, and another\nclient uses {OTHER_CLIENT} of them. Some "
            "answers get lost, before or after the change, and some are 503."
        )
        log_file = click.get_current_context().find_root().params["log_file"]
        if journal:
            machines = [Commands(Path(folder, name), address, log_file) for name in MACHINES]
            ok = _two_machines(*machines, journal=journal)
        else:
            ok = _session(Commands(Path(folder), address, log_file))
        ok = _print_effects(simulator, selected) and ok
    _print_paragraph(f"Took {time.monotonic() - started:.0f} s.")
    raise Exit(ExitCode.DONE if ok else ExitCode.ERROR)


def _check_unused(journal: str) -> None:
    if "://" not in journal:
        raise JobError(f"--journal {journal}: is not an address such as s3://bucket/demo")
    if place_of(journal).exists():
        raise JobError(f"--journal {journal}: exists and was left unchanged. Choose another one")


def _session(commands: Commands) -> bool:
    """Run the commands that a user would; return whether each ended as expected."""
    apply = ("apply", JOB_FILE, "--journal", JOURNAL, "--yes", "--json")
    ended = [commands.run("plan", JOB_FILE) == 0]
    done = commands.watch(apply, kill_after=KILLED_AT)
    _print_paragraph(f"Killed with SIGKILL after {done} results. What the journal knows:")
    ended.append(commands.run("status", JOURNAL) == 0)
    _print_paragraph("The same command again:")
    ended.append(commands.watch(apply) >= 0)
    ended.append(commands.run("verify", JOURNAL) == 0)
    ended.append(commands.run("report", JOURNAL) == 0)
    return all(ended)


def _two_machines(first: Commands, second: Commands, *, journal: str) -> bool:
    """Do the same, but resume on a second machine."""
    apply = ("apply", JOB_FILE, "--journal", journal, "--wait", "--yes", "--json")
    ended = [first.run("plan", JOB_FILE) == 0]
    done = first.watch(apply, kill_after=KILLED_AT)
    _print_paragraph(
        f"Killed with SIGKILL after {done} results, and its machine is gone. On another one, with "
        "another\nfolder and HOME, what the journal knows. It still counts as running:"
    )
    ended.append(second.run("status", journal) == 0)
    _print_paragraph(
        "The same command again. It takes over once it has seen the lease unchanged for 5 s:"
    )
    ended.append(second.watch(apply) >= 0)
    ended.append(second.run("verify", journal) == 0)
    ended.append(second.run("report", journal) == 0)
    left = {path.name for one in (first, second) for path in one.folder.iterdir()}
    _print_paragraph(f"On the disks of both machines: {', '.join(left)}, and nothing else.")
    return all(ended) and left == {JOB_FILE}


class Commands:
    """Runs ``bulkops`` commands as child processes on a machine, and prints their output.

    Args:
        folder: all that the machine has; created with the job file.
        log_file: a file of this machine, to which all of them log.
    """

    def __init__(self, folder: Path, address: str, log_file: Path | None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / JOB_FILE).write_text(JOB, encoding="utf-8")
        self._logging = ("--log-file", str(log_file.absolute())) if log_file else ()
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TFE_", "TF_"))},
            "TFE_ADDRESS": address,
            "TFE_TOKEN": "demo",
            "HOME": str(folder),
            # bulkops itself may be installed below the user's HOME.
            "PYTHONUSERBASE": getuserbase(),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *arguments: str) -> int:
        """Run a command to its end and return its exit code."""
        with self._child(arguments) as child:
            for line in child.stdout or ():
                print_text(f"  {line}".rstrip())
        return child.returncode

    def watch(self, arguments: tuple[str, ...], kill_after: int | None = None) -> int:
        """Run an apply with ``--json``, and show a live count of its results.

        Args:
            kill_after: number of results after which it is killed; ``None``: it runs to its end.

        Returns:
            The number of results if it is killed, else its negated exit code.
        """
        counts: Counter[str] = Counter()
        shown = Live()
        with self._child(arguments) as child:
            for line in child.stdout or ():
                event = msgspec.json.decode(line)
                if event["type"] == "result":
                    counts[event["outcome"]] += 1
                    shown.show(counts)
                    if counts.total() == kill_after:
                        child.kill()
        shown.end(counts)
        return counts.total() if kill_after else -child.returncode

    def _child(self, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
        print_text("", f"$ bulkops {' '.join(arguments)}")
        return subprocess.Popen(  # noqa: S603 - this program, with fixed arguments
            [sys.executable, "-m", "bulkops", *self._logging, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )


class Live:
    """A line of counts: rewritten in place on a terminal, else printed every ``SECONDS``."""

    SECONDS = 2.0

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, counts: Counter[str]) -> None:
        """Show the counts, unless the last line is too recent."""
        if sys.stdout.isatty():
            print_raw((f"\r\x1b[K  {self._line(counts)}",))
        elif time.monotonic() - self._last >= self.SECONDS:
            self._last = time.monotonic()
            print_text(f"  {self._line(counts)}")

    def end(self, counts: Counter[str]) -> None:
        """Show the last counts; a terminal shows them already."""
        print_text("" if sys.stdout.isatty() else f"  {self._line(counts)}")

    def _line(self, counts: Counter[str]) -> str:
        outcomes = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())
        return outcomes or "no results yet"


def _half_done_rollout(simulator: Simulator) -> set[str]:
    """Fill the organization; return the names of the workspaces the demo's job selects."""
    workspaces = populate(simulator, "acme", workspaces=WORKSPACES, seed=0)
    simulator.add_task("security-scan")
    names = sorted(w.name for w in workspaces if not w.name.startswith("dev-"))
    for number, name in enumerate(names):
        if number % 5 == 0:
            simulator.attach(name, "security-scan", enforcement_level="mandatory")
        elif number % 5 == 1:
            simulator.attach(name, "security-scan", enforcement_level="advisory")
    return set(names)


def _print_effects(simulator: Simulator, selected: set[str]) -> bool:
    """Print what happened at the server; return whether it is as promised."""
    changed = Counter(effect.names["workspace"] for effect in simulator.effects)
    twice = [name for name, times in changed.items() if times > 1]
    outside = [name for name in changed if name not in selected]
    stats = simulator.stats
    lost = sum(n for kind, n in stats.faults.items() if kind != "503")
    _print_paragraph(
        f"What the server saw: {stats.requests} requests, {lost} lost answers, "
        f"{stats.faults.get('503', 0)} answered with 503, {stats.too_many} with 429.\n"
        f"{len(changed)} workspaces changed, {len(twice)} of them twice, "
        f"{len(outside)} of them not selected."
    )
    return not twice and not outside


@contextmanager
def _serving(simulator: Simulator) -> Iterator[str]:
    """Serve in a thread while the block runs; yield the address."""
    ready, over = Event(), Event()
    addresses: list[str] = []

    async def main() -> None:
        faults = Faults.parse(FAULTS, seed=0)
        async with serve(simulator, latency=0.05, jitter=0.02, faults=faults) as address:
            addresses.append(address)
            ready.set()
            await anyio.to_thread.run_sync(over.wait)

    thread = Thread(target=anyio.run, args=(main,), daemon=True)
    thread.start()
    if not ready.wait(timeout=30):
        raise RuntimeError("the simulator did not start")
    try:
        yield addresses[0]
    finally:
        over.set()
        thread.join()


def _print_paragraph(text: str) -> None:
    print_text("", *text.splitlines())
