"""Finding out who holds a journal disturbs neither the holder nor a runner that starts."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest

from bulkops.errors import JournalLocked
from bulkops.journal.following.outlook import Writer
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.holder import (
    holder_of,
    is_alive,
    lock_of,
    read_with_holder,
    was_killed,
    writer_of,
)
from bulkops.journal.local.lock import locked
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.reader import read
from bulkops.journal.records import Ended, Execution, Holder
from bulkops.journal.replay import Replay, replay
from bulkops.journal.writer import create
from tests.journal.samples import HOLDER, first, header

BOB = Holder("bob", "build-8", 12, "2026-11-24T22:00:00.000Z")
NOTHING = Replay(header(0))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal without an execution; HOLDER started it."""
    path = tmp_path / "job.jsonl"
    create(JournalFile(path), first(1))
    return path


def append_to(journal: Path) -> None:
    """Write as a runner does: otherwise the lock file goes with the lock."""
    with journal.open("ab") as stream:
        stream.write(b"{")


def test_the_lock_file_names_the_holder(journal: Path) -> None:
    """Only while it is locked; the text that stays afterwards means nothing."""
    assert holder_of(journal, NOTHING) is None
    with locked(journal, BOB):
        assert holder_of(journal, NOTHING) == BOB
        append_to(journal)
    assert lock_of(journal).read_bytes()
    assert holder_of(journal, NOTHING) is None


def test_a_journal_is_held_by_any_name(journal: Path) -> None:
    """By a link, a hard link, and without its lock file: probably by its last runner."""
    link, hard = journal.with_name("link.jsonl"), journal.with_name("hard.jsonl")
    link.symlink_to(journal.name)
    hard.hardlink_to(journal)
    state = replay([*first(1), Execution(BOB, "1")])
    with locked(journal, BOB):
        assert holder_of(link, NOTHING) == BOB
        assert holder_of(hard, state) == BOB
        assert holder_of(hard, read(JournalFile(hard)).replay) == HOLDER
        lock_of(journal).unlink()
        assert holder_of(journal, state) == BOB


def test_looking_creates_nothing(journal: Path) -> None:
    """Neither a lock file nor anything else; a journal that is gone has no holder."""
    before = journal.stat()
    assert holder_of(journal, NOTHING) is None
    assert [place.name for place in journal.parent.iterdir()] == [journal.name]
    assert journal.stat() == before
    assert holder_of(journal.with_name("none.jsonl"), NOTHING) is None


def test_an_empty_lock_file_means_the_last_runner(journal: Path) -> None:
    """A runner has the lock but has not yet written its name."""
    with locked(journal, BOB):
        lock_of(journal).write_bytes(b"\0\0")
        assert holder_of(journal, NOTHING) == HOLDER


def test_a_runner_that_ends_while_a_journal_is_read_is_no_killed_one(journal: Path) -> None:
    """The journal is read again, because it has its end by then."""
    unfinished = replay([*first(1), Execution(BOB, "1")])
    finished = replay([*first(1), Execution(BOB, "1"), Ended("", "complete")])
    runner = ExitStack()
    runner.enter_context(locked(journal, BOB))
    readings = [finished, unfinished]

    def read() -> Replay:
        if len(readings) == 2:
            runner.close()
        return readings.pop()

    assert read_with_holder(journal, read) == (finished, None)
    readings = [unfinished]
    assert read_with_holder(journal, read) == (unfinished, None)
    readings = [unfinished]
    with locked(journal, BOB):
        assert read_with_holder(journal, read) == (unfinished, BOB)


def test_the_writers_state(journal: Path) -> None:
    """It holds the lock, another process does, it is gone, or it is on another machine."""
    me = Holder("ann", socket.gethostname(), os.getpid(), "2026-11-24T22:00:00.000Z")
    mine, bobs = (replay([*first(1), Execution(by, "1")]) for by in (me, BOB))
    with locked(journal, me):
        assert writer_of(journal, mine, is_alive) is Writer.HOLDS
        assert writer_of(journal, bobs, is_alive) is Writer.FOLLOWS
        append_to(journal)
    # It released the lock but still runs, for example to print to a full pipe.
    assert writer_of(journal, mine, is_alive) is Writer.GONE
    assert writer_of(journal, bobs, is_alive) is Writer.UNKNOWN
    place = LocalPlace(journal)
    assert was_killed(place, mine)
    assert not was_killed(place, bobs)
    assert not was_killed(
        LocalPlace(journal), replay([*first(1), Execution(me, "1"), Ended("", "complete")])
    )
    assert not was_killed(place, replay(first(1)))
    with locked(journal, BOB):
        append_to(journal)
    # Another process signed the lock file: this host's process writes elsewhere.
    assert writer_of(journal, mine, is_alive) is Writer.UNKNOWN
    assert writer_of(journal, mine, lambda _: False) is Writer.GONE
    lock_of(journal).unlink()
    assert writer_of(journal, mine, is_alive) is Writer.UNKNOWN
    assert writer_of(journal, mine, lambda _: False) is Writer.GONE


def test_a_killed_process_is_not_alive_before_its_parent_waits_for_it() -> None:
    """It keeps its number until its parent has waited for it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        runner = Holder("ann", socket.gethostname(), process.pid, "")
        assert is_alive(runner)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if sys.platform == "linux":
            assert not is_alive(runner)
    assert not is_alive(runner)
    assert not is_alive(msgspec.structs.replace(runner, pid=1 << 80))


def test_a_look_at_the_lock_refuses_no_runner(journal: Path) -> None:
    """Two threads look continuously while a runner locks and releases the journal 300 times."""
    over = Event()
    found = list[Holder | None]()

    def look() -> None:
        while not over.is_set():
            found.append(holder_of(journal, NOTHING))

    watchers = [Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(300):
            with locked(journal, BOB):
                pass
    finally:
        over.set()
        for watcher in watchers:
            watcher.join()
    # Each of them alternated with the runner.
    assert {BOB, None} <= {*found}


def test_a_runner_waits_for_a_look_and_not_for_a_runner(journal: Path) -> None:
    """A shared lock is waited for; an exclusive one is refused, even during a look."""
    with locked(journal, BOB):
        append_to(journal)
    looking = os.open(lock_of(journal), os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    began, got = Event(), Event()

    def run() -> None:
        began.set()
        with locked(journal, BOB):
            got.set()

    runner = Thread(target=run)
    runner.start()
    assert began.wait(10)
    assert not got.is_set()
    os.close(looking)
    runner.join()
    assert got.is_set()
    with locked(journal, BOB), pytest.raises(JournalLocked, match="bob"), locked(journal, HOLDER):
        pass
