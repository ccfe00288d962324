"""Measures how much of the server's rate limit each pacing uses, and how often it gets a 429.

``--virtual`` measures in virtual time on the simulator's core; otherwise over real sockets against
a simulator in a separate process, with several concurrent cases.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import msgspec

from benchmarks import sockets, virtual
from benchmarks.case import RATE, Case, Figures
from benchmarks.machine import Busy, machine, spread
from benchmarks.pacings import PACINGS
from bulkops.simulator.limits import Window

WINDOWS: tuple[Window, ...] = ("fixed", "sliding")
LATENCIES = (0.05, 0.15, 0.5)
JITTER = 0.01
MUCH_JITTER = 0.03
STALL = 0.05


def cases(pacings: tuple[str, ...], seconds: float, *, stalls: bool) -> Iterator[Case]:
    """Yield the cases for each pacing: latencies, high jitter, stalls, another client."""
    for pacing, window in product(pacings, WINDOWS):
        of = msgspec.structs.replace
        plain = Case(pacing=pacing, window=window, latency=0.15, jitter=JITTER, seconds=seconds)
        for latency in LATENCIES:
            yield of(plain, latency=latency)
        yield of(plain, jitter=MUCH_JITTER)
        if stalls:
            yield of(plain, stall=STALL)
        yield of(plain, other=RATE // 3)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.limit", description=__doc__)
    parser.add_argument("--virtual", action="store_true", help="measure in virtual time")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of a case")
    parser.add_argument("--runs", type=int, default=3, help="runs per case, each with its own seed")
    parser.add_argument("--at-once", type=int, default=6, help="concurrent cases, over sockets")
    parser.add_argument("--pacing", action="append", help="measure only this; repeatable")
    given = parser.parse_args(arguments)
    names = ("bulkops", *PACINGS) if given.virtual else ("bulkops", *PACINGS, "pytfe")
    chosen = list(cases(tuple(given.pacing or names), given.seconds, stalls=given.virtual))
    print(machine("aiohttp", "aiolimiter", "pytfe"))
    print(f"limit {RATE} per second, {given.seconds:g} s, {given.runs} runs: median (range)\n")
    print("| pacing | window | latency | jitter | stalls | other | use of the limit | 429s, % |")
    print("|---|---|---|---|---|---|---|---|")
    busy = Busy()
    if given.virtual:
        measured = _virtual(chosen, given.runs)
    else:
        measured = _concurrently(chosen, given.runs, given.at_once)
    for case, figures in measured:
        print(_row(case, figures), flush=True)
    if not given.virtual and (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


def _virtual(chosen: list[Case], runs: int) -> Iterator[tuple[Case, list[Figures]]]:
    for case in chosen:
        yield case, [virtual.measured(seeded) for seeded in _seeded(case, runs)]


def _concurrently(
    chosen: list[Case], runs: int, at_once: int
) -> Iterator[tuple[Case, list[Figures]]]:
    # Spawned, because a fork would inherit this process's open files.
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        waiting = [
            (case, [pool.submit(sockets.measured, seeded) for seeded in _seeded(case, runs)])
            for case in chosen
        ]
        for case, futures in waiting:
            yield case, [future.result() for future in futures]


def _seeded(case: Case, runs: int) -> list[Case]:
    return [msgspec.structs.replace(case, seed=seed) for seed in range(runs)]


def _row(case: Case, figures: list[Figures]) -> str:
    columns = (
        case.pacing,
        case.window,
        f"{case.latency * 1000:.0f} ms",
        f"{case.jitter * 1000:.0f} ms",
        f"{case.stall * 1000:.0f} ms" if case.stall else "",
        f"{case.other}/s" if case.other else "",
        spread([one.use for one in figures]),
        spread([one.refused * 100 for one in figures], ".2f"),
    )
    return f"| {' | '.join(columns)} |"


if __name__ == "__main__":
    main()
