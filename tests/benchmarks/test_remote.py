"""The benchmarks of journals in object storage at a tiny size: what they count, not how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import object_store, remote, segments
from benchmarks.case import Case, Figures
from benchmarks.object_store import BUCKET, Put
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.opening import open_store
from tests.journal.remote.contract import FACTS, Bucket

TINY = Case(
    pacing="bulkops", window="sliding", latency=0.001, jitter=0.0, rate=100, seconds=0.1, seed=1
)


def test_the_store_keeps_the_contract(subtests: pytest.Subtests) -> None:
    """The benchmarks' server does what every store must do."""
    with object_store.serving(0.0) as running:
        bucket = Bucket(open_store(Address("s3", BUCKET, "any"), running.env), by_content=True)
        for fact in FACTS:
            with subtests.test(fact.__name__):
                fact(bucket)


def test_the_store_lists_in_pages_and_notes_writes() -> None:
    """A list has every key of all pages; a refused write is noted, too."""
    keys = {f"a/{number:04}": b"" for number in range(2 * object_store.PAGE + 1)}
    with object_store.serving(0.0, keys) as running:
        store = open_store(Address("s3", BUCKET, "any"), running.env)
        assert list(store.names("a/")) == sorted(keys)
        store.create("a/0000", b"1234")
        store.create("b", b"12")
        assert running.puts() == [Put("a/0000", 4, 412), Put("b", 2, 200)]


def test_a_run_writes_each_workspace_and_its_journal() -> None:
    """The rollout completes; its journal is in segments, and its lease beside them."""
    with object_store.serving(0.001) as store:
        figures = remote.applied(TINY, f"s3://{BUCKET}/run", store.env)
        keys = {put.key for put in store.puts() if put.status == 200}
    assert figures.writes == TINY.writes == 11
    assert keys > {"run/00000001.jsonl", "run/00000002.jsonl", "run/00000003.jsonl", "run/lease"}


def test_segments_count_apart_from_other_writes() -> None:
    """Writes are numbers and kB per 1,000 operations."""
    figures = Figures(use=0.5, refused=0.0, writes=500, seconds=10.0)
    puts = [Put("a/00000001.jsonl", 3000, 200), Put("a/00000002.jsonl", 1000, 200)]
    pair = remote.Pair(figures, figures, [*puts, Put("a/lease", 500, 200)])
    assert pair.per_thousand(segments=True) == (4.0, 8.0)
    assert pair.per_thousand(segments=False) == (2.0, 1.0)


@pytest.mark.long
def test_remote_prints_a_row_per_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """There is a row for each limit and latency of the store."""
    remote.main(["--seconds", "0.2", "--runs", "1"])
    rows = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("| 3", "| 1"))
    ]
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {rate}/s", f"{latency * 1000:.0f} ms"] for rate, latency in remote.SETTINGS
    ]


def test_in_virtual_time_a_slow_sync_costs_little(capsys: pytest.CaptureFixture[str]) -> None:
    """There is a row for a disk and for each latency of the store, and no 429."""
    remote.main(["--virtual", "--seconds", "2", "--runs", "1"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    assert [(limit, sync) for limit, sync, _, _ in rows] == [
        (limit, sync) for limit in ("30/s", "100/s") for sync in ("2 ms", "40 ms", "100 ms")
    ]
    assert all(float(use) > 0.85 and refused == "0.00" for _, _, use, refused in rows)


def test_the_generated_segments_are_a_journal(tmp_path: Path) -> None:
    """Together they are a completed journal: the plan first, then as many groups as asked for."""
    parts = list(segments.segments(100, 10))
    assert len(parts) == 11
    path = tmp_path / "job.jsonl"
    path.write_bytes(b"".join(parts))
    assert read(JournalFile(path)).scanner.seq - 1 == 1 + 100 + 1 + 2 * 100 + 2


@pytest.mark.long
def test_segments_reads_both(capsys: pytest.CaptureFixture[str]) -> None:
    """The same journal is read from a file and from the store."""
    segments.main(["--operations", "5", "--segments", "3", "--latency", "0.001", "--runs", "1"])
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| 4"))
    assert all(float(column) > 0 for column in row.strip("|").split("|"))
