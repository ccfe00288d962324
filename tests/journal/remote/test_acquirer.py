"""Getting a lease, or an error that says who has it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bulkops.cli.logs import sentence
from bulkops.clock import Clock
from bulkops.errors import ExitCode, JournalLocked, JournalWriteFailed
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import Denied, Found
from bulkops.journal.remote.lease.acquirer import PATIENCE, Acquirer, Busy, acquire
from bulkops.journal.remote.lease.calls import LeaseObject
from bulkops.journal.remote.lease.content import Lease
from bulkops.journal.remote.lease.holding import Holding
from bulkops.journal.remote.lease.keeper import release
from bulkops.journal.waiting import when_free
from tests.engine.world import EPOCH
from tests.journal.remote.contender import JOURNAL, KEY, lease_in
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Odds, Trouble

TTL = 30.0
ANN = Holder("ann", "ci-1", 7, "2026-11-24T20:59:00.000Z")
BOB = Holder("bob", "ci-2", 8, "2026-11-24T21:01:00.000Z")


class HandClock(Clock):
    """Time passes only while ``wait`` is called.

    Attributes:
        meanwhile: called after each wait.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def boot(self) -> float:
        """Return the time that has passed."""
        return self.seconds

    def wall(self) -> datetime:
        """Return the date and time."""
        return EPOCH + timedelta(seconds=self.seconds)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0
        self.seconds += seconds
        self.meanwhile()


class Place:
    """A store, and processes that want the lease in it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.memory = MemoryStore(self.clock.wall)
        self.store = MisbehavingStore(self.memory, self.clock.boot)
        self.at = LeaseObject(self.store, KEY, JOURNAL)

    def acquirer(self, holder: Holder = ANN) -> Acquirer:
        """Return one that looks."""
        return Acquirer(self.at, holder, holder.user, TTL, self.clock)

    def acquire(self, holder: Holder = ANN, *, wait: bool = False) -> Holding:
        """Return the lease."""
        acquirer = self.acquirer(holder)

        def look() -> Holding:
            return acquire(acquirer, self.clock.wait)

        return when_free(look, self.clock.wait) if wait else look()


@pytest.fixture
def place() -> Place:
    """Nobody has a lease."""
    return Place()


def test_a_lease_that_is_absent_or_free_is_taken_at_once(place: Place) -> None:
    """And released: then another process takes it at once."""
    holding = place.acquire()
    assert lease_in(place.memory) == Lease(ANN, "ann", 1, TTL)
    assert holding.holds(0)
    release(holding, place.at)
    assert lease_in(place.memory) == Lease(None, "ann", 2, TTL)
    place.acquire(BOB)
    assert lease_in(place.memory) == Lease(BOB, "bob", 1, TTL)
    assert place.clock.seconds == 0


def test_a_held_lease_is_an_error_that_names_its_holder_and_age(place: Place) -> None:
    """Exit 11, and nothing is written."""
    place.acquire()
    place.clock.wait(4)
    before = place.memory.objects[KEY]
    with pytest.raises(JournalLocked) as raised:
        place.acquire(BOB)
    assert raised.value.exit_code == ExitCode.JOURNAL_IN_USE
    assert str(raised.value) == (
        "s3://bucket/scan is held by ann on ci-1, pid 7, since 2026-11-24T20:59:00.000Z (renewed "
        "4 s ago; lease of 30 s). Wait until it ends, or stop it and run the same command again. "
        "If that process was killed, add --wait: it takes over after 30 s without a renewal"
    )
    assert place.memory.objects[KEY] == before


def test_an_age_that_the_store_does_not_tell_is_left_out() -> None:
    """And what a clock that is slow makes negative is 0."""
    place = Place()
    place.acquire()
    place.clock.seconds -= 5
    with pytest.raises(JournalLocked, match=r"\(renewed 0 s ago; lease of 30 s\)"):
        place.acquire(BOB)
    place.memory.objects[KEY] = place.memory.objects[KEY]._replace(modified=None)
    with pytest.raises(JournalLocked, match=r"000Z \(lease of 30 s\)\. Wait"):
        place.acquire(BOB)


def test_what_a_lease_names_is_safe_to_print(place: Place) -> None:
    """Others may have written it."""
    lease = Lease(Holder("\x1b[31m", "x" * 10_000, 7, ""), "n", 1, TTL)
    place.memory.put(KEY, lease.encoded())
    with pytest.raises(JournalLocked) as raised:
        place.acquire()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 700


def test_waiting_takes_over_once_a_lease_is_unchanged_for_its_ttl(
    place: Place,
) -> None:
    """No earlier."""
    place.acquire()
    place.clock.wait(1000)
    place.acquire(BOB, wait=True)
    assert place.clock.seconds == 1000 + TTL
    assert lease_in(place.memory) == Lease(BOB, "bob", 1, TTL)


def test_waiting_notices_a_release_within_five_seconds(place: Place) -> None:
    """It looks again and again."""
    holding = place.acquire()

    def meanwhile() -> None:
        if place.clock.seconds >= 12 and not holding.ended:
            release(holding, place.at)

    place.clock.meanwhile = meanwhile
    place.acquire(BOB, wait=True)
    assert place.clock.seconds <= 12 + 5


def test_waiting_lasts_as_long_as_the_lease_is_renewed(place: Place) -> None:
    """Each renewal starts the watch anew."""
    holding = place.acquire()

    def meanwhile() -> None:
        now = place.clock.seconds
        if now >= holding.due and now < 300:
            write = holding.attempt(now)
            version = place.at.write(write)
            assert version
            holding.written(version, now)

    place.clock.meanwhile = meanwhile
    place.acquire(BOB, wait=True)
    assert place.clock.seconds >= 300 - TTL / 3 + TTL


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("free", [True, False])
def test_whatever_becomes_of_its_first_write_it_gets_the_lease(
    place: Place, trouble: Trouble, *, free: bool
) -> None:
    """To create it, or to swap it; it is written once, whoever repeats it."""
    if free:
        release(place.acquire(BOB), place.at)
    place.store.script = [trouble]
    place.store.latest = 0.5
    holding = place.acquire()
    place.clock.wait(1)
    place.store.land()
    assert lease_in(place.memory) == holding.lease
    assert holding.holds(place.clock.seconds)
    assert place.store.writes <= (2 if free else 0) + 3


def test_a_look_makes_at_most_three_calls(place: Place) -> None:
    """Whatever it finds."""
    for trouble in (None, *Trouble):
        place.memory.objects.clear()
        place.store.script = [trouble, trouble]
        acquirer = place.acquirer()
        for _ in range(3):
            assert len([call() for call in acquirer.looking()]) <= 3
            if lease_in(place.memory):
                break


def test_no_answer_for_long_is_an_error(place: Place) -> None:
    """Exit 14; waiting for the lease makes no difference."""
    place.store.away = (0, 1000)
    with pytest.raises(JournalWriteFailed, match="no answer from the store: connection ref") as it:
        place.acquire(wait=True)
    assert it.value.exit_code == ExitCode.JOURNAL_UNWRITABLE
    assert "nothing was sent. Run the same command again" in str(it.value)
    assert PATIENCE <= place.clock.seconds <= PATIENCE + 2


def test_a_store_that_is_away_for_a_moment_is_tried_again(place: Place) -> None:
    """As for any single call without an answer."""
    place.store.away = (0, PATIENCE - 2)
    place.acquire()
    assert place.clock.seconds < PATIENCE


def test_a_store_that_refuses_every_write_is_an_error(place: Place) -> None:
    """Though no other process wrote, which a reading shows."""
    place.store.odds = Odds(conflict=1)
    with pytest.raises(JournalWriteFailed, match="refuses to write it, though no other process"):
        place.acquire()


def test_a_store_that_denies_access_is_an_error_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again is useless."""

    def get(_key: str) -> Found | None:
        raise Denied("access denied (403)")

    monkeypatch.setattr(place.store, "get", get)
    with pytest.raises(JournalWriteFailed, match=r"scan: its lease can't be written: access den"):
        place.acquire()
    assert place.clock.seconds == 0


def test_of_two_that_see_a_free_lease_one_gets_it(place: Place) -> None:
    """The other finds it held."""
    ann, bob = place.acquirer().looking(), place.acquirer(BOB).looking()
    next(ann)()
    next(bob)()
    next(ann)()
    next(bob)()
    with pytest.raises(StopIteration) as won:
        next(ann)
    assert isinstance(won.value.value, Holding)
    next(bob)()
    with pytest.raises(StopIteration) as other:
        next(bob)
    assert isinstance(other.value.value, Busy)
    assert other.value.value.lease.holder == ANN


@pytest.mark.parametrize("trouble", [None, Trouble.CONFLICT, Trouble.REPEATED])
def test_a_refused_release_is_judged_by_reading(place: Place, trouble: Trouble | None) -> None:
    """It is repeated once if the lease is still its own."""
    holding = place.acquire()
    place.store.script = [trouble]
    release(holding, place.at)
    assert lease_in(place.memory) == Lease(None, "ann", 2, TTL)
    release(holding, place.at)
    assert not holding.holds(0)


@pytest.mark.parametrize("second", [Trouble.CONFLICT, Trouble.REPEATED])
def test_a_release_that_is_refused_twice_is_judged_again(
    place: Place, second: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged if the lease is still not free."""
    holding = place.acquire()
    place.store.script = [Trouble.CONFLICT, second]
    with caplog.at_level(logging.WARNING, "bulkops"):
        release(holding, place.at)
    lease = lease_in(place.memory)
    assert lease
    assert bool(lease.holder) == bool(caplog.records) == (second is Trouble.CONFLICT)


def test_a_release_leaves_the_lease_of_another_process(place: Place) -> None:
    """One that took over meanwhile, before this process noticed."""
    holding = place.acquire()
    theirs = Lease(BOB, "bob", 1, TTL)
    place.memory.put(KEY, theirs.encoded())
    release(holding, place.at)
    assert lease_in(place.memory) == theirs


def test_a_release_that_fails_is_only_logged(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """Others have to wait for the ttl then."""
    holding = place.acquire()
    place.store.away = (0, 1)
    with caplog.at_level(logging.WARNING, "bulkops"):
        release(holding, place.at)
    assert [sentence(record) for record in caplog.records] == [
        "Warning: s3://bucket/scan: its lease could not be released (connection refused): another "
        "process can take the journal over after 30 s, with --wait."
    ]
