"""How much of the server's rate limit each pacing uses, and how often it is refused.

``--virtual`` measures in virtual time on the simulator's core, otherwise over real sockets
against a simulator in a process of its own, several cases side by side.
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
    """Yield what is measured of each pacing: latencies, much jitter, stalls, another client."""
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
    parser.add_argument("--virtual", action="store_true", help="in virtual time")
    parser.add_argument("--seconds", type=float, default=60.0, help="that a case lasts")
    parser.add_argument("--runs", type=int, default=3, help="of each case, each of its own seed")
    parser.add_argument("--at-once", type=int, default=6, help="cases side by side, over sockets")
    parser.add_argument("--pacing", action="append", help="only this; repeatable")
    given = parser.parse_args(arguments)
    names = ("bulkops", *PACINGS) if given.virtual else ("bulkops", *PACINGS, "pytfe")
    asked = list(cases(tuple(given.pacing or names), given.seconds, stalls=given.virtual))
    print(machine("aiohttp", "aiolimiter", "pytfe"))
    print(f"limit {RATE} a second, {given.seconds:g} s, {given.runs} runs: median (range)\n")
    print("| pacing | window | latency | jitter | stalls | other | use of the limit | 429s, % |")
    print("|---|---|---|---|---|---|---|---|")
    busy = Busy()
    if given.virtual:
        measured = _virtual(asked, given.runs)
    else:
        measured = _side_by_side(asked, given.runs, given.at_once)
    for case, figures in measured:
        print(_row(case, figures), flush=True)
    if not given.virtual and (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy meanwhile.")


def _virtual(asked: list[Case], runs: int) -> Iterator[tuple[Case, list[Figures]]]:
    for case in asked:
        yield case, [virtual.measured(seeded) for seeded in _seeded(case, runs)]


def _side_by_side(
    asked: list[Case], runs: int, at_once: int
) -> Iterator[tuple[Case, list[Figures]]]:
    # Spawned, since a fork would inherit what this process has open.
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        waiting = [
            (case, [pool.submit(sockets.measured, seeded) for seeded in _seeded(case, runs)])
            for case in asked
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
