"""Measures reading a journal with all checks, compared with only decoding its lines.

The journal is a completed rollout: a header, operations, and an intent and a result for each. Both
read the same file with the same record type, alternating in one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import Busy, machine, spread
from benchmarks.records import whole
from bulkops.journal.lines import frame
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import Record, decode, encode
from bulkops.journal.states import Outcome

GROUP = 64
"""The lines per sync: this many operations wait for their intents."""


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a journal as a job does, but without syncs."""
    payloads = map(encode, records)
    seq, crc = 1, 0
    with path.open("wb") as stream:
        while group := list(islice(payloads, GROUP)):
            data, crc = frame(group, seq, seq, crc)
            seq += len(group)
            stream.write(data)


def decoding(path: Path) -> float:
    """Return the seconds it takes to decode every line without keeping it."""
    started = time.perf_counter()
    with path.open("rb") as stream:
        for line in stream:
            decode(line)
    return time.perf_counter() - started


def reading(path: Path, operations: int) -> float:
    """Return the seconds it takes to read the journal and the job's state."""
    started = time.perf_counter()
    replay = read(JournalFile(path)).replay
    seconds = time.perf_counter() - started
    if replay.count(Outcome.SUCCEEDED) != operations:
        raise RuntimeError("the journal was not read")
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.replay", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(arguments)
    busy = Busy()
    with TemporaryDirectory(dir=Path()) as folder:
        path = Path(folder) / "job.jsonl"
        write(path, whole(given.operations))
        size = path.stat().st_size
        pairs = [(decoding(path), reading(path, given.operations)) for _ in range(given.runs)]
    print(machine("msgspec"))
    print(f"{given.operations:,} operations, {size / 1e6:,.0f} MB, {given.runs} runs\n")
    print("| | seconds, median (range) | ÷ decoding |")
    print("|---|---|---|")
    print(f"| decoding its lines | {spread([d for d, _ in pairs], '.2f')} | 1 |")
    ratios = spread([r / d for d, r in pairs], ".2f")
    print(f"| reading the journal | {spread([r for _, r in pairs], '.2f')} | {ratios} |")
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


if __name__ == "__main__":
    main()
