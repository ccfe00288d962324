"""The table of ``bulkops.client.outage`` holds, cell by cell, with its times."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkops.client import outage
from bulkops.client.caller import ATTEMPTS
from bulkops.client.outage import AWAY_SECONDS, IN_A_ROW, LONG_SECONDS, PROBE_CAP, Outage, State
from tests.docstrings import rows

TABLE = rows(outage, "state")
TOLERATED = 300.0
LONG_AGO = 100.0
"""A time before the events, at which the state was reached."""


def reached(state: State) -> Outage:
    """Return an outage in a state; its first failure, if any, was sent at 100 s."""
    one = Outage()
    one.tolerate(TOLERATED)
    if state is State.UNHEARD:
        return one
    one.answered(LONG_AGO - 1)
    if state is State.ANSWERING:
        return one
    for _ in range(IN_A_ROW):
        one.failed(LONG_AGO, LONG_AGO, "503")
    if state is State.SUSPECTED:
        return one
    one.failed(LONG_AGO, LONG_AGO + AWAY_SECONDS, "503", probe=True)
    if state is State.AWAY:
        return one
    one.failed(LONG_AGO, LONG_AGO + TOLERATED, "503", probe=True)
    return one


def fails(times: int, after: float, *, probe: bool = False) -> Callable[[Outage], None]:
    """Return an event of several failures, some seconds after the first was sent."""

    def event(one: Outage) -> None:
        for _ in range(times):
            one.failed(LONG_AGO, LONG_AGO + after, "503", probe=probe)

    return event


EVENTS: list[Callable[[Outage], None]] = [
    lambda one: one.answered(LONG_AGO + 1),
    fails(1, 0.1),
    fails(IN_A_ROW, 0.1),
    fails(1, AWAY_SECONDS, probe=True),
    fails(1, TOLERATED, probe=True),
]
"""The events, in the order of the table's columns."""


@pytest.mark.parametrize("column", range(len(EVENTS)))
@pytest.mark.parametrize("state", State)
def test_each_event_leads_to_the_tables_state(state: State, column: int) -> None:
    """Every event in every state leads to the table's state; empty cells can't happen."""
    one = reached(state)
    assert one.state is state
    EVENTS[column](one)
    assert one.state.value == (TABLE[state.value][column] or state.value)


def test_the_table_has_every_state() -> None:
    """Every state has a row in the table."""
    assert list(TABLE) == [state.value for state in State]


def test_without_a_job_no_outage_is_tolerated() -> None:
    """Without a job, each request fails by itself, however many there are."""
    one = Outage()
    one.answered(0.0)
    for _ in range(100):
        one.failed(1.0, 1000.0, "503", probe=True)
    assert one.state is State.ANSWERING


def test_a_single_request_does_not_use_its_attempts_up() -> None:
    """A single request in flight suspects an outage before its last attempt."""
    assert IN_A_ROW < ATTEMPTS


def test_two_slow_failures_are_enough() -> None:
    """A silent server is suspected after two requests without an answer."""
    one = reached(State.ANSWERING)
    one.failed(100.0, 160.0, "no answer in time")
    assert one.state.value == "answering"
    one.failed(160.0, 160.0 + LONG_SECONDS, "no answer in time")
    assert one.state is State.SUSPECTED
    assert one.seconds(200.0) == 100.0


def test_it_lasts_since_the_last_answer_at_most() -> None:
    """An outage starts at the last answer or later, however early its requests were sent."""
    one = reached(State.ANSWERING)
    one.answered(150.0)
    for _ in range(IN_A_ROW):
        one.failed(100.0, 160.0, "no answer in time")
    assert one.seconds(160.0) == 10.0


def test_an_answer_in_between_begins_the_count_again() -> None:
    """If every other request fails, there is no outage."""
    one = reached(State.ANSWERING)
    for second in range(100, 200):
        for _ in range(IN_A_ROW - 1):
            one.failed(second, second + 0.1, "503")
        one.answered(second + 0.5)
        assert one.state is State.ANSWERING


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_the_tolerated_time_may_be_less_than_away_seconds(seconds: float) -> None:
    """If less than ``AWAY_SECONDS`` is tolerated, the first probe after it gives up."""
    one = reached(State.SUSPECTED)
    one.tolerate(seconds)
    one.failed(LONG_AGO, LONG_AGO + seconds, "503", probe=True)
    assert (one.state, one.number) == (State.GIVEN_UP, 1)


def test_probes_become_less_frequent() -> None:
    """Probes are 1, 2, 4, … 15 s apart, less up to half as jitter."""
    one = reached(State.SUSPECTED)
    now = LONG_AGO
    waits = []
    for _ in range(7):
        assert one.next_probe(now, 0.0) == one.next_probe(now, 1.0) / 2
        waits.append(one.next_probe(now, 1.0))
        now += waits[-1]
        one.failed(LONG_AGO, now, "503", probe=True)
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, PROBE_CAP, PROBE_CAP]


def test_the_last_probe_is_sent_before_it_is_given_up() -> None:
    """The last probe is sent when the tolerated time ends, not later."""
    one = reached(State.AWAY)
    assert one.next_probe(LONG_AGO + TOLERATED - 0.25, 1.0) == 0.25
    one.expire(LONG_AGO + TOLERATED)
    assert one.state is State.GIVEN_UP


def test_listeners_are_notified_of_its_beginning_and_end() -> None:
    """Listeners aren't notified of a suspicion that proves false."""
    one = Outage()
    one.tolerate(TOLERATED)
    notified: list[tuple[State, float]] = []
    one.listeners.append(lambda it: notified.append((it.state, it.seconds(LONG_AGO + 50))))
    one.answered(LONG_AGO)
    for end in (50.0, TOLERATED):
        for _ in range(IN_A_ROW):
            one.failed(LONG_AGO, LONG_AGO, "503")
        one.answered(LONG_AGO)
        for _ in range(IN_A_ROW):
            one.failed(LONG_AGO, LONG_AGO, "503")
        one.failed(LONG_AGO, LONG_AGO + AWAY_SECONDS, "503", probe=True)
        if end < TOLERATED:
            one.answered(LONG_AGO + end)
    one.expire(LONG_AGO + TOLERATED)
    assert notified == [
        (State.AWAY, 50.0),
        (State.ANSWERING, 50.0),
        (State.AWAY, 50.0),
        (State.GIVEN_UP, TOLERATED),
    ]


def test_a_new_job_may_try_again_what_was_given_up() -> None:
    """A client that gave up can be used for a new job."""
    one = reached(State.GIVEN_UP)
    one.answered(1000.0)
    assert one.state.value == "given up"
    one.tolerate(TOLERATED)
    assert one.state is State.ANSWERING
    one.failed(1001.0, 1001.0, "503")
    assert one.state is State.ANSWERING
