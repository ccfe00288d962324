"""How a process gets a lease: every cell of the table."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bulkops.journal.remote.bucket.store import Found
from bulkops.journal.remote.lease import candidate as module
from bulkops.journal.remote.lease.candidate import Candidate, Seeking, Watched
from bulkops.journal.remote.lease.content import DEFAULT_TTL, UNREADABLE, Lease
from bulkops.journal.remote.lease.holding import VALID
from tests.journal.remote.tables import cells
from tests.journal.samples import HOLDER

TTL = 60.0
NOW = 1000.0
OTHER = Lease(HOLDER, "other", 1, TTL)
FOUND = Found(OTHER.encoded(), "other 1")
RENEWED = Found(OTHER.following().encoded(), "other 2")
FREE = Found(Lease(None, "other", 3, TTL).encoded(), "free")


def candidate(state: Seeking, *, watching: bool) -> Candidate:
    """Return a process in a state; it may watch another's lease that it found at ``NOW``."""
    it = Candidate(HOLDER, "mine", 30.0)
    if watching:
        it.found(FOUND, NOW)
    if state in (Seeking.TRYING, Seeking.HELD):
        it.found(FOUND if watching else None, NOW + TTL)
    if state is Seeking.HELD:
        it.written("mine 1", NOW)
    assert it.state is state
    return it


EVENTS: dict[str, Callable[[Candidate], object]] = {
    "absent": lambda it: it.found(None, NOW + 1),
    "free": lambda it: it.found(FREE, NOW + 1),
    "another's": lambda it: it.found(RENEWED, NOW + TTL),
    "unchanged": lambda it: it.found(FOUND, NOW + TTL - 1),
    "expired": lambda it: it.found(FOUND, NOW + TTL),
    "written": lambda it: it.written("mine 1", NOW),
    "no answer": lambda it: it.unanswered(),
}
CELLS = cells(module.__doc__)
"""State → event → what follows."""


def test_the_table_is_complete() -> None:
    """Each state has a row, and each event a column."""
    assert CELLS.keys() == {state.value for state in Seeking}
    assert all(row.keys() == EVENTS.keys() for row in CELLS.values())


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", Seeking)
def test_every_state_and_event_is_as_in_the_table(state: Seeking, event: str) -> None:
    """What can't happen raises, or there is nothing to compare a first reading with."""
    expected = CELLS[state.value][event]
    if expected == "-" and state is Seeking.LOOKING and event in ("unchanged", "expired"):
        assert candidate(state, watching=False).watched is None
        return
    it = candidate(state, watching=state is not Seeking.LOOKING)
    if expected == "-":
        with pytest.raises(RuntimeError, match=r"nothing to write|held already"):
            EVENTS[event](it)
        assert it.state is state
        return
    EVENTS[event](it)
    assert it.state.value == expected.partition(",")[0]
    if "anew" in expected:
        assert it.watched == Watched(OTHER.following(), "other 2", NOW + TTL)


@pytest.mark.parametrize(("found", "version"), [(None, None), (FREE, "free"), (FOUND, "other 1")])
def test_what_is_absent_is_created_and_anything_else_swapped(
    found: Found | None, version: str | None
) -> None:
    """By the version that was found, so that it fails if anything has changed since."""
    it = candidate(Seeking.WATCHING, watching=True)
    it.found(found, NOW + TTL)
    assert it.attempt().version == version
    assert it.attempt().lease.holder == HOLDER


def test_it_waits_for_the_ttl_of_the_lease_it_watches() -> None:
    """Not for its own, which may be shorter."""
    it = candidate(Seeking.WATCHING, watching=True)
    it.found(FOUND, NOW + 31)
    assert it.state is Seeking.WATCHING
    assert it.left(NOW + 31) == TTL - 31


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0\0", b"{}", b"[1]", b"\xff", OTHER.encoded()[:-9], b'{"holder":null,"n":"1"}'),
        *(b'{"nonce":"\xff"}', b'{"more":' + b"[" * 100_000),
        b'{"holder":null,"nonce":"a","n":1,"ttl":0}',
        b'{"holder":null,"nonce":"a","n":1,"ttl":1e999}',
    ],
)
def test_a_lease_that_can_not_be_read_is_held_by_an_unknown_process(data: bytes) -> None:
    """For the default ttl; then it is replaced like any other."""
    it = Candidate(HOLDER, "mine", 30.0)
    it.found(Found(data, "garbage"), NOW)
    assert it.watched == Watched(UNREADABLE, "garbage", NOW)
    assert "unknown process" in UNREADABLE.described()
    it.found(Found(data, "garbage"), NOW + DEFAULT_TTL)
    assert it.attempt().version == "garbage"


def test_a_later_versions_lease_can_be_read() -> None:
    """Fields that this version doesn't know are ignored."""
    it = Candidate(HOLDER, "mine", 30.0)
    data = re.sub(rb"}$", b',"more":1}', OTHER.encoded())
    it.found(Found(data, "more"), NOW)
    assert it.watched == Watched(OTHER, "more", NOW)


def test_a_refusal_of_its_own_bytes_is_a_success() -> None:
    """It counts from the first attempt: nobody knows which of them took effect."""
    it = candidate(Seeking.TRYING, watching=False)
    it.unanswered()
    data = it.attempt().lease.encoded()
    holding = it.refused(Found(data, "mine 1"), NOW + TTL + 8)
    assert it.state is Seeking.HELD
    assert holding
    valid_until = NOW + TTL + VALID * 30.0
    assert holding.holds(valid_until - 0.01)
    assert not holding.holds(valid_until)


def test_bytes_of_an_earlier_attempt_are_anothers() -> None:
    """After something else was found, an old attempt that took effect late proves nothing."""
    it = candidate(Seeking.TRYING, watching=False)
    old = it.attempt().lease.encoded()
    assert it.refused(FOUND, NOW + TTL) is None
    it.found(Found(old, "mine 1"), NOW + 2 * TTL)
    assert it.state is Seeking.WATCHING
    assert it.watched
    assert it.watched.version == "mine 1"


def test_the_same_bytes_are_never_tried_twice_for_different_versions() -> None:
    """So finding them tells which attempt took effect."""
    it = candidate(Seeking.WATCHING, watching=True)
    tried = []
    for found in (None, FREE, None):
        it.found(found, NOW)
        tried.append(it.attempt().lease.encoded())
        assert it.attempt().lease.encoded() == tried[-1]
    assert len(set(tried)) == 3
