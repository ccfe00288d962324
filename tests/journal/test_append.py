"""Appending: synced groups, one at a time, and nothing after the first failure."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from bulkops.errors import JournalLocked, JournalWriteFailed, Unauthorized
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import Ended, Result
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome
from bulkops.journal.writer import LINGER_SECONDS, Journal, create
from tests.journal.disk import Disk
from tests.journal.samples import (
    AT,
    PATH,
    append,
    first,
    grown,
    inline,
    intent,
    result,
    slow,
    take_turns,
)
from tests.virtual_time import run


def created(operations: int) -> Disk:
    """Return a disk with a journal just created, its calls not counted."""
    disk = Disk()
    grown(disk, [], operations)
    disk.calls.clear()
    return disk


def test_concurrent_records_share_a_sync() -> None:
    """A hundred concurrent appends take two groups; each returns once it is synced."""
    disk = created(100)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:

            async def one(number: int) -> None:
                await journal.append(intent(number))
                assert b'"attach:ws-%d","at"' % number in disk.synced(PATH)

            async with anyio.create_task_group() as workers:
                for number in range(100):
                    workers.start_soon(one, number)

    run(write)
    assert disk.calls.count("sync") <= 3
    assert read(JournalFile(PATH, disk)).replay.count(Outcome.IN_DOUBT) == 100
    assert not disk.open_files


def test_a_group_is_written_only_after_the_previous_one_is_synced() -> None:
    """Writes and syncs alternate, however the records arrive."""
    disk = created(50)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:
            for number in range(50):
                journal.post(intent(number))
                await anyio.sleep(0.0003)

    run(write)
    assert disk.calls[3:] == ["write", "sync"] * (len(disk.calls[3:]) // 2)
    assert len(disk.calls) < 50


def test_a_result_is_written_with_the_next_intent() -> None:
    """A posted record starts no group of its own if an awaited one follows in time."""
    disk = created(2)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:
            await journal.append(intent(0))
            journal.post(result(0))
            await anyio.sleep(LINGER_SECONDS - 0.01)
            await journal.append(intent(1))
            assert b'"result"' in disk.synced(PATH)

    run(write)
    assert disk.calls.count("write") == 2


def test_a_result_without_another_intent_does_not_wait_longer_than_a_moment() -> None:
    """Although nothing follows it, a posted record is durable soon."""
    disk = created(1)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            await journal.append(intent(0))
            journal.post(result(0))
            await anyio.sleep(LINGER_SECONDS - 0.01)
            assert b'"result"' not in disk.synced(PATH)
            await anyio.sleep(0.02)
            assert b'"result"' in disk.synced(PATH)

    run(write)


def test_closing_a_journal_does_not_wait_for_more_records() -> None:
    """What was posted is written at once, also if a group is being written meanwhile."""
    for wait in (0.0, 0.0005, 0.01):
        disk = created(2)

        async def write(disk: Disk = disk, wait: float = wait) -> float:
            async with Journal.open(
                JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
            ) as journal:
                with anyio.move_on_after(wait):
                    await journal.append(intent(0))
                journal.post(result(0))
                closed = anyio.current_time()
            return anyio.current_time() - closed

        assert run(write) < LINGER_SECONDS / 2
        assert b'"result"' in disk.synced(PATH)


def test_a_second_runner_of_an_open_journal_is_refused() -> None:
    """It is refused under any name as long as the first has the journal open."""
    disk = created(1)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            await journal.append(intent(0))
            with pytest.raises(JournalLocked, match=r"another process, probably ann on build-7"):
                async with Journal.open(
                    JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
                ):
                    pytest.fail("opened twice")
            await journal.append(result(0))

    run(write)
    append(disk, [[Ended(AT, "complete")]])
    assert not disk.open_files


def test_a_journal_that_changed_since_it_was_read_is_not_opened() -> None:
    """Another runner came and went in between: nothing is appended after its records."""
    disk = created(1)
    contents = read(JournalFile(PATH, disk))
    append(disk, [[intent(0)]])
    before = disk.content(PATH)

    async def write() -> None:
        async with Journal.open(JournalFile(PATH, disk), contents, inline):
            pytest.fail("opened")

    with pytest.raises(JournalLocked, match="has written to it since it was read") as refused:
        run(write)
    assert refused.value.exit_code == 11
    assert disk.content(PATH) == before
    assert not disk.open_files


def test_a_journal_is_not_opened_on_a_file_system_without_locks() -> None:
    """Exit 14, and what to do next."""
    disk = created(1)
    disk.no_locks = errno.ENOLCK
    with pytest.raises(JournalWriteFailed, match=r"no locks .*another file system") as refused:
        append(disk, [[intent(0)]])
    assert refused.value.exit_code == 14


def test_what_was_posted_is_durable_when_the_journal_is_closed() -> None:
    """Results are not awaited one by one; closing the journal syncs them."""
    disk = created(1)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            journal.post(intent(0))
            journal.post(result(0))

    run(write)
    disk.power_on()
    assert read(JournalFile(PATH, disk)).replay == replay([*first(1), intent(0), result(0)])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_partial_write_is_completed(size: int) -> None:
    """The rest of the bytes is written next, then there is one sync."""
    disk = created(3)
    disk.short = size
    append(disk, [[intent(0), intent(1)], [result(0)]])
    assert read(JournalFile(PATH, disk)).replay == replay(
        [*first(3), intent(0), intent(1), result(0)]
    )
    assert disk.calls.count("sync") <= 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("failing", [4, 5])
def test_a_failed_write_or_sync_is_the_last(code: int, failing: int) -> None:
    """Every waiting append raises, and nothing is written or synced after that."""
    disk = created(20)
    disk.fail = {failing: code}
    raised: list[JournalWriteFailed] = []

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:

            async def one(number: int) -> None:
                await anyio.sleep(number * 0.0002)
                try:
                    await journal.append(intent(number))
                except JournalWriteFailed as error:
                    raised.append(error)

            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as workers:
                    for number in range(20):
                        workers.start_soon(one, number)

    with pytest.raises(JournalWriteFailed, match=os.strerror(code)):
        run(write)
    assert len(raised) == 20
    assert len(disk.calls) == failing
    assert not disk.open_files


def test_a_failure_cancels_the_block_under_the_journal() -> None:
    """The block ends immediately: it might send something that could not be recorded."""
    disk = created(1)
    disk.fail = {5: errno.EIO}

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:
            journal.post(intent(0))
            await anyio.sleep(3600)
            raise AssertionError("still going on")

    with pytest.raises(JournalWriteFailed):
        run(write)


def test_a_failure_at_the_end_is_not_swallowed() -> None:
    """If the last record can't be written, closing raises although the block succeeded."""
    disk = created(1)
    disk.fail = {5: errno.ENOSPC}

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
        ) as journal:
            journal.post(Ended(AT, "complete"))

    with pytest.raises(JournalWriteFailed, match="No space left"):
        run(write)


def test_a_write_failure_takes_precedence_over_another_error() -> None:
    """Of two errors the journal's is raised: exit 14, not 1."""
    disk = created(1)
    disk.fail = {5: errno.ENOSPC}

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            journal.post(intent(0))
            await anyio.lowlevel.checkpoint()
            raise Unauthorized("the token is bad", status=401)

    with pytest.raises(JournalWriteFailed):
        run(write)


def test_an_error_in_the_block_is_raised_unwrapped() -> None:
    """No exception group wraps it, and the records before it are durable."""
    disk = created(1)

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            journal.post(intent(0))
            raise Unauthorized("the token is bad", status=401)

    with pytest.raises(Unauthorized):
        run(write)
    assert read(JournalFile(PATH, disk)).replay.count(Outcome.IN_DOUBT) == 1


@pytest.mark.parametrize("failing", range(1, 11))
def test_a_journal_whose_torn_tail_can_not_be_cut_is_not_opened(failing: int) -> None:
    """No descriptor leaks."""
    disk = created(1)
    disk.put(PATH, disk.content(PATH) + b'{"seq":')
    disk.fail = {failing: errno.EIO}

    async def write() -> None:
        async with Journal.open(JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline):
            raise AssertionError("opened")

    with pytest.raises(JournalWriteFailed if failing < 10 else AssertionError):
        run(write)
    assert not disk.open_files


def test_a_cancelled_append_leaves_a_sound_journal() -> None:
    """With the record or without it; synced records stay."""
    for delay in (0.0, 0.0004, 0.0009, 0.0011):
        disk = created(2)

        async def write(disk: Disk = disk, delay: float = delay) -> None:
            async with Journal.open(
                JournalFile(PATH, disk), read(JournalFile(PATH, disk)), take_turns
            ) as journal:
                await journal.append(intent(0))
                with anyio.move_on_after(delay):
                    await journal.append(intent(1))

        run(write)
        disk.power_on()
        contents = read(JournalFile(PATH, disk))
        assert not contents.torn
        assert contents.replay.count(Outcome.IN_DOUBT) == 2


def test_a_journal_works_on_a_real_file_system(tmp_path: Path) -> None:
    """Readable by its owner only, appended to from a thread, its torn tail cut."""
    path = tmp_path / "job.jsonl"
    create(JournalFile(path), first(3))

    async def write(number: int) -> None:
        async with Journal.open(JournalFile(path), read(JournalFile(path))) as journal:
            await journal.append(intent(number))

    anyio.run(write, 0)
    with path.open("ab") as file:
        file.write(b"torn")
    anyio.run(write, 1)
    assert read(JournalFile(path)).replay == replay([*first(3), intent(0), intent(1)])
    (aside,) = tmp_path.glob("*.torn-*")
    assert aside.read_bytes() == b"torn"
    assert {stat.S_IMODE(p.stat().st_mode) for p in (path, aside)} == {0o600}


def test_a_reason_in_any_script_is_kept() -> None:
    """The server's text is read back unchanged."""
    disk = created(1)
    expected = Result("attach:ws-0", Outcome.FAILED, AT, reason='422 "é" 例 \u2028\x7f\\')
    append(disk, [[expected]])
    result = read(JournalFile(PATH, disk)).replay.operations["attach:ws-0"].result
    assert result is not None
    assert result.reason == expected.reason


def test_the_time_of_a_sync_is_measured() -> None:
    """A running mean of what a group takes, however many records share it; 0 before the first."""
    disk = created(9)
    seconds: list[float] = []

    async def write() -> None:
        takes = [0.2, 0.1]

        async def executor(call: Callable[[], None]) -> None:
            await slow(takes[-1])(call)

        contents = read(JournalFile(PATH, disk))
        async with Journal.open(JournalFile(PATH, disk), contents, executor) as journal:
            seconds.append(journal.sync_seconds)
            for number in range(8):
                journal.post(intent(number))
            await journal.append(intent(8))
            seconds.append(journal.sync_seconds)
            takes.pop()
            await journal.append(result(0))
            seconds.append(journal.sync_seconds)

    run(write)
    assert seconds == pytest.approx([0.0, 0.1, 0.11], abs=0.001)
