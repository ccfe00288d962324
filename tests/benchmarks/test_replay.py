"""The benchmark of reading a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.records import whole
from benchmarks.replay import main, write
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.report.model import report


def test_the_generated_journal_is_complete(tmp_path: Path) -> None:
    """The generated journal is intact, in groups, completed, verified and ended."""
    path = tmp_path / "job.jsonl"
    write(path, whole(100))
    contents = read(JournalFile(path))
    assert contents.scanner.seq - 1 == 1 + 100 + 1 + 2 * 100 + 2
    made = report(contents.replay)
    assert (made.counts, made.verified, made.ended) == ({"succeeded": 100}, 100, "complete")
    assert made.exit_code == 0


def test_both_are_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is a row for decoding, and one for reading with its ratio."""
    monkeypatch.chdir(tmp_path)
    main(["--operations", "50", "--runs", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert float(rows[3].split("|")[3]) > 0
    assert not list(tmp_path.iterdir())
