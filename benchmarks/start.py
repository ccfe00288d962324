"""Measures the CPU time of the command line's start, compared with that of click alone.

A busy machine distorts CPU time (user and system) less than the elapsed time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.machine import Busy, machine, spread

CANARY = Path(__file__).parents[1] / "jobs" / "canary.toml"
BASE = (sys.executable, "-c", "import click")
COMMANDS = {
    "bulkops --version": (sys.executable, "-m", "bulkops", "--version"),
    "bulkops --help": (sys.executable, "-m", "bulkops", "--help"),
    "bulkops check jobs/canary.toml": (sys.executable, "-m", "bulkops", "check", str(CANARY)),
}


def ratios(runs: int) -> dict[str, list[float]]:
    """Return each command's CPU time per run ÷ the median of ``BASE``."""
    base: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        # Alternating, so that a busy moment affects all of them.
        base.append(_seconds(BASE))
        for name, command in COMMANDS.items():
            taken[name].append(_seconds(command))
    return {name: [one / median(base) for one in values] for name, values in taken.items()}


def _seconds(command: tuple[str, ...]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.start", description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args(arguments)
    busy = Busy()
    measured = ratios(given.runs)
    print(machine("click"))
    print(f"{given.runs} runs; CPU time ÷ `{' '.join(BASE[1:])}`: median (range)\n")
    print("| command | ratio |")
    print("|---|---|")
    for name, values in measured.items():
        print(f"| `{name}` | {spread(values, '.2f')} |")
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


if __name__ == "__main__":
    main()
