"""How long the command line takes to say its version and its help.

Beside ``python -c "import typer, rich"``, which no command line made with them can undercut.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

from benchmarks.machine import Busy, machine, spread

BASE = (sys.executable, "-c", "import typer, rich")
COMMANDS = {
    "bulkops --version": (sys.executable, "-m", "bulkops", "--version"),
    "bulkops --help": (sys.executable, "-m", "bulkops", "--help"),
}


def ratios(runs: int) -> dict[str, list[float]]:
    """Return each command's seconds, one for each run, over the median of ``BASE``."""
    base: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        # In turns, so that a busy moment strikes all of them alike.
        base.append(_seconds(BASE))
        for name, command in COMMANDS.items():
            taken[name].append(_seconds(command))
    return {name: [one / median(base) for one in values] for name, values in taken.items()}


def _seconds(command: tuple[str, ...]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.start", description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args(arguments)
    busy = Busy()
    measured = ratios(given.runs)
    print(machine("typer", "rich"))
    print(f"{given.runs} runs; over `{' '.join(BASE[1:])}`: median (range)\n")
    print("| command | ratio |")
    print("|---|---|")
    for name, values in measured.items():
        print(f"| `{name}` | {spread(values, '.2f')} |")
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy meanwhile.")


if __name__ == "__main__":
    main()
