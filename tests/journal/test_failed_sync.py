"""After a failed sync the page cache shows data that may never reach the disk ("fsyncgate").

Every process reads that data from the cache, and a later sync succeeds without writing it: only
bytes that are written again are synced.
"""

from __future__ import annotations

import anyio
import pytest

from bulkops.errors import JournalWriteFailed
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import Record
from bulkops.journal.replay import Replay, replay
from bulkops.journal.writer import Journal
from tests.journal.disk import Disk
from tests.journal.samples import LATER, PATH, append, first, grown, inline, intent, result

BEFORE = LATER[:2]
LOST: list[Record] = [intent(2), result(1)]
"""The group whose sync fails."""

GONE_ON = replay([*first(3), *(record for group in (*BEFORE, LOST) for record in group), result(0)])


def after_a_failed_sync() -> Disk:
    """Return a disk whose last group is only in the page cache, and counts as written."""
    disk = Disk()
    grown(disk, BEFORE)
    disk.forgets = True
    # Opening syncs once.
    disk.fail_sync = disk.syncs + 2
    with pytest.raises(JournalWriteFailed):
        append(disk, [LOST])
    assert disk.forgotten(PATH) > 100
    disk.restart()
    disk.calls.clear()
    return disk


def read_after_a_power_cut(disk: Disk) -> Replay:
    """Return the journal's content once only the disk is left."""
    disk.power_on()
    return read(JournalFile(PATH, disk)).replay


def test_what_a_failed_sync_forgot_is_written_again() -> None:
    """The next process writes what it read again, and it survives a power cut."""
    disk = after_a_failed_sync()
    append(disk, [[result(0)]])
    assert read_after_a_power_cut(disk) == GONE_ON


def test_opening_a_journal_makes_it_durable() -> None:
    """Before anything is appended, and so before anything is sent."""
    disk = after_a_failed_sync()
    append(disk, [])
    assert read_after_a_power_cut(disk).operations == {
        **GONE_ON.operations,
        "attach:ws-0": replay([*first(3), intent(0)]).operations["attach:ws-0"],
    }


def test_a_repeated_failed_sync_is_repaired_by_the_next_process() -> None:
    """However often it fails."""
    disk = after_a_failed_sync()
    for _ in range(3):
        disk.fail_sync = disk.syncs + 1
        with pytest.raises(JournalWriteFailed):
            append(disk, [[result(0)]])
        disk.restart()
    append(disk, [[result(0)]])
    assert read_after_a_power_cut(disk) == GONE_ON


def test_the_bytes_that_were_read_are_written_again() -> None:
    """The system may drop the page, and show zeros, between reading and opening."""
    disk = after_a_failed_sync()
    contents = read(JournalFile(PATH, disk))
    disk.drop_cache()
    assert read(JournalFile(PATH, disk)).torn

    async def write() -> None:
        async with Journal.open(JournalFile(PATH, disk), contents, inline) as journal:
            await journal.append(result(0))

    anyio.run(write)
    assert read_after_a_power_cut(disk) == GONE_ON


def test_a_dropped_page_is_a_torn_tail() -> None:
    """Nothing was sent for records that no process could read: the tail is cut."""
    disk = after_a_failed_sync()
    disk.drop_cache()
    append(disk, [LOST, [result(0)]])
    assert read_after_a_power_cut(disk) == GONE_ON


@pytest.mark.parametrize("short", [0, 7])
def test_opening_changes_no_byte_of_a_sound_journal(short: int) -> None:
    """The last group is written over itself, in as many writes as the system needs."""
    disk = Disk()
    grown(disk, LATER)
    before, disk.short = disk.content(PATH), short
    append(disk, [])
    assert disk.content(PATH) == disk.synced(PATH) == before


@pytest.mark.parametrize("dies_after", [False, True])
@pytest.mark.parametrize("keeping", [0.0, 0.5, 1.0])
def test_a_power_cut_while_rewriting_the_last_group_is_no_damage(
    *, dies_after: bool, keeping: float
) -> None:
    """Synced records stay; the rest is there or torn."""
    number = 0
    while True:
        number += 1
        disk = after_a_failed_sync()
        disk.short = 40
        disk.die_at, disk.dies_after = number, dies_after
        try:
            append(disk, [])
        except BaseException:
            if not disk.dead:
                raise
        if not disk.dead:
            break
        disk.power_on(keeping)
        assert set(read(JournalFile(PATH, disk)).replay.operations) == set(GONE_ON.operations)
        append(disk, [LOST, [result(0)]])
        assert read_after_a_power_cut(disk) == GONE_ON
    assert number > 5
