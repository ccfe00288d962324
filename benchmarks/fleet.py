"""Measures how many organizations one process serves at their full rate.

Each run is a ``bulkops fleet apply`` of one shard per organization, each with a token, a limit and
a journal of its own, against a server in another process. An organization *keeps up* if it gets at
least 0.95 of its limit without a 429. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.case import RATE
from benchmarks.fleet_server import Count, Counted, count, serving
from benchmarks.machine import Busy, machine
from benchmarks.remote import JOB
from bulkops.simulator.limits import Window

ENOUGH = 0.95
"""The use of its limit with which an organization keeps up."""


class Figures(NamedTuple):
    """The result of one fleet.

    Attributes:
        seconds, cpu: the elapsed and the CPU seconds of ``fleet apply``, its start included.
        counted: what the server has counted.
    """

    seconds: float
    cpu: float
    counted: Count

    @property
    def organizations(self) -> list[Counted]:
        """What the server has counted of each organization."""
        return list(self.counted.organizations.values())

    @property
    def keep_up(self) -> bool:
        """Whether every organization keeps up."""
        return all(one.use >= ENOUGH and not one.refused for one in self.organizations)

    @property
    def rate(self) -> float:
        """The writes per second of all organizations together."""
        every = self.organizations
        began, ended = min(one.first for one in every), max(one.last for one in every)
        return sum(one.writes for one in every) / (ended - began)


def applied(organizations: int, workspaces: int, window: Window) -> Figures:
    """Return the figures of one fleet with this many workspaces in each organization."""
    names = [f"org-{number:03}" for number in range(organizations)]
    # Not in a temporary file system: the journals are to be on a disk.
    with serving(names, workspaces, window) as server, TemporaryDirectory(dir=Path()) as folder:
        tables = (f'[[shard]]\norganization = "{name}"\ntoken_file = "{name}"\n' for name in names)
        Path(folder, "fleet.toml").write_text('job = "job.toml"\n' + "".join(tables), "utf-8")
        Path(folder, "job.toml").write_text(JOB, "utf-8")
        for name in names:
            Path(folder, name).write_text(name, "utf-8")
            Path(folder, name).chmod(0o600)
        seconds, cpu = _run(folder, server)
        return Figures(seconds, cpu, count(server))


def _run(folder: str, server: str) -> tuple[float, float]:
    """Apply the fleet; return the elapsed and the CPU seconds."""
    began = time.perf_counter()
    with (
        Path(folder, "errors").open("w+b") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "bulkops", "fleet", "apply", "fleet.toml", "--yes"],
            env={**os.environ, "TFE_ADDRESS": server},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process,
    ):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(errors.read().decode())
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.fleet", description=__doc__)
    parser.add_argument("--organizations", type=int, nargs="*", default=[10, 20, 30, 40, 50, 60])
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of a fleet")
    parser.add_argument("--window", choices=("fixed", "sliding"), default="sliding")
    given = parser.parse_args(arguments)
    print(machine("aiohttp", "aiolimiter"))
    print(f"{RATE}/s per organization, {given.window} window, {given.seconds:g} s\n")
    print(
        "| organizations | operations/s | use of the limit: least | median | 429s "
        "| CPU of a core: bulkops | server | all cores | CPU µs per operation | keep up |"
    )
    print(f"|{'---|' * 10}")
    for organizations in given.organizations:
        busy = Busy()
        figures = applied(organizations, round(RATE * given.seconds) + 1, given.window)
        print(_row(figures, busy.share()), flush=True)


def _row(figures: Figures, busy: float | None) -> str:
    every, seconds = figures.organizations, figures.seconds
    writes = sum(one.writes for one in every)
    columns = (
        str(len(every)),
        f"{figures.rate:.0f}",
        f"{min(one.use for one in every):.3f}",
        f"{median(one.use for one in every):.3f}",
        str(sum(one.refused for one in every)),
        f"{figures.cpu / seconds:.0%}",
        f"{figures.counted.cpu / seconds:.0%}",
        "" if busy is None else f"{busy:.0%}",
        f"{figures.cpu / writes * 1e6:.0f}",
        "yes" if figures.keep_up else "no",
    )
    return f"| {' | '.join(columns)} |"


if __name__ == "__main__":
    main()
