"""A list of journals: by the first line and the end of each, the newest first."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bulkops.journal.lines import frame
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.records import Ended, Record, encode
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Found
from bulkops.journal.remote.place import RemotePlace
from bulkops.journal.upkeep.listing import listed
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore
from tests.journal.samples import AT, LATER, first, header, intent

ADDRESS = Address("s3", "bucket", "scan")


def groups(*later: list[Record], at: str = AT, form: int = 2) -> list[bytes]:
    """Return a journal's groups; ``at``: when it was started."""
    found, seq, crc = list[bytes](), 1, 0
    _, *plan = first(3)
    for group in [[replace(header(3, 1), created_at=at, format=form), *plan], *later]:
        lines, crc = frame([encode(record) for record in group], seq, seq, crc)
        found.append(lines)
        seq += len(group)
    return found


def written(path: Path, *later: list[Record], at: str = AT) -> LocalPlace:
    """Write a journal to a file."""
    path.write_bytes(b"".join(groups(*later, at=at)))
    return LocalPlace(path)


def test_the_newest_comes_first_and_what_cannot_be_read_last(tmp_path: Path) -> None:
    """By the time at which each was started, whatever its name is."""
    garbled = LocalPlace(tmp_path / "3.jsonl")
    garbled.path.write_text("garbage", encoding="utf-8")
    places = [
        garbled,
        written(tmp_path / "1.jsonl", at="2026-11-24T21:58:03.120Z"),
        written(tmp_path / "2.jsonl", at="2026-11-25T01:00:00.000Z"),
        written(tmp_path / "4.jsonl", at="2026-11-23T01:00:00.000Z"),
    ]
    found = listed(places)
    assert [one.place.name for one in found] == ["2.jsonl", "1.jsonl", "4.jsonl", "3.jsonl"]


@pytest.mark.parametrize(
    ("later", "ended"),
    [
        ([], ""),
        (LATER[:3], ""),
        (LATER, "complete"),
        ([*LATER[:2], [Ended(AT, "SIGINT")]], "SIGINT"),
        ([*LATER[:2], [Ended(AT, "SIGINT")], LATER[0]], ""),
    ],
    ids=["planned", "begun", "complete", "interrupted", "resumed"],
)
def test_it_shows_how_the_last_execution_ended(
    tmp_path: Path, later: list[list[Record]], ended: str
) -> None:
    """It has not if another record is the last one."""
    (one,) = listed([written(tmp_path / "1.jsonl", *later)])
    assert one.header
    assert (one.ended, one.problem, one.header.organization) == (ended, "", "acme")


def test_a_torn_end_is_no_end(tmp_path: Path) -> None:
    """The execution is not finished, and that is no problem."""
    place = written(tmp_path / "1.jsonl", *LATER)
    place.path.write_bytes(place.path.read_bytes()[:-1])
    (one,) = listed([place])
    assert (one.ended, one.problem) == ("", "")


UNREADABLE = {
    b"": "is not a bulkops journal",
    b"{}": "is not a bulkops journal",
    b"".join(groups(*LATER)).replace(b"acme", b"acmf"): "damaged at byte 0",
    groups(form=9)[0]: "has journal format 9",
    frame([b'{"type":"header","job":' + b'{"a":' * 100_000 + b"}"], 1, 1, 0)[0]: "recursion",
}


@pytest.mark.parametrize("content", UNREADABLE)
def test_what_cannot_be_read_has_the_reason(tmp_path: Path, content: bytes) -> None:
    """Without the path, which the list shows; the other journals are listed."""
    path = tmp_path / "1.jsonl"
    path.write_bytes(content)
    good, bad = listed([LocalPlace(path), written(tmp_path / "2.jsonl")])
    assert good.header
    assert bad.header is None
    assert UNREADABLE[content] in bad.problem
    assert str(path) not in bad.problem.partition(".")[0]


def test_a_folder_has_the_reason_and_nothing_is_left_out(tmp_path: Path) -> None:
    """A file may be removed while the list is read."""
    (tmp_path / "1.jsonl").mkdir()
    (one,) = listed([LocalPlace(tmp_path / "1.jsonl"), LocalPlace(tmp_path / "gone.jsonl")])
    assert one.problem


class Counting(MemoryStore):
    """Notes which objects are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = list[str]()

    def get(self, key: str) -> Found | None:
        """See ``Store``."""
        self.read.append(key.rpartition("/")[2])
        return super().get(key)


def stored(store: MemoryStore, data: list[bytes]) -> RemotePlace:
    """Put a journal's segments into a store."""
    for number, group in enumerate(data, 1):
        store.put(f"{ADDRESS.key}/{number:08}.jsonl", group)
    return RemotePlace(ADDRESS, {}, store)


def test_of_many_segments_the_first_and_the_last_are_read() -> None:
    """The number of requests does not grow with the journal."""
    store = Counting()
    later: list[list[Record]] = [[intent(0)] for _ in range(200)]
    (one,) = listed([stored(store, groups(*later, [Ended(AT, "complete")]))])
    assert (one.ended, one.problem) == ("complete", "")
    numbers = sorted(int(name.removesuffix(".jsonl")) for name in store.read)
    assert numbers == [1, 200, 201, 202, 203]


def test_an_address_without_a_journal_is_left_out() -> None:
    """Nothing was planned there; but a journal without its first segment is a problem."""
    store = MemoryStore()
    assert listed([RemotePlace(ADDRESS, {}, store)]) == []
    place = stored(store, groups(*LATER))
    del store.objects[f"{ADDRESS.key}/00000001.jsonl"]
    (one,) = listed([place])
    assert one.problem.startswith("its first segment is missing")


def test_a_store_that_is_away_is_the_reason() -> None:
    """It is not taken for the absence of a journal."""
    store = MisbehavingStore(MemoryStore(), lambda: 0.0)
    store.away = (0.0, 1.0)
    (one,) = listed([RemotePlace(ADDRESS, {}, store)])
    assert one.problem.startswith("can't be read: connection refused")
