"""A journal is created completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from bulkops.errors import JournalError, JournalWriteFailed
from bulkops.journal.local.disk import UNSUPPORTED, SystemFiles
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.replay import replay
from bulkops.journal.writer import CREATE_CHUNK, create
from tests.journal.disk import Disk, PowerCut
from tests.journal.samples import PATH, append, first

WHOLE = replay(first(3))


@pytest.mark.parametrize("keeping", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dies_after", [False, True])
def test_a_power_cut_at_any_call_leaves_no_partial_journal(
    *, dies_after: bool, keeping: float
) -> None:
    """There is no journal or a complete one, and the next attempt creates it."""
    number = 0
    while True:
        number += 1
        disk = Disk()
        disk.die_at, disk.dies_after = number, dies_after
        try:
            create(JournalFile(PATH, disk), first(3))
        except PowerCut:
            disk.power_on(keeping)
        else:
            break
        if PATH.name in disk.names():
            assert read(JournalFile(PATH, disk)).replay == WHOLE
        else:
            create(JournalFile(PATH, disk), first(3))
            assert read(JournalFile(PATH, disk)).replay == WHOLE
    assert number == 6


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_call_that_fails_leaves_no_journal(failing: int) -> None:
    """Create, write, sync, rename, folder sync: each failure says what to do next."""
    disk = Disk()
    disk.fail = {failing: errno.ENOSPC}
    with pytest.raises(JournalWriteFailed, match=r"No space left.*Free some space") as failed:
        create(JournalFile(PATH, disk), first(3))
    assert failed.value.exit_code == 14
    assert not disk.open_files
    assert not [name for name in disk.names() if name.endswith(".new")]
    disk.power_on()
    assert PATH.name not in disk.names()


@pytest.mark.parametrize("error", sorted(UNSUPPORTED))
def test_a_folder_that_can_not_be_synced_is_tolerated(
    error: int, caplog: pytest.LogCaptureFixture
) -> None:
    """CIFS, 9p, FUSE: the journal is created, opened and cut; one warning is logged."""
    disk = Disk()
    disk.no_folder_sync = error
    create(JournalFile(PATH, disk), first(3))
    assert not caplog.messages
    disk.put(PATH, disk.content(PATH) + b"torn")
    append(disk, [])
    assert [r.msg for r in caplog.records] == ["journal_tail_cut", "folder_not_synced"]
    assert read(JournalFile(PATH, disk)).replay == WHOLE


def test_files_of_a_killed_process_are_not_touched(caplog: pytest.LogCaptureFixture) -> None:
    """New files get unused names."""
    disk = Disk()
    for name in ("job.jsonl.new", "job.jsonl.new-2"):
        disk.put(PATH.with_name(name), b"left")
    create(JournalFile(PATH, disk), first(3))
    assert disk.names() == ["job.jsonl", "job.jsonl.new", "job.jsonl.new-2"]
    assert disk.content(PATH.with_name("job.jsonl.new-2")) == b"left"
    assert not caplog.messages


def test_a_journal_created_in_the_meantime_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late it is created: the name is taken only if it is unused."""
    disk = Disk()
    monkeypatch.setattr(disk, "exists", lambda _path: False)
    disk.put(PATH, b"another runner's")
    with pytest.raises(JournalError, match="exists already"):
        create(JournalFile(PATH, disk), first(3))
    assert disk.content(PATH) == b"another runner's"
    assert disk.names() == ["job.jsonl"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'[operation]\nkind = "attach"\n',
            "exists already, and is a job file: choose another",
        ),
        (b"notes", "exists already, and is not a journal: choose another path"),
        (b'{"seq":1,"group":1,"type":"header"', "exists already. Resume it with `resume_journal`"),
    ],
    ids=["job", "text", "journal"],
)
def test_what_exists_already_is_named(content: bytes, words: str) -> None:
    """Only a journal can be resumed."""
    disk = Disk()
    disk.put(PATH, content)
    with pytest.raises(JournalError, match=re.escape(words)):
        create(JournalFile(PATH, disk), first(3))


@pytest.mark.parametrize("linked", [True, False])
def test_the_real_rename_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """Neither with hard links nor on a file system without them, such as FAT."""
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


def test_a_journal_is_synced_before_it_gets_its_name() -> None:
    """First the file, then its name, then the folder."""
    disk = Disk()
    create(JournalFile(PATH, disk), first(3))
    assert disk.calls == ["create", "write", "sync", "rename", "sync_folder"]
    disk.power_on()
    assert read(JournalFile(PATH, disk)).replay == WHOLE


def test_a_large_plan_is_one_group() -> None:
    """Lines of several writes are synced once, and read back."""
    disk = Disk()
    disk.short = 100_000
    create(JournalFile(PATH, disk), first(CREATE_CHUNK + 10))
    assert disk.calls.count("sync") == 1
    assert len(read(JournalFile(PATH, disk)).replay.operations) == CREATE_CHUNK + 10
    assert disk.content(PATH).count(b'"group":1,') == CREATE_CHUNK + 12


def test_a_journal_is_never_replaced(tmp_path: Path) -> None:
    """An existing file of that name is not changed."""
    path = tmp_path / "job.jsonl"
    path.write_text("mine")
    with pytest.raises(JournalError, match="exists already"):
        create(JournalFile(path), first(3))
    assert path.read_text() == "mine"


def test_a_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """It names workspaces and people: mode 0600, regardless of the umask."""
    path = tmp_path / "job.jsonl"
    create(JournalFile(path), first(3))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["job.jsonl"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message has the journal's path and the system's reason."""
    path = tmp_path / "missing" / "job.jsonl"
    with pytest.raises(JournalWriteFailed, match=r"job\.jsonl: can't be written: No such file"):
        create(JournalFile(path), first(3))
