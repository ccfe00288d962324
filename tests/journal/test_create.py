"""A journal is created whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from bulkops.errors import JournalError, JournalWriteFailed
from bulkops.journal.disk import UNSUPPORTED, SystemFiles
from bulkops.journal.reader import read
from bulkops.journal.replay import replay
from bulkops.journal.writer import CREATE_CHUNK, create
from tests.journal.disk import Disk, PowerCut
from tests.journal.samples import PATH, append, first

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
    with pytest.raises(JournalWriteFailed, match=r"No space left.*Free some space") as failed:
        create(PATH, first(3), disk)
    assert failed.value.exit_code == 14
    assert not disk.open_files
    assert not [name for name in disk.names() if name.endswith(".new")]
    disk.power_on()
    assert PATH.name not in disk.names()


@pytest.mark.parametrize("error", sorted(UNSUPPORTED))
def test_a_folder_that_can_not_be_synced_is_no_reason_to_stop(
    error: int, caplog: pytest.LogCaptureFixture
) -> None:
    """CIFS, 9p, FUSE: the journal is created and opened, its torn tail cut; it is said once."""
    disk = Disk()
    disk.no_folder_sync = error
    create(PATH, first(3), disk)
    assert not caplog.messages
    disk.put(PATH, disk.content(PATH) + b"torn")
    append(disk, [])
    assert [r.msg for r in caplog.records] == ["journal_tail_cut", "folder_not_synced"]
    assert read(PATH, disk).replay == WHOLE


def test_what_another_process_has_left_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """Each new file has a name that was free, be the one before it a killed process's."""
    disk = Disk()
    for name in ("job.jsonl.new", "job.jsonl.new-2"):
        disk.put(PATH.with_name(name), b"left")
    create(PATH, first(3), disk)
    assert disk.names() == ["job.jsonl", "job.jsonl.new", "job.jsonl.new-2"]
    assert disk.content(PATH.with_name("job.jsonl.new-2")) == b"left"
    assert not caplog.messages


def test_a_journal_that_came_meanwhile_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late it comes: the name is given only where it is free."""
    disk = Disk()
    monkeypatch.setattr(disk, "exists", lambda _path: False)
    disk.put(PATH, b"another runner's")
    with pytest.raises(JournalError, match="exists already"):
        create(PATH, first(3), disk)
    assert disk.content(PATH) == b"another runner's"
    assert disk.names() == ["job.jsonl"]


@pytest.mark.parametrize("linked", [True, False])
def test_the_systems_own_rename_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """Neither with hard links nor on a file system without any, such as FAT."""
    if not linked:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"mine")
    new.write_bytes(b"another's")
    calls = SystemFiles()
    with pytest.raises(FileExistsError):
        calls.rename(old, new, replacing=False)
    assert (old.read_bytes(), new.read_bytes()) == (b"mine", b"another's")
    new.unlink()
    calls.rename(old, new, replacing=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("new", b"mine")]


def no_links(_path: Path, _target: Path) -> None:
    """Be a file system without hard links."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


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
