"""The default folder of a job's journals: named by time, the newest unfinished one first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkops.errors import JournalDamaged, JournalError, JournalWriteFailed
from bulkops.journal.local.folder import folder_of, new, newest
from bulkops.journal.writer import create
from tests.journal.samples import first

NOW = datetime(2026, 11, 24, 21, 58, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of a job called scan."""
    with folder_of("scan") as folder:
        yield folder


def test_a_journal_is_named_by_its_utc_time(folder: Path) -> None:
    """A second one within the same second gets a number."""
    assert folder == Path(".bulkops", "scan")
    names = []
    for _ in range(3):
        path = new(folder, NOW)
        path.touch()
        names.append(path.name)
    assert names == [f"20261124T215803Z{number}.jsonl" for number in ("", "-2", "-3")]


def test_the_newest_fitting_journal_is_chosen(folder: Path) -> None:
    """By time of creation; none if none fits."""
    for operations, hour in ((1, 10), (2, 12), (3, 11)):
        create(new(folder, NOW.replace(hour=hour)), first(operations))
    found = newest(folder, lambda replay: replay.header.operations != 2)
    assert found == folder / "20261124T115803Z.jsonl"
    assert newest(folder, lambda _: False) is None


def test_the_second_journal_of_a_second_is_newer_than_the_first(folder: Path) -> None:
    """At any number: the tenth is newer than the ninth."""
    for _ in range(11):
        create(new(folder, NOW), first(1))
    assert newest(folder, lambda _: True) == folder / "20261124T215803Z-11.jsonl"


def test_a_damaged_newer_journal_is_not_skipped(folder: Path) -> None:
    """Its content is unknown, so no older one is resumed."""
    create(new(folder, NOW), first(1))
    later = new(folder, NOW.replace(hour=23))
    create(later, first(1))
    later.write_bytes(later.read_bytes()[:-1])
    with pytest.raises(JournalDamaged):
        newest(folder, lambda _: True)
    later.write_text("no journal")
    with pytest.raises(JournalError):
        newest(folder, lambda _: True)


def test_a_folder_that_can_not_be_created_is_reported() -> None:
    """Exit 14, and what to do next."""
    Path(".bulkops").write_text("a file")
    with (
        pytest.raises(JournalWriteFailed, match="Choose another path with --journal"),
        folder_of("scan"),
    ):
        pass


def test_a_folder_without_a_journal_is_removed_again() -> None:
    """Only if this created it, and with it ``.bulkops``; a folder with a file stays."""
    for _ in range(2):
        with folder_of("scan") as folder:
            assert folder.is_dir()
            with folder_of("scan"):
                pass
            assert folder.is_dir()
        assert not Path(".bulkops").exists()
    with folder_of("scan") as folder:
        (folder / "20261124T215803Z.jsonl").touch()
    with folder_of("other"):
        pass
    assert list(Path(".bulkops").iterdir()) == [folder]
