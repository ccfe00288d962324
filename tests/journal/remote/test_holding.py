"""How long a process holds a lease: every cell of the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkops.journal.remote.bucket.store import Found
from bulkops.journal.remote.lease import holding as module
from bulkops.journal.remote.lease.content import Lease
from bulkops.journal.remote.lease.holding import RENEWED, VALID, Holding, Tenure
from tests.journal.remote.tables import cells
from tests.journal.samples import HOLDER

TTL = 30.0
SENT = 1000.0
LAPSE = SENT + VALID * TTL
LEASE = Lease(HOLDER, "mine", 1, TTL)
MINE = Found(LEASE.encoded(), "mine 1")
NEXT = Found(LEASE.following().encoded(), "mine 2")
OTHER = Lease(HOLDER, "other", 1, TTL)
FREE = Lease(None, "other", 2, TTL)
ANOTHERS = Found(OTHER.encoded(), "other 1")


def holding(state: Tenure) -> tuple[Holding, float]:
    """Return a lease in a state with an attempt under way, and when that was sent."""
    it = Holding(LEASE, "mine 1", SENT)
    now = LAPSE + 5 if state in (Tenure.LAPSED, Tenure.CUT_OFF) else SENT + RENEWED * TTL
    it.attempt(now)
    if state is Tenure.LOST:
        it.refused(ANOTHERS, now)
    elif state is Tenure.CUT_OFF:
        none_for_long(it, now)
    elif state is Tenure.RELEASED:
        it.release()
    assert it.state(now) is state
    return it, now


def none_for_long(it: Holding, now: float) -> None:
    """Let the attempt that was sent now fail, and one that is sent long after it."""
    it.unanswered(now)
    it.attempt(now + RENEWED * TTL)
    it.unanswered(now + RENEWED * TTL + 1)


EVENTS: dict[str, Callable[[Holding, float], object]] = {
    "written": lambda it, now: it.written("mine 2", now),
    "not written": lambda it, now: it.refused(MINE, now),
    "another's": lambda it, now: it.refused(ANOTHERS, now),
    "no answer": lambda it, now: it.unanswered(now),
    "none for long": none_for_long,
    "released": lambda it, _: it.release(),
}
CELLS = cells(module.__doc__)
"""State → event → what follows."""


def test_the_table_is_complete() -> None:
    """Each state has a row, and each event a column."""
    assert CELLS.keys() == {state.value for state in Tenure}
    assert all(row.keys() == EVENTS.keys() for row in CELLS.values())


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", Tenure)
def test_every_state_and_event_is_as_in_the_table(state: Tenure, event: str) -> None:
    """What can't happen raises and changes nothing."""
    it, now = holding(state)
    expected = CELLS[state.value][event]
    if expected == "-" and state is Tenure.HELD:
        # By then it has lapsed, and the attempt was sent before that.
        EVENTS[event](it, LAPSE)
        assert it.state(LAPSE) is Tenure.LAPSED
        return
    if expected == "-":
        with pytest.raises(RuntimeError, match=f"the lease is {state.value}"):
            EVENTS[event](it, now)
        expected = state.value
    else:
        EVENTS[event](it, now)
    assert it.state(now).value == expected
    assert it.holds(now) == (expected == "held")


@pytest.mark.parametrize("event", ["written", "not written", "another's", "no answer"])
def test_an_outcome_needs_an_attempt(event: str) -> None:
    """One without an attempt is an error of the caller."""
    with pytest.raises(RuntimeError, match="nothing was attempted"):
        EVENTS[event](Holding(LEASE, "mine 1", SENT), SENT)


def test_time_alone_makes_a_lease_lapse() -> None:
    """At 0.7 of its ttl after it was sent; it is to be renewed much earlier."""
    it = Holding(LEASE, "mine 1", SENT)
    assert it.state(LAPSE - 0.01) is Tenure.HELD
    assert it.state(LAPSE) is Tenure.LAPSED
    assert it.due == SENT + TTL / 3


def test_a_job_with_a_longer_lease_renews_the_first_one_as_early() -> None:
    """By a third of what it has, not of what it will have: a slow answer must not make it lapse."""
    it = Holding(LEASE, "mine 1", SENT)
    it.ttl = 20 * TTL
    assert it.due == SENT + TTL / 3


def test_a_renewal_counts_from_when_it_was_sent() -> None:
    """However late its answer comes; what was sent too long ago leaves the lease lapsed."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(SENT + 10)
    it.written("mine 2", SENT + 10)
    assert it.holds(LAPSE + 9.9)
    assert not it.holds(LAPSE + 10)


def test_if_one_of_several_attempts_took_effect_the_first_counts() -> None:
    """A rival may have seen it since then."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(SENT + 10)
    it.unanswered(SENT + 15)
    it.attempt(SENT + 16)
    assert it.refused(NEXT, SENT + 17)
    assert it.lease == LEASE.following()
    assert not it.holds(LAPSE + 10)
    assert it.holds(LAPSE + 9.9)


def test_an_attempt_is_repeated_with_the_same_bytes_until_it_has_an_outcome() -> None:
    """Then the next one has others."""
    it = Holding(LEASE, "mine 1", SENT)
    write = it.attempt(SENT + 10)
    it.unanswered(SENT + 11)
    assert it.refused(MINE, SENT + 12) is False
    assert it.attempt(SENT + 13) == write
    it.written("mine 2", SENT + 13)
    assert it.attempt(SENT + 25).lease == write.lease.following()
    assert it.attempt(SENT + 25).version == "mine 2"


def test_what_was_sent_before_the_lapse_cuts_nothing_off() -> None:
    """After a suspension it fails at once; a whole third of the ttl follows for new attempts."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(SENT + 10)
    woken = SENT + 3600
    it.unanswered(woken)
    it.attempt(woken + 1)
    it.unanswered(woken + 2)
    it.attempt(woken + 1 + TTL / 3 - 0.01)
    it.unanswered(woken + 2 + TTL / 3)
    assert it.state(woken) is Tenure.LAPSED
    it.attempt(woken + 1 + TTL / 3)
    it.unanswered(woken + 2 + TTL / 3)
    assert it.state(woken) is Tenure.CUT_OFF
    assert it.silence == 3600 + 2 + TTL / 3


def test_an_attempt_during_a_suspension_cuts_nothing_off() -> None:
    """It fails however well the store answers, so another attempt follows it."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(LAPSE + 1)
    it.unanswered(LAPSE + 3600)
    assert it.ended is None
    it.attempt(LAPSE + 3601)
    it.written("mine 2", LAPSE + 3601)
    assert it.holds(LAPSE + 3602)


def test_a_shorter_ttl_counts_as_soon_as_it_may_have_been_written() -> None:
    """A rival that sees it waits no longer than that; a longer one counts once it is written."""
    it = Holding(LEASE, "mine 1", SENT)
    it.ttl = 3.0
    assert it.due == SENT + 1
    it.attempt(SENT + 1)
    assert it.holds(SENT + 1 + VALID * 3 - 0.01)
    assert not it.holds(SENT + 1 + VALID * 3)
    it.unanswered(SENT + 2)
    it.ttl = 300.0
    assert it.due <= SENT + 1 + VALID * 3
    it.written("mine 2", SENT + 3)
    it.attempt(SENT + 4)
    assert not it.holds(SENT + 3 + VALID * 3)
    it.written("mine 3", SENT + 4)
    assert it.holds(SENT + 4 + VALID * 300 - 0.01)


def test_a_success_after_a_lapse_starts_anew() -> None:
    """A later lapse has a third of the ttl of its own."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(LAPSE)
    it.written("mine 2", LAPSE)
    again = LAPSE + VALID * TTL
    it.attempt(again)
    it.unanswered(again + TTL / 3 - 0.01)
    it.attempt(again + TTL / 3 - 0.01)
    it.unanswered(again + TTL / 3)
    assert it.ended is None


@pytest.mark.parametrize(
    ("found", "by"),
    [(ANOTHERS, OTHER), (None, None), (Found(FREE.encoded(), "free"), FREE)],
)
def test_a_lost_lease_knows_what_was_found(found: Found | None, by: Lease | None) -> None:
    """Another process's, nothing, or a lease that was released since."""
    it, now = holding(Tenure.HELD)
    it.refused(found, now)
    assert it.ended is Tenure.LOST
    assert it.taken_by == by


def test_a_release_frees_its_own_version_only() -> None:
    """If an attempt without an answer took effect, that one; nothing that is another's."""
    it = Holding(LEASE, "mine 1", SENT)
    it.attempt(SENT + 10)
    write = it.release()
    assert (write.lease, write.version) == (Lease(None, "mine", 3, TTL), "mine 1")
    again = it.release_again(NEXT)
    assert again
    assert (again.lease, again.version) == (write.lease, "mine 2")
    # A refusal for no reason that stays: neither of them took effect.
    again = it.release_again(MINE)
    assert again
    assert (again.lease, again.version) == write[:2]
    assert it.release_again(ANOTHERS) is None
    assert it.release_again(None) is None
    assert it.release_again(Found(write.lease.encoded(), "free")) is None
    assert not it.holds(SENT)
