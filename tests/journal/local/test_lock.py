"""One runner per journal, with real locks, a real second process and a real SIGKILL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkops.errors import JournalLocked, JournalWriteFailed
from bulkops.journal.local import lock
from bulkops.journal.local.disk import lock_now
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
from tests.journal.samples import HOLDER

HOLD = """
import sys
from pathlib import Path
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
with locked(Path(sys.argv[1]), Holder("bob", "build-8", 1, "2026-11-24T22:00:00.000Z")):
    print("held", flush=True)
    sys.stdin.read()
"""
NO_ROOM = """
import resource, sys
sys.dont_write_bytecode = True
from pathlib import Path
from bulkops.errors import JournalWriteFailed
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with locked(Path(sys.argv[1]), Holder("bob", "build-8", 1, "2026")):
        print("held")
except JournalWriteFailed as error:
    print("refused")
"""


@contextmanager
def another_process(journal: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_the_holder_named(tmp_path: Path) -> None:
    """The message has the journal, user, host, pid and start."""
    journal = tmp_path / "job.jsonl"
    with another_process(journal):
        with pytest.raises(JournalLocked) as refused, locked(journal, HOLDER):
            pass
        assert str(refused.value) == (
            f"{journal} is in use by bob on build-8, pid 1, since "
            "2026-11-24T22:00:00.000Z. Wait until it ends, or stop it and run the same command "
            "again, or add --wait"
        )
        assert refused.value.exit_code == 11


def test_the_kernel_releases_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    """After a SIGKILL nothing has to be removed."""
    journal = tmp_path / "job.jsonl"
    with another_process(journal) as process:
        process.kill()
        process.wait()
        with locked(journal, HOLDER):
            pass


def test_one_process_can_not_lock_a_journal_twice(tmp_path: Path) -> None:
    """Two jobs in one process are two runners; each releases the lock at its end."""
    journal = tmp_path / "job.jsonl"
    for _ in range(2):
        with locked(journal, HOLDER):
            with pytest.raises(JournalLocked, match="ann on build-7"), locked(journal, HOLDER):
                pass
            with pytest.raises(JournalLocked, match="ann on build-7"), locked(journal, HOLDER):
                pass


def test_an_empty_lock_file_locks_as_well(tmp_path: Path) -> None:
    """Between locking and signing, the holder is reported as another process."""
    journal = tmp_path / "job.jsonl"
    with locked(journal, HOLDER):
        journal.with_name("job.jsonl.lock").write_bytes(b"")
        with (
            pytest.raises(JournalLocked, match="in use by another process"),
            locked(journal, HOLDER),
        ):
            pass


def test_a_lock_in_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    """Exit 14, and no traceback."""
    (tmp_path / "file").touch()
    journal = tmp_path / "file" / "job.jsonl"
    with pytest.raises(JournalWriteFailed, match="nothing was sent"), locked(journal, HOLDER):
        pass


def test_a_full_disk_is_reported_before_anything_is_sent(tmp_path: Path) -> None:
    """If the holder's name can't be written, the journal can't be either."""
    command = [sys.executable, "-c", NO_ROOM, str(tmp_path / "job.jsonl")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("refused\n", "")


def test_a_lock_file_removed_while_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open file has no name any more: no other process would check it."""
    journal, removed = tmp_path / "job.jsonl", list[Path]()

    def remove_first(descriptor: int) -> None:
        if not removed:
            removed.append(tmp_path / "job.jsonl.lock")
            removed[0].unlink()
        lock_now(descriptor)

    monkeypatch.setattr(lock, "lock_now", remove_first)
    with locked(journal, HOLDER):
        assert removed
        with pytest.raises(JournalLocked, match="ann on build-7"), locked(journal, HOLDER):
            pass


def test_a_lock_file_is_removed_if_nothing_was_started(tmp_path: Path) -> None:
    """If this process created it and the journal is as before; any other lock file stays."""
    journal, name = tmp_path / "job.jsonl", tmp_path / "job.jsonl.lock"
    with locked(journal, HOLDER):
        assert name.exists()
    assert not name.exists()
    with locked(journal, HOLDER):
        journal.touch()
    assert name.exists()
    name.unlink()
    with locked(journal, HOLDER):
        pass
    assert not name.exists()
    with locked(journal, HOLDER):
        journal.write_bytes(b"resumed")
    assert name.exists()
    journal.unlink()
    with locked(journal, HOLDER):
        pass
    assert name.exists()


def test_a_lock_file_that_replaced_the_held_one_is_not_removed(tmp_path: Path) -> None:
    """Another process created it, after a user had removed the locked one."""
    journal, name = tmp_path / "job.jsonl", tmp_path / "job.jsonl.lock"
    with locked(journal, HOLDER):
        name.unlink()
        name.write_bytes(b"another")
    assert name.read_bytes() == b"another"


def test_a_process_that_opened_a_removed_lock_file_makes_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first holder removes its file between another process's open and lock calls."""
    journal, name = tmp_path / "job.jsonl", tmp_path / "job.jsonl.lock"
    first = locked(journal, HOLDER)
    first.__enter__()
    ended = list[bool]()

    def first_ends(descriptor: int) -> None:
        if not ended:
            ended.append(first.__exit__(None, None, None) or True)
            assert not name.exists()
        lock_now(descriptor)

    monkeypatch.setattr(lock, "lock_now", first_ends)
    with locked(journal, HOLDER):
        assert ended
        assert name.exists()
        with pytest.raises(JournalLocked, match="ann on build-7"), locked(journal, HOLDER):
            pass


def test_the_lock_is_released_at_the_end_of_its_block(tmp_path: Path) -> None:
    """Even if the block raises."""
    journal = tmp_path / "job.jsonl"
    with pytest.raises(ZeroDivisionError), locked(journal, Holder("a", "b", 1, "")):
        raise ZeroDivisionError
    with locked(journal, HOLDER):
        pass
