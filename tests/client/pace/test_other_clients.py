"""The other clients' share of the limit is estimated from the server's count."""

from __future__ import annotations

from random import Random

import pytest

from bulkops.api.rate_limit import Window
from bulkops.client.pace.other_clients import (
    NOISE,
    REMEMBERED,
    TOO_MANY,
    OtherClients,
)
from bulkops.simulator.limits import RateLimit
from bulkops.simulator.limits import Window as Kind

LIMIT = 30
WAYS = (0.02, 0.025)
"""The least and the most seconds that a request takes to the server."""


def seen_by(others: OtherClients, kind: Kind, ours: float, theirs: int, seconds: int) -> float:
    """Mix our requests with another client's in one window; return the last estimate."""
    random, server = Random(1), RateLimit(LIMIT, kind, theirs)
    for number in range(int(ours * seconds)):
        left = number / ours
        others.sent(left)
        verdict = server.take(left + random.uniform(*WAYS))
        if verdict.allowed:
            others.observe(left, Window(LIMIT, verdict.remaining, verdict.reset))
        else:
            others.refused(left)
    return others.rate


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("theirs", [4, 10, 20])
def test_another_client_is_seen_within_a_few_seconds(kind: Kind, theirs: int) -> None:
    """The rate is known to within 1.5 requests per second, with either window."""
    estimate = seen_by(OtherClients(), kind, 0.95 * (LIMIT - theirs), theirs, seconds=6)
    assert estimate == pytest.approx(theirs, abs=1.5)


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("ours", [3.0, 15.0, 29.5])
def test_alone_no_other_client_is_seen(kind: Kind, ours: float) -> None:
    """Our own requests, counted late or early, are never taken for another client's."""
    others = OtherClients()
    estimates = {seen_by(others, kind, ours, 0, seconds) for seconds in range(1, 6)}
    assert estimates == {0.0}


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_one_that_goes_away_is_forgotten(kind: Kind) -> None:
    """A few seconds after another client stops, the full limit is used again."""
    others = OtherClients()
    assert seen_by(others, kind, 15.0, 10, seconds=5) > NOISE
    later = OtherClients()
    later._rate = others.rate
    assert seen_by(later, kind, 15.0, 0, seconds=5) == 0.0


def test_refused_requests_are_not_counted() -> None:
    """The server doesn't count refused requests, and neither does the estimate."""
    others = OtherClients()
    for number in range(20):
        others.sent(number / 20)
        if number % 2:
            others.refused(number / 20)
    others.refused(7.0)
    others.observe(0.95, Window(LIMIT, LIMIT - 20, 0.0))
    assert others.rate == pytest.approx(0.15 * 10 - TOO_MANY)


def test_answers_that_reveal_too_little_are_ignored() -> None:
    """Answers early in a window, without one, or to old requests don't change the estimate."""
    others = OtherClients()
    for reset in (0.9, -1.0, 3.0):
        others.observe(0.0, Window(LIMIT, 0, reset))
    others.sent(0.0)
    others.sent(REMEMBERED + 1)
    others.observe(0.0, Window(LIMIT, 0, 0.0))
    assert others.rate == 0.0


def test_send_times_are_kept_only_for_a_while() -> None:
    """After hours, only the send times of the last seconds are kept."""
    others = OtherClients()
    for number in range(3000):
        others.sent(number / 30)
    assert len(others._sent) <= 2 * REMEMBERED * 30 + 1
