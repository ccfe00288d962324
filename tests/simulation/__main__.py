"""``python -m tests.simulation``: run many seeds, or replay one."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation import batch
from tests.simulation.met import unmet
from tests.simulation.run import simulate

AT_ONCE = 250
"""Seeds that one process runs between two lines of progress."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if no invariant was violated and enough situations occurred."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many to run")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=1, help="how many run them")
    parser.add_argument("--seed", type=int, help="replay this one, with a trace")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return replay(asked.seed)
    return run_many(asked.start, asked.seeds, asked.processes)


def run_many(start: int, seeds: int, processes: int) -> int:
    """Run seeds until one fails; print what they met, and what they should have met."""
    met, done, seconds = Counter[str](), 0, 0.0
    firsts = range(start, start + seeds, AT_ONCE)
    counts = [min(AT_ONCE, start + seeds - first) for first in firsts]
    with ProcessPoolExecutor(processes) as pool:
        for outcome, count in zip(pool.map(batch.run_batch, firsts, counts), counts, strict=True):
            if outcome.failed:
                pool.shutdown(cancel_futures=True)
                say(outcome.failed)
                return 1
            met, done, seconds = met + outcome.met, done + count, seconds + outcome.seconds
            say(f"{done} runs, {done / seconds * 60:.0f} a minute of CPU")
    for what, times in sorted(met.items()):
        say(f"{times:9} {what}")
    missing = unmet(met, seeds)
    if missing:
        say(f"NOT MET often enough: {missing}")
    return 1 if missing else 0


def replay(seed: int) -> int:
    """Run one seed and print its events in order."""
    trace: list[str] = []
    failed = ""
    try:
        with batch.quick():
            simulate(seed, trace=trace)
    except Exception:  # noqa: BLE001 - the trace comes first
        failed = traceback.format_exc()
    say("\n".join([*trace, failed]))
    return 1 if failed else 0


def say(text: str) -> None:
    """Print and flush."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
