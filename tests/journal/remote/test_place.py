"""The address of a journal: what is there, who holds it, and what can't be read or written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bulkops.clock import Clock
from bulkops.errors import JobError, JournalError, JournalLocked, JournalWriteFailed
from bulkops.journal.following.outlook import Writer
from bulkops.journal.place import Place, place_of
from bulkops.journal.reader import read
from bulkops.journal.records import Execution, Holder
from bulkops.journal.remote.lease.content import Lease
from bulkops.journal.remote.place import STALE, RemotePlace
from bulkops.journal.remote.segments import Segments
from bulkops.journal.replay import Replay
from bulkops.journal.writer import create
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore
from tests.journal.remote.samples import AT, grown
from tests.journal.samples import HOLDER, LATER, first

NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
BOB = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")
LEASE = f"{AT.key}/lease"


class Time:
    """What each clock shows, in seconds."""

    now = 0.0


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Both clocks of this machine."""
    shown = Time()
    monkeypatch.setattr(Clock, "boot", lambda _: shown.now)
    monkeypatch.setattr(Clock, "wall", lambda _: NOW + timedelta(seconds=shown.now))
    return shown


def place(store: MemoryStore | MisbehavingStore) -> RemotePlace:
    """Return the journal's place in a store."""
    return RemotePlace(AT, {}, store)


def away() -> MisbehavingStore:
    """Return a store that doesn't answer."""
    store = MisbehavingStore(grown(), lambda: 0.0)
    store.away = (0.0, 1.0)
    return store


def held(store: MemoryStore, holder: Holder | None, ttl: float = 30.0) -> None:
    """Write a lease."""
    store.put(LEASE, Lease(holder, "nonce", 1, ttl).encoded())


def replay_in(store: MemoryStore) -> Replay:
    """Return the state of the job."""
    return read(Segments(store, AT)).replay


def test_it_has_a_name_and_neighbours() -> None:
    """An address is text, as the user writes it; what is beside it is found by the store."""
    store = MemoryStore()
    for name in ("a", "b"):
        create(Segments(store, AT.with_name(name)), first(1))
    here: Place = place(store)
    assert (str(here), here.absolute(), here.name) == (f"{AT}", f"{AT}", "scan")
    assert str(here.sibling("scan.undo")) == "s3://bucket/a/scan.undo"
    assert [str(other) for other in here.neighbours()] == ["s3://bucket/a/a", "s3://bucket/a/b"]
    here.check()
    here.check_folder(trusted=False)


def test_it_is_there_once_it_has_its_first_segment() -> None:
    """Whatever else is below the address."""
    store = MemoryStore()
    held(store, BOB)
    here = place(store)
    assert not here.exists()
    assert not here.is_journal()
    assert not here.is_same(place(store))
    create(Segments(store, AT), first(3))
    assert here.exists()
    assert here.is_journal()
    assert here.is_same(place(store))
    assert not here.is_same(here.sibling("other"))
    with here.reader(trusted=False).read() as stream:
        assert stream.readline().startswith(b'{"seq":1,')


def test_a_hold_writes_and_ends_with_its_block() -> None:
    """It has the lease, with the nonce that the execution records; afterwards the lease is free."""
    store = MemoryStore()
    here = place(store)
    with here.locked(HOLDER) as hold:
        assert (hold.by, str(hold.place)) == (HOLDER, str(AT))
        assert hold.nonce.encode() in store.objects[LEASE].data
        assert hold.keep is not None
        assert here.is_held()
        with pytest.raises(JournalLocked, match="is held by ann on build-7, pid 4711"):
            place(store).locked(BOB).__enter__()
    assert not here.is_held()
    with place(store).locked(BOB) as hold:
        assert hold.by == BOB


def test_a_place_is_looked_at_again_until_its_lease_expires(time: Time) -> None:
    """The same place remembers for how long the lease has been unchanged."""
    store = MemoryStore()
    held(store, BOB, 30.0)
    here = place(store)
    for now in (0.0, 29.9):
        time.now = now
        with pytest.raises(JournalLocked):
            here.locked(HOLDER).__enter__()
    time.now = 30.1
    with here.locked(HOLDER):
        assert here.is_held()


def test_a_store_that_ignores_conditions_is_refused() -> None:
    """Before the lease is written."""

    class Ignoring(MemoryStore):
        def create(self, key: str, data: bytes) -> object:
            self.put(key, data)
            return b"any"

    store = Ignoring()
    with pytest.raises(JobError, match="ignores conditional writes"):
        place(store).locked(HOLDER).__enter__()
    assert LEASE not in store.objects


def _held(here: RemotePlace) -> None:
    here.locked(HOLDER).__enter__()


def _holder(here: RemotePlace) -> object:
    return here.read_with_holder(lambda: replay_in(grown()))


READS: list[Callable[[RemotePlace], object]] = [
    RemotePlace.exists,
    RemotePlace.is_journal,
    RemotePlace.is_held,
    RemotePlace.neighbours,
    _holder,
]


@pytest.mark.parametrize("use", READS)
def test_a_store_that_is_away_is_an_error(use: Callable[[RemotePlace], object]) -> None:
    """It names the journal and the reason."""
    with pytest.raises(JournalError, match=f"{AT}: can't be read: connection refused"):
        use(place(away()))


def test_a_store_that_is_away_is_not_written() -> None:
    """Nothing was sent, and the message says so."""
    with pytest.raises(JournalWriteFailed, match=f"{AT}: can't be written: .*; nothing was sent"):
        _held(place(away()))


def test_who_holds_it_is_what_its_lease_says() -> None:
    """Nobody if it is free, absent or can't be read."""
    store = grown()
    here = place(store)

    def holder() -> Holder | None:
        return here.read_with_holder(lambda: replay_in(store))[1]

    assert holder() is None
    held(store, BOB)
    assert holder() == BOB
    held(store, None)
    assert holder() is None
    store.put(LEASE, b"garbage")
    assert holder() is None


def test_a_lease_of_long_ago_names_no_holder(time: Time) -> None:
    """Its process can't have lived for so long without renewing it."""
    store = MemoryStore(lambda: NOW)
    store.objects |= grown().objects
    held(store, BOB, 10.0)
    here = place(store)
    for seconds, expected in ((0.0, BOB), (10 * STALE, BOB), (10 * STALE + 1, None)):
        time.now = seconds
        assert here.read_with_holder(lambda: replay_in(store))[1] == expected
        alive = Writer.GONE if expected is None else Writer.FOLLOWS
        assert place(store).writer(replay_in(store), lambda _: True) is alive
    # A store whose clock is ahead.
    time.now = -100.0
    assert here.read_with_holder(lambda: replay_in(store))[1] == BOB


def test_a_writer_is_judged_by_its_lease(time: Time) -> None:
    """Whoever holds it lives, until it has been unchanged for its ttl."""
    store = grown(LATER[:1])
    here, replay = place(store), replay_in(store)

    def writer() -> Writer:
        return here.writer(replay, lambda _: False)

    assert writer() is Writer.GONE
    held(store, HOLDER, 10.0)
    assert writer() is Writer.HOLDS
    time.now = 10.0
    assert writer() is Writer.HOLDS
    store.put(LEASE, Lease(HOLDER, "nonce", 2, 10.0).encoded())
    time.now = 10.1
    assert writer() is Writer.HOLDS
    time.now = 20.2
    assert writer() is Writer.GONE
    held(store, BOB, 10.0)
    assert writer() is Writer.FOLLOWS
    held(store, None)
    assert writer() is Writer.GONE
    assert place(away()).writer(replay, lambda _: True) is Writer.UNKNOWN


def test_before_its_first_execution_the_one_that_created_it_is_its_writer() -> None:
    """It has planned, and not begun yet."""
    store = grown([])
    held(store, HOLDER)
    assert place(store).writer(replay_in(store), lambda _: False) is Writer.HOLDS
    later = grown([[Execution(BOB, "0.1.0")]])
    held(later, HOLDER)
    assert place(later).writer(replay_in(later), lambda _: False) is Writer.FOLLOWS


@pytest.mark.parametrize("scheme", ["s3", "S3"])
def test_an_address_with_one_slash_is_no_folder(scheme: str) -> None:
    """A slash is easily lost when a path is joined."""
    message = f"^{scheme}:/bucket/scan: write two slashes after the colon: s3://…$"
    with pytest.raises(JobError, match=message):
        place_of(f"{scheme}:/bucket/scan")


def test_an_address_is_a_place_in_a_store() -> None:
    """And what has no scheme is a file."""
    assert isinstance(place_of("s3://bucket/a/scan"), RemotePlace)
    assert not isinstance(place_of("a/scan"), RemotePlace)
