"""Measures operations per second with a journal in object storage, compared with one in a file.

Each run is a ``bulkops apply`` against a simulator in a process of its own, in turn with a local
and a remote journal. The store is on this machine, and each of its answers takes a fixed time.
Operations per second are from the first to the last write that the simulator saw.

``--virtual`` measures the engine alone, in virtual time, with a journal whose syncs take that long.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from benchmarks import object_store, sockets, virtual
from benchmarks.case import ORGANIZATION, SYNC_SECONDS, TASK, TOKEN, Case, Figures
from benchmarks.machine import Busy, machine, spread
from benchmarks.object_store import BUCKET, Put
from bulkops.simulator.limits import Window

SETTINGS = ((30, 0.04), (30, 0.1), (100, 0.04), (100, 0.1))
"""Limit in requests per second, and the seconds of a request to the store."""

LATENCY = 0.02
JITTER = 0.01
"""An answer of the server takes from ``LATENCY`` to ``LATENCY`` plus twice this."""

JOB = f"""\
name = "benchmark"
organization = "{ORGANIZATION}"

[operation]
kind = "attach"
task = "{TASK}"
enforcement_level = "mandatory"

[select]
all = true
"""


class Pair(NamedTuple):
    """The figures of one run with a local and one with a remote journal.

    Attributes:
        puts: the remote run's writes to the store.
    """

    local: Figures
    remote: Figures
    puts: list[Put]

    @property
    def ratio(self) -> float:
        """The remote run's operations per second ÷ the local run's."""
        return self.remote.use / self.local.use

    def per_thousand(self, *, segments: bool) -> tuple[float, float]:
        """Return the number of writes, and their kB, per 1,000 operations.

        Args:
            segments: those of the journal's segments, or all others: the lease, and the probe that
                conditions count.
        """
        sizes = [put.size for put in self.puts if put.key.endswith(".jsonl") is segments]
        return len(sizes) / self.remote.writes * 1000, sum(sizes) / self.remote.writes


def pairs(case: Case, store_latency: float, runs: int) -> Iterator[Pair]:
    """Yield the figures of each run."""
    for number in range(runs):
        with object_store.serving(store_latency) as store:
            address = f"s3://{BUCKET}/runs/{number}"
            local = applied(case, "job.jsonl", {})
            yield Pair(local, applied(case, address, store.env), store.puts())


def applied(case: Case, journal: str, env: Mapping[str, str]) -> Figures:
    """Return the figures of one ``bulkops apply`` to all workspaces of a new server."""
    with sockets.simulating(case) as server, TemporaryDirectory() as folder:
        Path(folder, "job.toml").write_text(JOB, encoding="utf-8")
        words = ("apply", "job.toml", "--journal", journal, "--yes")
        access = {"TFE_ADDRESS": server, "TFE_TOKEN": TOKEN}
        done = subprocess.run(
            [sys.executable, "-m", "bulkops", *words],
            env={**os.environ, **access, **env},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return sockets.seen(case, server)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.remote", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of a run")
    parser.add_argument("--runs", type=int, default=5, help="runs per row")
    parser.add_argument("--window", choices=("fixed", "sliding"), default="sliding")
    parser.add_argument("--virtual", action="store_true", help="measure in virtual time")
    given = parser.parse_args(arguments)
    if given.virtual:
        _print_virtual(given.window, given.seconds, given.runs)
        return
    busy = Busy()
    print(machine("aiohttp", "aiolimiter", "obstore"))
    print(f"{given.seconds:g} s, {given.window} window, {given.runs} runs: median (range)\n")
    print(
        "| limit | PUT | local, operations/s | remote, operations/s | remote ÷ local "
        "| 429s, %: local | remote | per 1,000 operations: segments | kB | other PUTs | kB |"
    )
    print(f"|{'---|' * 11}")
    for rate, store_latency in SETTINGS:
        case = _case(rate, given.window, given.seconds)
        measured = list(pairs(case, store_latency, given.runs))
        print(_row(case, store_latency, measured), flush=True)
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


def _print_virtual(window: Window, seconds: float, runs: int) -> None:
    print(f"{seconds:g} s, {window} window, {runs} seeds: median (range)\n")
    print("| limit | sync | use of the limit | 429s, % |\n|---|---|---|---|")
    for rate, sync in ((30, SYNC_SECONDS), *SETTINGS[:2], (100, SYNC_SECONDS), *SETTINGS[2:]):
        case = msgspec.structs.replace(_case(rate, window, seconds), sync=sync)
        seeded = [msgspec.structs.replace(case, seed=seed) for seed in range(runs)]
        figures = list(map(virtual.measured, seeded))
        use = spread([one.use for one in figures])
        refused = spread([one.refused * 100 for one in figures], ".2f")
        print(f"| {rate}/s | {sync * 1000:.0f} ms | {use} | {refused} |", flush=True)


def _case(rate: int, window: Window, seconds: float) -> Case:
    return Case(
        pacing="bulkops", window=window, latency=LATENCY, jitter=JITTER, rate=rate, seconds=seconds
    )


def _row(case: Case, store_latency: float, measured: list[Pair]) -> str:
    segments = [pair.per_thousand(segments=True) for pair in measured]
    others = [pair.per_thousand(segments=False) for pair in measured]
    columns = (
        f"{case.rate}/s",
        f"{store_latency * 1000:.0f} ms",
        spread([pair.local.use * case.rate for pair in measured], ".1f"),
        spread([pair.remote.use * case.rate for pair in measured], ".1f"),
        spread([pair.ratio for pair in measured]),
        spread([pair.local.refused * 100 for pair in measured], ".2f"),
        spread([pair.remote.refused * 100 for pair in measured], ".2f"),
        *(spread(column, ".0f") for column in zip(*segments, strict=True)),
        *(spread(column, ".0f") for column in zip(*others, strict=True)),
    )
    return f"| {' | '.join(columns)} |"


if __name__ == "__main__":
    main()
