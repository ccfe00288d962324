"""What an attempt to deliver a notification results in."""

from __future__ import annotations

import pytest

from bulkops.api.messages import Response
from bulkops.errors import NoResponse
from bulkops.notify.attempt import DELIVERED, LONGEST_DELAY, delay, judged


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    """Services answer with different ones."""
    assert judged(Response(status)) == DELIVERED


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, False) for status in (100, 300, 301, 302, 307, 308, 400, 401, 403, 404, 410)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_any_other_status_is_a_problem(status: int, again: bool) -> None:  # noqa: FBT001 - a column of the table
    """It is named, and tried again only if that may help."""
    attempt = judged(Response(status))
    assert attempt.problem.startswith(f"answered {status}")
    assert attempt.again is again


def test_no_answer_is_tried_again_unless_it_lasts() -> None:
    """An untrusted certificate stays untrusted."""
    assert judged(NoResponse("gone", sent=False)).again
    assert not judged(NoResponse("untrusted", sent=False, lasting=True)).again


def test_a_receiver_may_ask_for_time() -> None:
    """Its Retry-After counts, up to the longest delay."""
    asked = judged(Response(429, {"retry-after": "20"})).wait
    assert delay(1, asked) == 20.0
    assert delay(1, 86_400.0) == LONGEST_DELAY


def test_delays_double() -> None:
    """Up to a minute, whatever the number of attempts."""
    assert [delay(n) for n in (1, 2, 3, 4, 7, 5000)] == [1.0, 2.0, 4.0, 8.0, 60.0, 60.0]
