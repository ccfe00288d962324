"""Torn and damaged journals: reading gives a prefix of what was written, or an error."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import anyio
import pytest

from bulkops.errors import JournalDamaged, JournalError, NotAJournal
from bulkops.journal.lines import frame
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import Contents, read
from bulkops.journal.records import Record, encode
from bulkops.journal.replay import replay
from bulkops.journal.writer import Journal
from tests.journal.disk import Disk
from tests.journal.samples import LATER, PATH, append, first, grown, header, inline, intent, result

WRITTEN: list[Record] = [*first(3), *(record for group in LATER for record in group)]
CREATED = len(first(3))


def whole() -> tuple[bytes, list[int]]:
    """Return a sound journal of several groups and the offset at which each line starts."""
    disk = Disk()
    grown(disk, LATER)
    data = disk.content(PATH)
    starts, offset = [], 0
    for line in data.splitlines(keepends=True):
        starts.append(offset)
        offset += len(line)
    assert len(starts) == len(WRITTEN)
    return data, starts


DATA, STARTS = whole()
LAST_GROUP = STARTS[len(WRITTEN) - len(LATER[-1])]
"""Offset of the last group, the only one a power cut can tear."""
PLANNED = STARTS[CREATED]
"""Offset behind what was created whole."""


def read_bytes(data: bytes) -> tuple[Contents, Disk]:
    """Read a journal with this content."""
    disk = Disk()
    disk.put(PATH, data)
    try:
        return read(JournalFile(PATH, disk)), disk
    finally:
        assert disk.content(PATH) == data
        assert not disk.calls


def test_cut_at_any_byte_a_prefix_of_the_records_remains() -> None:
    """If the appended part is cut, exactly the complete lines before the cut remain."""
    for size in range(PLANNED, len(DATA)):
        contents, _ = read_bytes(DATA[:size])
        lines = DATA[:size].count(b"\n")
        assert contents.replay == replay(WRITTEN[:lines])
        assert contents.torn == size - contents.scanner.offset


def test_a_journal_cut_within_its_plan_is_damaged() -> None:
    """It is created atomically: a part of its plan would be a smaller rollout."""
    for size in range(PLANNED):
        with pytest.raises(JournalError):
            read_bytes(DATA[:size])
    for size in range(STARTS[1], PLANNED):
        with pytest.raises(JournalDamaged):
            read_bytes(DATA[:size])


def test_a_flipped_bit_is_a_torn_tail_in_the_last_group_and_damage_before_it() -> None:
    """Any bit of any byte: damage names the line's offset; a torn tail leaves a prefix."""
    for place in range(len(DATA)):
        flipped = bytearray(DATA)
        flipped[place] ^= 1 << place % 8
        line = sum(start <= place for start in STARTS) - 1
        if place < LAST_GROUP:
            with pytest.raises(JournalDamaged, match=f"byte {STARTS[line]} ") as damaged:
                read_bytes(bytes(flipped))
            assert damaged.value.offset == STARTS[line]
        else:
            contents, _ = read_bytes(bytes(flipped))
            assert contents.replay == replay(WRITTEN[:line])
            assert contents.torn == len(DATA) - STARTS[line]


def test_a_flipped_bit_in_a_plan_is_damage_without_later_groups() -> None:
    """No later group is needed to prove that the plan was synced."""
    for place in range(PLANNED):
        flipped = bytearray(DATA[:PLANNED])
        flipped[place] ^= 4
        with pytest.raises(JournalError) as refused:
            read_bytes(bytes(flipped))
        if place >= STARTS[1]:
            assert isinstance(refused.value, JournalDamaged)


def test_a_zeroed_tail_is_torn() -> None:
    """A file system may extend a file before its pages arrive: zeros in the last group."""
    for place in range(LAST_GROUP, len(DATA)):
        zeroed = DATA[:place] + bytes(len(DATA) - place)
        contents, _ = read_bytes(zeroed)
        assert contents.replay == replay(WRITTEN[: DATA[:place].count(b"\n")])
        assert contents.torn


def test_an_early_page_of_the_last_group_may_be_lost_and_a_later_one_kept() -> None:
    """Damage to the last group's first line is a torn tail though its other lines are sound."""
    data = bytearray(DATA)
    data[LAST_GROUP + 30 : LAST_GROUP + 60] = bytes(30)
    contents, _ = read_bytes(bytes(data))
    assert contents.scanner.offset == LAST_GROUP


def test_an_unreadable_last_line_is_a_torn_tail() -> None:
    """Even if it ends in a line break."""
    contents, _ = read_bytes(DATA + b'{"not":"ours"}\n')
    assert contents.replay == replay(WRITTEN)
    assert contents.torn == 15


def test_a_torn_tail_is_kept_aside_cut_and_appended_to() -> None:
    """The torn tail is moved to a file of its own, and the journal continues without it."""
    disk = Disk()
    torn = DATA[LAST_GROUP : LAST_GROUP + 100]
    disk.put(PATH, DATA[: LAST_GROUP + 100])
    append(disk, [[intent(0)], [result(0)]])
    aside = PATH.with_name(f"job.jsonl.torn-{LAST_GROUP}")
    assert disk.synced(aside) == torn
    assert disk.content(PATH).startswith(DATA[:LAST_GROUP])
    expected = [*WRITTEN[: -len(LATER[-1])], intent(0), result(0)]
    assert read(JournalFile(PATH, disk)).replay == replay(expected)
    disk.power_on()
    assert disk.content(aside) == torn


def test_a_second_torn_tail_at_the_same_place_is_kept_beside_the_first() -> None:
    """Saved tails are never overwritten, however often the same line is torn."""
    disk = Disk()
    disk.put(PATH, DATA)
    for number in range(1, 4):
        disk.put(PATH, disk.content(PATH)[: len(DATA)] + b"torn %d" % number)
        append(disk, [])
    assert [disk.synced(path) for path in asides(len(DATA))] == [b"torn 1", b"torn 2", b"torn 3"]


def asides(offset: int) -> list[Path]:
    """Return the first three paths of tails torn at this offset."""
    return [PATH.with_name(f"job.jsonl.torn-{offset}{more}") for more in ("", "-2", "-3")]


@pytest.mark.parametrize("dies_after", [False, True])
def test_a_power_cut_while_a_torn_tail_is_cut_loses_nothing(*, dies_after: bool) -> None:
    """At any call, the tail is either in the journal or saved and synced."""
    torn = DATA[LAST_GROUP : LAST_GROUP + 100]
    number = 0
    while True:
        number += 1
        disk = Disk()
        disk.put(PATH, DATA[: LAST_GROUP + 100])
        disk.die_at, disk.dies_after = number, dies_after
        append_and_die(disk)
        if not disk.dead:
            break
        disk.power_on()
        aside = PATH.with_name(f"job.jsonl.torn-{LAST_GROUP}")
        kept = disk.content(aside) if aside.name in disk.names() else b""
        assert torn in (kept, disk.content(PATH)[LAST_GROUP:])
        assert read(JournalFile(PATH, disk)).replay == replay(WRITTEN[: -len(LATER[-1])])
    assert number > 6


def append_and_die(disk: Disk) -> None:
    """Open the journal on a disk whose power may go."""

    async def write() -> None:
        async with Journal.open(JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline):
            pass

    # Power cuts come in the group of the writer's task or bare; the disk knows of all of them.
    try:
        anyio.run(write)
    except BaseException:
        if not disk.dead:
            raise


@pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b'{"a":1}\n', b"\x00" * 100])
def test_a_file_that_is_not_a_journal_is_not_called_damaged(content: bytes) -> None:
    """The message says what it is not; exit 2, as for any wrong file."""
    with pytest.raises(NotAJournal, match="is not a bulkops journal") as refused:
        read_bytes(content)
    assert refused.value.exit_code == 2


def test_a_missing_journal_is_named() -> None:
    """The message has the path and the system's reason."""
    with pytest.raises(NotAJournal, match=r"job\.jsonl: can't be read: No such file"):
        read(JournalFile(PATH, Disk()))


def test_a_disk_that_fails_is_not_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1, so that a scheduler tries again."""

    def failing(_disk: Disk, _path: Path) -> BinaryIO:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Disk, "read", failing)
    with pytest.raises(JournalError, match="can't be read: Input/output error") as failed:
        read(JournalFile(PATH, Disk()))
    assert failed.value.exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "problem", "code"),
    [
        (
            b'"format":2,',
            b'"format":3,',
            "has journal format 3, this version reads 1 and 2; it was",
            1,
        ),
        (
            b'"type":"intent"',
            b'"type":"pause"',
            "line 2 has a record that this version doesn't know",
            12,
        ),
        (b'"key":', b'"k":', "line 2 has a record that this version doesn't know", 12),
    ],
)
def test_another_versions_journal_is_refused(
    tmp_path: Path, old: bytes, new: bytes, problem: str, code: int
) -> None:
    """A valid line with an unknown record exits 12, like any line that bulkops didn't write."""
    payloads = [encode(record).replace(old, new) for record in (header(0), intent(0))]
    path = tmp_path / "job.jsonl"
    path.write_bytes(framed(payloads))
    with pytest.raises(JournalError, match=problem) as refused:
        read(JournalFile(path))
    assert refused.value.exit_code == code
    assert "Use " in str(refused.value), "it says what to do next"


def framed(payloads: list[bytes]) -> bytes:
    """Return payloads as one group of lines."""
    return frame(payloads, 1, 1, 0)[0]
