"""The benchmark of the journal and SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import journal
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read


def test_all_three_write_every_record(tmp_path: Path) -> None:
    """All timed records exist afterwards, in the journal and in both tables."""
    journal.journal_seconds(tmp_path, writers=3, records=4)
    journal.grouped_seconds(tmp_path, writers=3, records=4)
    journal.single_seconds(tmp_path, records=12)
    assert read(JournalFile(tmp_path / "job.jsonl")).scanner.seq - 1 == 1 + 3 + 3 * 4
    for name in ("grouped.sqlite", "single.sqlite"):
        with closing(sqlite3.connect(tmp_path / name)) as database:
            (count,) = database.execute("SELECT count(*) FROM journal").fetchone()
            assert count == 12, name


def test_sqlite_syncs_every_commit(tmp_path: Path) -> None:
    """SQLite uses WAL with FULL, because a weaker setting would not be comparable."""
    with closing(journal._database(tmp_path / "some.sqlite")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_tmpfs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tmpfs, where a sync is free, the benchmark refuses to run."""
    monkeypatch.setattr(journal, "file_system", lambda _path: "tmpfs")
    with pytest.raises(SystemExit, match="tmpfs"):
        journal.main(["--runs", "1"])


def test_the_table_has_a_row_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal is the first row, with a ratio of 1."""
    words = ["--folder", str(tmp_path), "--writers", "2", "--records", "2", "--runs", "1"]
    try:
        journal.main(words)
    except SystemExit as refused:
        pytest.skip(str(refused))
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert rows[2].endswith("| 1.00 |")
