"""What the demos share: a simulator in this process, and machines that run commands against it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from site import getuserbase
from threading import Event, Thread
from typing import Any, Final

import anyio
import msgspec

from bulkops.cli.output.printing import print_raw, print_text
from bulkops.errors import JobError
from bulkops.fleet.index import PLATFORMS
from bulkops.journal.place import place_of
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.population import populate

RATE: Final = 30
OTHER_CLIENT: Final = 8
FAULTS: Final = "POST:close-after=4%,PATCH:close-after=4%,close-before=2%,503=3%"
TASK: Final = "security-scan"

MACHINES: Final = ("machine-1", "machine-2")
JOB_FILE: Final = "security-scan.toml"
JOB: Final = """\
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

Selected = AbstractSet[tuple[str, str]]
"""Organization and name of each workspace that a demo's job selects."""
Label = Callable[[dict[str, Any]], str]
"""Returns what a result, as ``--json`` prints it, is counted as."""

_INDEXES = frozenset(platform.index for platform in PLATFORMS)


class Machine:
    """Runs ``bulkops`` commands as child processes on a machine, and prints their output.

    Args:
        folder: all that the machine has; created with the files.
        files: name → text.
        environment: the variables that the commands get, in place of the user's own about servers.
        log_file: a file of this machine, to which all of them log.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, str],
        environment: Mapping[str, str],
        log_file: Path | None,
    ) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            # Whatever the user's umask is: others could have written it.
            (folder / name).chmod(0o600)
        self._logging = ("--log-file", str(log_file.absolute())) if log_file else ()
        self._environment = {
            **{name: text for name, text in os.environ.items() if not _is_about_servers(name)},
            **environment,
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

    def watch(
        self, arguments: tuple[str, ...], label: Label, *, kill_after: int | None = None
    ) -> int:
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
                    counts[label(event)] += 1
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


def _is_about_servers(name: str) -> bool:
    """Return whether a variable says where bulkops sends, what, or as which of several."""
    return name.startswith(("TFE_", "TF_", "BULKOPS_")) or name in _INDEXES


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


def check_unused(journal: str) -> None:
    """Refuse what is no address of a journal, or has one already.

    Raises:
        JobError: it is one of these.
    """
    if "://" not in journal:
        raise JobError(f"--journal {journal}: is not an address such as s3://bucket/demo")
    if place_of(journal).exists():
        raise in_use(journal)


def in_use(journal: str) -> JobError:
    """Return the error that there is something at an address."""
    return JobError(f"--journal {journal}: exists and was left unchanged. Choose another one")


def nothing_else_left(machines: Iterable[Machine], files: AbstractSet[str]) -> bool:
    """Print what is on the disks of machines; return whether it is only these files."""
    left = {path.name for machine in machines for path in machine.folder.iterdir()}
    print_paragraph(f"On the disks of both machines: {', '.join(sorted(left))}, and nothing else.")
    return left == files


def half_done_rollout(
    simulator: Simulator, organization: str, workspaces: int, *, seed: int
) -> set[tuple[str, str]]:
    """Fill an organization; return the workspaces in it that a demo's job selects."""
    added = populate(simulator, organization, workspaces=workspaces, seed=seed)
    simulator.add_task(TASK, organization=organization)
    names = sorted(w.name for w in added if not w.name.startswith("dev-"))
    for number, name in enumerate(names):
        if number % 5 < 2:
            level = ("mandatory", "advisory")[number % 5]
            simulator.attach(name, TASK, organization=organization, enforcement_level=level)
    return {(organization, name) for name in names}


def print_effects(simulator: Simulator, selected: Selected) -> bool:
    """Print what happened at the server; return whether it is as promised."""
    changed = Counter(
        (effect.names["organization"], effect.names["workspace"]) for effect in simulator.effects
    )
    twice = [name for name, times in changed.items() if times > 1]
    outside = [name for name in changed if name not in selected]
    stats = simulator.stats
    lost = sum(n for kind, n in stats.faults.items() if kind != "503")
    print_paragraph(
        f"What the server saw: {stats.requests} requests, {lost} lost answers, "
        f"{stats.faults.get('503', 0)} answered with 503, {stats.too_many} with 429.\n"
        f"{len(changed)} workspaces changed, {len(twice)} of them twice, "
        f"{len(outside)} of them not selected."
    )
    return not twice and not outside


@contextmanager
def serving(simulator: Simulator) -> Iterator[str]:
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


def print_paragraph(text: str) -> None:
    """Print lines of text after an empty one."""
    print_text("", *text.splitlines())
