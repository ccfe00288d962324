"""A second runner of one journal, by whatever name it comes: exit 11, and nothing done twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkops.simulator.faults import Faults
from tests.cli.support import Process, World, ended, workspaces
from tests.conftest import Here
from tests.sampling import first


def symlink(journal: Path) -> Path:
    """Return another name of a journal: a link in another folder."""
    other = journal.parent / "elsewhere" / "other.jsonl"
    other.parent.mkdir()
    other.symlink_to(Path("..", journal.name))
    return other


def hard_link(journal: Path) -> Path:
    """Return another name of a journal that is as good as the first."""
    other = journal.with_name("other.jsonl")
    other.hardlink_to(journal)
    return other


def lock_removed(journal: Path) -> Path:
    """Return the same name, after its lock file is removed."""
    journal.with_name(f"{journal.name}.lock").unlink()
    return journal


def lock_replaced(journal: Path) -> Path:
    """Return the same name, with another lock file of the same name."""
    lock = journal.with_name(f"{journal.name}.lock")
    text = lock.read_bytes()
    lock.unlink()
    lock.write_bytes(text)
    return journal


def moved(journal: Path) -> Path:
    """Return the only name that a journal has by now."""
    return journal.rename(journal.with_name("moved.jsonl"))


BY = pytest.mark.parametrize("by", [symlink, hard_link, lock_removed, lock_replaced, moved])


@contextmanager
def running(world: World) -> Iterator[Process]:
    """Start a runner that waits forever for the answer to its first write."""
    world.simulator.faults = Faults.parse("POST:hang-before=100%", 0)
    first = world.start(*world.applying)
    assert first.stderr is not None
    while "Journal: " not in first.stderr.readline():
        pass
    while b'"type":"intent"' not in world.journal.read_bytes():
        pass
    try:
        yield first
    finally:
        first.kill()
        ended(first)
        world.simulator.faults = None


@BY
@pytest.mark.parametrize("command", ["apply", "resume", "undo", "repair"])
def test_a_second_runner_is_refused(world: World, here: Here, by: object, command: str) -> None:
    """A link, a hard link, a removed or replaced lock file: exit 11, which names the holder."""
    with running(world) as first:
        assert callable(by)
        other = os.path.relpath(by(world.journal), world.folder)
        before = world.writes
        commands = {
            "apply": ("apply", "job.toml", "--journal", other, "--yes"),
            "resume": ("resume", other, "--yes"),
            "undo": ("undo", other, "--yes"),
            "repair": ("journal", "repair", other, "--accept-loss"),
        }
        refused = here(*commands[command])
        assert refused.code == 11, refused.err
        assert f"pid {first.pid}, since 20" in refused.err
        assert world.writes == before


@BY
def test_a_killed_runner_holds_nothing(world: World, here: Here, by: object) -> None:
    """After SIGKILL the journal resumes under its other name, and each workspace changes once."""
    with running(world) as first:
        assert callable(by)
        other = os.path.relpath(by(world.journal), world.folder)
        first.send_signal(signal.SIGKILL)
    assert here("apply", "job.toml", "--journal", other, "--yes").code == 0
    assert world.changed() == dict.fromkeys(workspaces(12), 1)


def test_two_runners_that_start_together_do_nothing_twice(world: World) -> None:
    """Though the lock file is removed again and again, one journal has one runner."""
    lock = world.journal.with_name("scan.jsonl.lock")
    processes = [world.start(*world.applying) for _ in range(4)]
    while any(process.poll() is None for process in processes):
        lock.unlink(missing_ok=True)
    codes = [ended(process).code for process in processes]
    assert set(codes) <= {0, 1, 11}
    assert 0 in codes
    assert world.changed() == dict.fromkeys(workspaces(12), 1)


def test_a_dangling_link_is_followed(world: World, here: Here) -> None:
    """The journal and its lock are created where the link leads to; the link stays."""
    (world.folder / "real").mkdir()
    world.journal.symlink_to("real/journal.jsonl")
    assert here(*world.applying).code == 0
    assert world.journal.is_symlink()
    names = {path.name for path in (world.folder / "real").iterdir()}
    assert names == {"journal.jsonl", "journal.jsonl.lock"}
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert (world.folder / "real" / "journal.undo.jsonl").is_file()


def test_the_folders_lock_is_the_folders_own(world: World, here: Here) -> None:
    """Without ``--journal``, and with the folder's lock file removed: still exit 11."""
    world.simulator.faults = Faults.parse("POST:hang-before=100%", 0)
    first = world.start("apply", "job.toml", "--yes")
    assert first.stderr is not None
    while "Journal: " not in first.stderr.readline():
        pass
    (journal,) = world.folder.rglob("*.jsonl")
    in_use = f"{journal.relative_to(world.folder)} is in use by "
    assert in_use in here("apply", "job.toml", "--yes").err
    (world.folder / ".bulkops" / "scan" / "folder.lock").unlink()
    refused = here("apply", "job.toml", "--yes")
    assert refused.code == 11
    assert "scan is in use by another process" in refused.err
    assert len(list(world.folder.rglob("*.jsonl"))) == 1
    first.kill()
    ended(first)


def test_an_undo_into_the_journal_itself_is_refused(world: World, here: Here) -> None:
    """By its name, a link or a hard link: exit 2, and the journal is as it was."""
    assert here(*world.applying).code == 0
    before = world.journal.read_bytes()
    (world.folder / "link.jsonl").symlink_to("scan.jsonl")
    (world.folder / "hard.jsonl").hardlink_to(world.journal)
    for name in ("scan.jsonl", "link.jsonl", "hard.jsonl"):
        refused = here("undo", "scan.jsonl", "--journal", name, "--yes")
        assert refused.code == 2
        assert "is the journal to be undone" in refused.err
    assert world.journal.read_bytes() == before


NO_LOCKS = """
import errno, fcntl, os
def no_lock(descriptor, how):
    raise OSError(errno.{error}, os.strerror(errno.{error}))
fcntl.flock = no_lock
from bulkops.cli import main
main()
"""


@pytest.mark.parametrize("error", first(1, ["ENOLCK", "ENOSYS", "ENOTSUP"]))
def test_a_file_system_without_locks_is_refused(world: World, error: str) -> None:
    """A file system without locks, like Lustre, is exit 14 with a message, and no lock is left."""
    program = [sys.executable, "-c", NO_LOCKS.format(error=error), *world.applying]
    done = ended(world.start_program(program))
    assert done.code == 14
    assert "its file system has no locks" in done.err
    assert "Put the journal on another file system" in done.err
    assert world.writes == 0
    assert world.apply().code == 0
