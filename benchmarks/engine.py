"""Measures the engine's overhead: operations per second without a limiting server, and CPU time.

Each client runs in its own process and sends the same writes to the same server of fixed answers
in another process. The clients take turns, and ratios are calculated within a turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.clients import AT_ONCE, Cost
from benchmarks.fixed_server import serving
from benchmarks.machine import Busy, machine, spread
from bulkops.journal.local.disk import SystemFiles

OURS = ("bulkops", "asyncio")
CLIENTS = (
    OURS,
    ("bare_aiohttp", "asyncio"),
    ("bulkops", "uvloop"),
    ("bare_aiohttp", "uvloop"),
    ("bare_httpx", "asyncio"),
    ("few_httpx", "asyncio"),
    ("sequential_pytfe", ""),
)
FEWER = {"bare_httpx": 5, "few_httpx": 5, "sequential_pytfe": 10}
"""Slow clients send this many times fewer operations."""

TOP = 15


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    parser.add_argument("--operations", type=int, default=5000, help="operations per run")
    parser.add_argument("--runs", type=int, default=7, help="runs per client")
    given = parser.parse_args(arguments)
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    print(machine("aiohttp", "httpx", "pytfe", "uvloop"))
    print(
        f"{given.operations} operations, {AT_ONCE} concurrent, {given.runs} runs: median (range)\n"
    )
    busy, syncs = Busy(), list[float]()
    with serving() as address:
        for _ in range(given.runs):
            syncs.append(_sync_milliseconds())
            for client in CLIENTS:
                costs[client].append(_cost(address, *client, given.operations))
        sampled = _cost(address, *OURS, given.operations * 4, "--sample")
    _print_costs(costs)
    print(f"\nA sync of the journal's disk takes {spread(syncs, '.2f')} ms.")
    if (share := busy.share()) is not None:
        print(f"The cores were {share:.0%} busy.")
    _print_samples(sampled)


def _cost(address: str, client: str, loop: str, operations: int, *options: str) -> Cost:
    count = max(1, operations // FEWER.get(client, 1))
    command = [sys.executable, "-m", f"benchmarks.clients.{client}", address, str(count), loop]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Cost)


def _sync_milliseconds() -> float:
    """Return the median time in ms of a small write with a sync, on the journals' disk."""
    files, times = SystemFiles(), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        descriptor = files.create(Path(folder, "sync"))
        for _ in range(50):
            began = time.perf_counter()
            files.write(descriptor, b"x" * 4000)
            files.sync(descriptor)
            times.append(time.perf_counter() - began)
        files.close(descriptor)
    return median(times) * 1000


def _print_costs(costs: dict[tuple[str, str], list[Cost]]) -> None:
    print("| client | loop | operations/s | bulkops ÷ client | CPU µs per operation |")
    print("|---|---|---|---|---|")
    for (client, loop), its in costs.items():
        ours = costs[("bulkops", loop or "asyncio")]
        ratios = [one.rate / other.rate for one, other in zip(ours, its, strict=True)]
        columns = (
            client,
            loop,
            spread([cost.rate for cost in its], ".0f"),
            "" if its is ours else spread(ratios, ".2f"),
            spread([cost.microseconds for cost in its], ".0f"),
        )
        print(f"| {' | '.join(columns)} |")


def _print_samples(cost: Cost) -> None:
    total = sum(cost.modules.values())
    print(f"\nThe CPU time of bulkops, from {total} samples, ", end="")
    print(f"at {cost.microseconds:.0f} µs per operation:\n")
    innermost = "innermost function of bulkops"
    for title, counts in (("module", cost.modules), (innermost, cost.callers)):
        print(f"| {title} | µs | % |\n|---|---|---|")
        for name, count in sorted(counts.items(), key=lambda item: -item[1])[:TOP]:
            share = count / total
            print(f"| {name} | {share * cost.microseconds:.0f} | {share:.0%} |")
        print()


if __name__ == "__main__":
    main()
