"""Measures durable records per second with many waiting writers: the journal and SQLite.

SQLite uses WAL mode with ``synchronous=FULL``, which is as durable as the journal: once with a
commit per record, and once with one commit for the records of all waiting coroutines, in a thread
like the journal's writes. All write the same records in the same encoding, alternating on the same
disk.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

from benchmarks.machine import Busy, machine, spread
from benchmarks.records import finished, header, planned
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import Record, encode
from bulkops.journal.writer import Journal, create

Append = Callable[[Record], Awaitable[None]]


def journal_seconds(folder: Path, writers: int, records: int) -> float:
    """Return the seconds that the journal takes for ``records`` records per writer."""
    path = folder / "job.jsonl"
    create(JournalFile(path), [header(operations=writers), *map(planned, range(writers))])

    async def run() -> float:
        async with Journal.open(JournalFile(path), read(JournalFile(path))) as journal:
            return await _written(journal.append, writers, records)

    return anyio.run(run)


def grouped_seconds(folder: Path, writers: int, records: int) -> float:
    """Return the seconds that SQLite takes for the same, with a commit per group."""

    async def run() -> float:
        with closing(_database(folder / "grouped.sqlite")) as database:
            grouped = Grouped(database)
            async with anyio.create_task_group() as group:
                group.start_soon(grouped.commit_waiting)
                seconds = await _written(grouped.append, writers, records)
                group.cancel_scope.cancel()
            return seconds

    return anyio.run(run)


def single_seconds(folder: Path, records: int) -> float:
    """Return the seconds that SQLite takes for ``records`` records with a commit each."""
    with closing(_database(folder / "single.sqlite")) as database:
        record = finished(0)
        started = time.perf_counter()
        for _ in range(records):
            _insert(database, [encode(record)])
        return time.perf_counter() - started


class Grouped:
    """A table that many coroutines append to; one commit covers all waiting records."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._waiting: list[bytes] = []
        self._durable = anyio.Event()
        self._more = anyio.Event()

    async def append(self, record: Record) -> None:
        """Append the record and wait until it is durable."""
        if not self._waiting:
            self._more.set()
        self._waiting.append(encode(record))
        await self._durable.wait()

    async def commit_waiting(self) -> None:
        """Commit, group by group, until cancelled."""
        while True:
            await self._more.wait()
            lines, self._waiting = self._waiting, []
            durable, self._durable = self._durable, anyio.Event()
            self._more = anyio.Event()
            await anyio.to_thread.run_sync(partial(_insert, self._database, lines))
            durable.set()


def _database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, line BLOB NOT NULL)")
    return database


def _insert(database: sqlite3.Connection, lines: list[bytes]) -> None:
    database.execute("BEGIN")
    database.executemany("INSERT INTO journal (line) VALUES (?)", [(line,) for line in lines])
    database.execute("COMMIT")


async def _written(append: Append, writers: int, records: int) -> float:
    async def writer(number: int) -> None:
        record = finished(number)
        for _ in range(records):
            await append(record)

    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(writers):
            group.start_soon(writer, number)
    return time.perf_counter() - started


def file_system(path: Path) -> str:
    """Return the type of a path's file system, empty if it is unknown."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    mounts = {Path(line.split()[1]): line.split()[2] for line in lines}
    return next(mounts[place] for place in (path, *path.resolve().parents) if place in mounts)


def rates(place: Path, writers: int, records: int) -> tuple[float, float, float]:
    """Return the records per second of the journal, SQLite in groups, and SQLite one by one."""
    singles = max(records, 100)
    with TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        return (
            writers * records / journal_seconds(folder, writers, records),
            writers * records / grouped_seconds(folder, writers, records),
            singles / single_seconds(folder, singles),
        )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.journal", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk to use")
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--records", type=int, default=300, help="records per writer")
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args(arguments)
    kind = file_system(given.folder.resolve())
    if kind in ("tmpfs", "ramfs"):
        raise SystemExit(
            f"{given.folder}: is on {kind}, where a sync is free: use another --folder"
        )
    busy = Busy()
    measured = [rates(given.folder, given.writers, given.records) for _ in range(given.runs)]
    print(machine(), f"SQLite {sqlite3.sqlite_version}, {kind or 'unknown file system'}", sep="; ")
    print(f"{given.writers} writers, {given.runs} runs: median (range)\n")
    print("| records | per second | journal ÷ this |")
    print("|---|---|---|")
    names = ("journal", "SQLite, a commit per group", "SQLite, a commit per record")
    for column, name in enumerate(names):
        rate = spread([run[column] for run in measured], ",.0f")
        print(f"| {name} | {rate} | {spread([run[0] / run[column] for run in measured], '.2f')} |")
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


if __name__ == "__main__":
    main()
