"""The default folder of a job's journals: named by time, the newest unfinished one first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkops.errors import JobError, JournalDamaged, JournalError, JournalWriteFailed
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.folder import all_journals, created, default_folder, new
from bulkops.journal.local.ownership import check_folder
from bulkops.journal.local.place import FolderOfJob
from bulkops.journal.place import Place
from bulkops.journal.reader import read
from bulkops.journal.writer import create
from tests.journal.samples import first

NOW = datetime(2026, 11, 24, 21, 58, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of a job called scan."""
    folder = default_folder() / "scan"
    with created(folder):
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
        create(JournalFile(new(folder, NOW.replace(hour=hour))), first(operations))

    def fits(place: Place) -> bool:
        return read(place.reader()).replay.header.operations != 2

    found = FolderOfJob(folder).newest(fits)
    assert str(found) == str(folder / "20261124T115803Z.jsonl")
    assert FolderOfJob(folder).newest(lambda _: False) is None


def test_the_second_journal_of_a_second_is_newer_than_the_first(folder: Path) -> None:
    """At any number: the tenth is newer than the ninth."""
    for _ in range(11):
        create(JournalFile(new(folder, NOW)), first(1))
    found = FolderOfJob(folder).newest(lambda _: True)
    assert str(found) == str(folder / "20261124T215803Z-11.jsonl")


def test_a_damaged_newer_journal_is_not_skipped(folder: Path) -> None:
    """Its content is unknown, so no older one is resumed."""
    create(JournalFile(new(folder, NOW)), first(1))
    later = new(folder, NOW.replace(hour=23))
    create(JournalFile(later), first(1))
    later.write_bytes(later.read_bytes()[:-1])
    with pytest.raises(JournalDamaged):
        FolderOfJob(folder).newest(lambda place: bool(read(place.reader())))
    later.write_text("no journal")
    with pytest.raises(JournalError):
        FolderOfJob(folder).newest(lambda place: bool(read(place.reader())))


def test_a_folder_that_can_not_be_created_is_reported() -> None:
    """Exit 14, and what to do next."""
    Path(".bulkops").write_text("a file")
    with (
        pytest.raises(JournalWriteFailed, match="choose another place for the journal"),
        created(default_folder() / "scan"),
    ):
        pass


def test_a_folder_without_a_journal_is_removed_again() -> None:
    """Only if this created it, and with it ``.bulkops``; a folder with a file stays."""
    folder = default_folder() / "scan"
    for _ in range(2):
        with created(folder):
            assert folder.is_dir()
            with created(folder):
                pass
            assert folder.is_dir()
        assert not Path(".bulkops").exists()
    with created(folder):
        (folder / "20261124T215803Z.jsonl").touch()
    with created(default_folder() / "other"):
        pass
    assert list(Path(".bulkops").iterdir()) == [folder]


def test_the_journals_of_all_jobs_include_those_of_a_fleets_shards() -> None:
    """Two folders deeper, by the job's name as well; nothing else there counts."""
    names = ("scan/1.jsonl", "fleet/acme-1/scan/1.jsonl", "fleet/acme-1/lint/1.jsonl")
    for name in (*names, "fleet/acme-1/1.jsonl"):
        path = default_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    everything = {
        str(path.relative_to(default_folder())) for path in all_journals(default_folder())
    }
    assert everything == set(names)
    assert len(all_journals(default_folder(), "scan")) == 2


def test_a_world_writable_folder_of_a_fleet_is_refused() -> None:
    """Whoever may write to it, or to one above it, can replace the shards' journals."""
    folder = default_folder() / "fleet" / "acme-1" / "scan"
    folder.mkdir(parents=True)
    check_folder(folder / "1.jsonl", trusted=False)
    for above in (folder, *list(folder.parents)[:3]):
        above.chmod(0o777)
        with pytest.raises(JobError, match="world-writable"):
            check_folder(folder / "1.jsonl", trusted=False)
        above.chmod(0o755)
