"""A journal is created whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from bulkops.errors import JournalError, JournalWriteFailed
from bulkops.journal.reader import read
from bulkops.journal.replay import replay
from bulkops.journal.writer import CREATE_CHUNK, create
from tests.journal.disk import Disk, PowerCut
from tests.journal.samples import PATH, first

WHOLE = replay(first(3))


@pytest.mark.parametrize("keeping", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dies_after", [False, True])
def test_the_power_may_go_at_any_call(*, dies_after: bool, keeping: float) -> None:
    """There is no journal or a whole one, and the next attempt makes it."""
    number = 0
    while True:
        number += 1
        disk = Disk()
        disk.die_at, disk.dies_after = number, dies_after
        try:
            create(PATH, first(3), disk)
        except PowerCut:
            disk.power_on(keeping)
        else:
            break
        if PATH.name in disk.names():
            assert read(PATH, disk).replay == WHOLE
        else:
            create(PATH, first(3), disk)
            assert read(PATH, disk).replay == WHOLE
    assert number == 6


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_call_that_fails_leaves_no_journal(failing: int) -> None:
    """Create, write, sync, rename, the folder's sync: each failure says what to do."""
    disk = Disk()
    disk.fail = {failing: errno.ENOSPC}
    with pytest.raises(JournalWriteFailed, match=r"No space left.*make room") as failed:
        create(PATH, first(3), disk)
    assert failed.value.exit_code == 14
    assert not disk.open_files
    disk.power_on()
    assert PATH.name not in disk.names()


def test_it_is_synced_before_it_gets_its_name() -> None:
    """The file first, its name then, and the folder last."""
    disk = Disk()
    create(PATH, first(3), disk)
    assert disk.calls == ["create", "write", "sync", "rename", "sync_folder"]
    disk.power_on()
    assert read(PATH, disk).replay == WHOLE


def test_a_large_plan_is_one_group() -> None:
    """More lines than are written at once are synced once, and read back."""
    disk = Disk()
    disk.short = 100_000
    create(PATH, first(CREATE_CHUNK + 10), disk)
    assert disk.calls.count("sync") == 1
    assert len(read(PATH, disk).replay.operations) == CREATE_CHUNK + 10
    assert disk.content(PATH).count(b'"group":1,') == CREATE_CHUNK + 12


def test_a_journal_is_never_replaced(tmp_path: Path) -> None:
    """A file of that name stays as it is."""
    path = tmp_path / "job.jsonl"
    path.write_text("mine")
    with pytest.raises(JournalError, match="exists already"):
        create(path, first(3))
    assert path.read_text() == "mine"


def test_it_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """A journal names workspaces and people: mode 0600, whatever the umask."""
    path = tmp_path / "job.jsonl"
    create(path, first(3))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["job.jsonl"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message carries the journal's path and the system's reason."""
    path = tmp_path / "missing" / "job.jsonl"
    with pytest.raises(JournalWriteFailed, match=r"job\.jsonl: can't be written: No such file"):
        create(path, first(3))
