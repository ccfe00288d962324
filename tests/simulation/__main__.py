"""``python -m tests.simulation``: run many seeds, or replay one."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.simulation import batch
from tests.simulation.run import simulate

PROGRESS = 1000
"""Runs between two lines of progress."""


def main() -> int:
    """Return 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many to run")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay this one, with a trace")
    asked = parser.parse_args()
    if asked.seed is not None:
        return replay(asked.seed)
    return run_many(asked.start, asked.seeds)


def run_many(start: int, seeds: int) -> int:
    """Run seeds until one fails; say what they met."""
    began = time.process_time()

    def progress(seed: int) -> None:
        done = seed + 1 - start
        if done % PROGRESS == 0:
            pace = done / (time.process_time() - began) * 60
            say(f"{done} runs, to seed {seed}; {pace:.0f} a minute of CPU")

    try:
        met = batch.run(start, seeds, progress)
    except Exception:  # noqa: BLE001 - whatever fails is what this command is for
        say(traceback.format_exc())
        return 1
    for what, times in sorted(met.items()):
        say(f"{times:9} {what}")
    return 0


def replay(seed: int) -> int:
    """Run one seed, and print what happened in order."""
    trace: list[str] = []
    try:
        with batch.quick():
            simulate(seed, trace=trace)
    except Exception:  # noqa: BLE001 - the trace comes first
        say("\n".join(trace))
        say(traceback.format_exc())
        return 1
    say("\n".join(trace))
    return 0


def say(text: str) -> None:
    """Print, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
