"""Numbered objects are read as one stream, whatever a listing shows and while they grow."""

from __future__ import annotations

import os
import threading
from io import BufferedReader
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.journal.remote.bucket.store import Denied, Found
from bulkops.journal.remote.numbered import Numbered, SegmentStream, ahead
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore

KEY = "scan"


def filled(*bodies: bytes | None) -> MemoryStore:
    """Return a store with numbered objects; ``None`` leaves one out."""
    store = MemoryStore()
    for number, body in enumerate(bodies, 1):
        if body is not None:
            store.put(f"{KEY}/{number:08}.jsonl", body)
    return store


def whole(numbered: Numbered) -> bytes:
    """Read the stream from its start."""
    with BufferedReader(SegmentStream(numbered)) as stream:
        return stream.read()


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_objects_are_read_in_order(at_once: int) -> None:
    """However many are read at a time."""
    bodies = [b"%d\n" % number for number in range(20)]
    numbered = Numbered(filled(*bodies), KEY, at_once)
    assert whole(numbered) == b"".join(bodies)
    assert (numbered.size, numbered.following) == (len(b"".join(bodies)), 21)


def test_nothing_is_an_empty_stream() -> None:
    """Where no object is, there is nothing to read, and the first one is still to come."""
    numbered = Numbered(MemoryStore(), KEY, 8)
    assert whole(numbered) == b""
    assert (numbered.at(0), numbered.following, numbered.size) == (None, 1, 0)
    assert numbered.last(3) == []
    assert numbered.since(0) == []


@pytest.mark.parametrize("shown", range(6))
def test_a_listing_that_lags_hides_nothing(shown: int) -> None:
    """What it doesn't show is found by its number."""
    store = filled(b"a", b"b", b"c", b"d", b"e")
    lagging = MisbehavingStore(store, lambda: 0.0)
    lagging._created = dict.fromkeys(list(store.names(""))[shown:], 1.0)
    assert whole(Numbered(lagging, KEY, 2)) == b"abcde"
    assert [segment.data for segment in Numbered(lagging, KEY, 2).last(2)] == [b"d", b"e"]


def test_a_missing_object_counts_as_empty() -> None:
    """What follows it is read, so that whoever checks the lines notices."""
    numbered = Numbered(filled(b"a", None, b"c"), KEY, 2)
    assert whole(numbered) == b"ac"
    assert numbered.following == 4
    assert [segment.number for segment in numbered.since(1)] == [3]


def test_nothing_is_found_behind_a_gap_that_no_listing_shows() -> None:
    """The stream ends there, and the next number is the one that is missing."""
    store = MisbehavingStore(filled(b"a", None, b"c"), lambda: 0.0)
    store._created = {f"{KEY}/00000003.jsonl": 1.0}
    numbered = Numbered(store, KEY, 2)
    assert whole(numbered) == b"a"
    assert numbered.following == 2


def test_an_object_far_beyond_the_others_is_named() -> None:
    """It is something else's: reading all the numbers before it would take hours."""
    store = filled(b"a", b"b")
    store.put(f"{KEY}/09999999.jsonl", b"junk")
    with pytest.raises(Denied, match=r"scan/09999999\.jsonl is there, but none of the 9,999,996"):
        whole(Numbered(store, KEY, 2))
    store = filled(b"a", b"b")
    store.put(f"{KEY}/099999999.jsonl", b"no number of ours")
    assert whole(Numbered(store, KEY, 2)) == b"ab"


def test_empty_objects_are_passed_over() -> None:
    """In the middle and at the end: a repair leaves them."""
    numbered = Numbered(filled(b"a", b"", b"", b"d", b""), KEY, 2)
    assert whole(numbered) == b"ad"
    assert numbered.following == 6
    assert [segment.data for segment in numbered.since(1)] == [b"d", b""]
    assert [segment.data for segment in numbered.last(2)] == [b"d", b""]


def test_it_is_read_on_while_it_grows() -> None:
    """The end is only the end for now."""
    store = filled(b"a", b"b")
    numbered = Numbered(store, KEY, 4)
    with BufferedReader(SegmentStream(numbered)) as stream:
        assert stream.read() == b"ab"
        for number, body in ((3, b"c"), (4, b"d")):
            assert stream.read() == b""
            store.put(f"{KEY}/{number:08}.jsonl", body)
            assert stream.read() == body
        numbered.added(b"e")
        assert stream.read() == b"e"
    assert numbered.following == 6


def test_what_was_added_is_not_read_again() -> None:
    """A writer knows its own object, whether or not the store shows it."""
    numbered = Numbered(filled(b"a"), KEY, 1)
    assert whole(numbered) == b"a"
    numbered.added(b"bc")
    last = numbered.at(2)
    assert last
    assert (last.number, last.start, last.data) == (2, 1, b"bc")


def test_other_names_are_no_numbers() -> None:
    """A lease, a probe and copies of what was damaged are no part of the stream."""
    store = filled(b"a", b"b")
    for name in ("lease", "probe", "damaged-1/00000009.jsonl", "0000x.jsonl", "00000001.jsonl.old"):
        store.put(f"{KEY}/{name}", b"other")
    store.put(f"{KEY}-2/00000003.jsonl", b"other")
    assert whole(Numbered(store, KEY, 4)) == b"ab"


@given(
    bodies=st.lists(st.binary(max_size=5), max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 45), st.integers(1, 9)), max_size=8),
    buffer=st.integers(1, 16),
)
def test_it_is_like_a_file(bodies: list[bytes], moves: list[tuple[int, int]], buffer: int) -> None:
    """Read from anywhere, in any order and amount, it has the bytes of all objects together."""
    every = b"".join(bodies)
    numbered = Numbered(filled(*bodies), KEY, 3)
    with BufferedReader(SegmentStream(numbered), buffer) as stream:
        assert (stream.readable(), stream.seekable()) == (True, True)
        assert stream.seek(0, os.SEEK_END) == len(every)
        for offset, size in moves:
            assert stream.seek(offset) == stream.tell() == offset
            assert stream.read(size) == every[offset : offset + size]
        stream.seek(0)
        assert stream.read() == every


def test_it_moves_from_where_it_is() -> None:
    """Forward, backward and from the end."""
    stream = SegmentStream(Numbered(filled(b"abc", b"def"), KEY, 2))
    assert stream.seek(2) == 2
    assert stream.read(9) == b"c"
    assert stream.seek(-2, os.SEEK_CUR) == 1
    assert stream.read(1) == b"b"
    assert stream.seek(-1, os.SEEK_END) == 5
    assert stream.read(1) == b"f"
    assert stream.tell() == 6


def test_an_error_of_the_store_is_raised() -> None:
    """Not taken for the end of the stream."""

    class Forgetting(MemoryStore):
        def get(self, key: str) -> Found | None:
            if key.endswith("3.jsonl"):
                raise Denied("no right")
            return super().get(key)

    store = Forgetting()
    store.objects = filled(b"a", b"b", b"c").objects
    for at_once in (1, 4):
        with pytest.raises(Denied):
            whole(Numbered(store, KEY, at_once))


@pytest.mark.parametrize("at_once", [2, 5])
def test_no_more_calls_run_at_a_time_than_asked_for(at_once: int) -> None:
    """They do run at the same time, and their results come in order."""
    everyone = threading.Barrier(at_once)
    running, most = set[int](), list[int]()

    def call(value: int) -> int:
        running.add(value)
        most.append(len(running))
        everyone.wait()
        running.discard(value)
        return value

    found = list(ahead(call, range(4 * at_once), at_once))
    assert found == list(range(4 * at_once))
    assert all(earlier < later for earlier, later in pairwise(found))
    assert max(most) <= at_once
