"""Measures reading a journal in object storage, compared with the same journal in a file.

``bulkops status`` reads a completed rollout in a process of its own. The store is on this machine,
and each of its answers takes a fixed time. Linux only (``/proc``).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import object_store
from benchmarks.machine import Busy, machine, spread
from benchmarks.object_store import BUCKET
from benchmarks.records import whole
from bulkops.journal.lines import frame
from bulkops.journal.records import encode

STATUS = """
import sys
from bulkops.cli import main
try:
    main()
finally:
    print(open("/proc/self/status").read(), file=sys.stderr)
"""
"""Runs a command, and prints what the kernel says of its process."""
_PEAK = re.compile(r"VmHWM:\s*(\d+) kB")


class Cost(NamedTuple):
    """What reading a journal took: seconds, and the process's peak memory in MB."""

    seconds: float
    peak: float


def segments(operations: int, count: int) -> Iterator[bytes]:
    """Yield a completed rollout: its plan, and then everything else in ``count`` groups."""
    payloads = map(encode, whole(operations))
    plan = list(islice(payloads, 1 + operations))
    data, crc = frame(plan, 1, 1, 0)
    yield data
    rest = list(payloads)
    edges = [len(rest) * number // count for number in range(count + 1)]
    for start, end in pairwise(edges):
        seq = 1 + len(plan) + start
        data, crc = frame(rest[start:end], seq, seq, crc)
        yield data


def status(journal: str, env: Mapping[str, str], operations: int) -> Cost:
    """Return what ``bulkops status`` takes, the start of its process included."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", STATUS, "status", journal],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    peak = _PEAK.search(done.stderr)
    if f"{operations:,} succeeded" not in done.stdout.replace("\u202f", ",") or peak is None:
        raise RuntimeError(f"the journal was not read: {done.stdout}{done.stderr}")
    return Cost(seconds, int(peak[1]) / 1024)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.segments", description=__doc__)
    parser.add_argument("--operations", type=int, default=33_333)
    parser.add_argument("--segments", type=int, nargs="*", default=[999, 9_999])
    parser.add_argument("--latency", type=float, default=0.02, help="seconds of a request")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(arguments)
    busy = Busy()
    print(machine("msgspec", "obstore"))
    print(f"{3 * given.operations + 4:,} lines, {given.latency * 1000:g} ms a request, ", end="")
    print(f"{given.runs} runs: median (range)\n")
    print("| segments | in a file, s | in object storage, s | ÷ file | peak, MB: file | store |")
    print("|---|---|---|---|---|---|")
    for count in given.segments:
        print(_row(list(costs(given.operations, count, given.latency, given.runs))), flush=True)
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


class Costs(NamedTuple):
    """What reading the same journal took, once in a file and once in object storage."""

    segments: int
    file: Cost
    store: Cost


def costs(operations: int, count: int, latency: float, runs: int) -> Iterator[Costs]:
    """Yield what each run took."""
    parts = list(segments(operations, count))
    objects = {f"job/{number:08}.jsonl": data for number, data in enumerate(parts, 1)}
    with TemporaryDirectory() as folder, object_store.serving(latency, objects) as store:
        path = Path(folder, "job.jsonl")
        path.write_bytes(b"".join(parts))
        for _ in range(runs):
            yield Costs(
                len(parts),
                status(str(path), {}, operations),
                status(f"s3://{BUCKET}/job", store.env, operations),
            )


def _row(measured: list[Costs]) -> str:
    columns = (
        f"{measured[0].segments:,}",
        spread([run.file.seconds for run in measured], ".1f"),
        spread([run.store.seconds for run in measured], ".1f"),
        spread([run.store.seconds / run.file.seconds for run in measured], ".1f"),
        spread([run.file.peak for run in measured], ".0f"),
        spread([run.store.peak for run in measured], ".0f"),
    )
    return f"| {' | '.join(columns)} |"


if __name__ == "__main__":
    main()
