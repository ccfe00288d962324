"""The rate limit: windows, headers, users, and another client in the same window."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.limits import RateLimit, Window
from bulkops.simulator.state import User

Ask = Callable[..., Response]


def _limited(rate: int = 3, window: Window = "fixed", **options: object) -> Simulator:
    created = Simulator(rate=rate, window=window, **options)  # type: ignore[arg-type]  # each test names its own
    created.add_organization("acme")
    return created


def _statuses(
    ask: Ask,
    simulator: Simulator,
    *times: float,
    token: str = "a",  # noqa: S107 -- made up
) -> list[int]:
    return [
        ask(simulator, "GET", "/organizations/acme", token=token, now=now).status for now in times
    ]


def test_fixed_window_resets_each_second(ask: Ask) -> None:
    """Twice the rate can pass around the edge of two windows."""
    statuses = _statuses(ask, _limited(), 0.7, 0.8, 0.9, 0.95, 1.0, 1.0, 1.1, 1.9)
    assert statuses == [200, 200, 200, 429, 200, 200, 200, 429]


def test_sliding_window_looks_back_one_second(ask: Ask) -> None:
    """A sliding window admits a request if there were fewer than the rate in the last second."""
    statuses = _statuses(
        ask, _limited(window="sliding"), 0.7, 0.8, 0.9, 1.0, 1.69, 1.7, 1.71, 1.8, 1.95, 1.95
    )
    assert statuses == [200, 200, 200, 429, 429, 200, 429, 200, 200, 429]


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_refusal_is_the_documented_one(ask: Ask, window: Window) -> None:
    """Over the limit, the answer is the documented 429, without Retry-After."""
    simulator = _limited(1, window)
    ask(simulator, "GET", "/ping", now=5.25)
    response = ask(simulator, "GET", "/ping", now=5.5)
    assert response.status == 429
    assert msgspec.json.decode(response.body) == {
        "errors": [
            {
                "status": "429",
                "title": "Too many requests",
                "detail": "You have exceeded the API's rate limit.",
            }
        ]
    }
    assert response.headers["x-ratelimit-limit"] == "1"
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert response.headers["x-ratelimit-reset"] == {"fixed": "0.500", "sliding": "0.750"}[window]
    assert "retry-after" not in response.headers
    assert simulator.stats.too_many == 1


def test_only_a_429_has_retry_after(ask: Ask) -> None:
    """With ``retry_after`` a 429 has Retry-After in whole seconds, other answers don't."""
    simulator = _limited(1, retry_after=True)
    assert "retry-after" not in ask(simulator, "GET", "/ping").headers
    assert ask(simulator, "GET", "/ping").headers["retry-after"] == "1"


def test_every_answer_has_the_limit(ask: Ask) -> None:
    """Every answer, including errors and pings, has limit, remaining and seconds to the reset."""
    simulator = _limited(30)
    for remaining, path in ((29, "/ping"), (28, "/organizations/acme"), (27, "/nothing")):
        headers = ask(simulator, "GET", path, now=2.25).headers
        assert headers["x-ratelimit-limit"] == "30"
        assert headers["x-ratelimit-remaining"] == str(remaining)
        assert headers["x-ratelimit-reset"] == "0.750"


def test_limit_is_per_user_not_per_token(ask: Ask) -> None:
    """Two tokens of one user share a window; another user has a separate one."""
    ann, bob = User(name="ann"), User(name="bob")
    simulator = _limited(2, tokens={"a1": ann, "a2": ann, "b": bob})
    assert _statuses(ask, simulator, 0.0, token="a1") == [200]
    assert _statuses(ask, simulator, 0.0, 0.0, token="a2") == [200, 429]
    assert _statuses(ask, simulator, 0.0, 0.0, token="b") == [200, 200]


def test_no_rate_means_no_limit_and_no_headers(ask: Ask) -> None:
    """A rate of 0 admits everything and sends no headers for it."""
    simulator = _limited(0)
    responses = [ask(simulator, "GET", "/ping") for _ in range(100)]
    assert {response.status for response in responses} == {204}
    assert not any(name.startswith("x-ratelimit") for name in responses[0].headers)


def test_other_client_takes_its_share(ask: Ask) -> None:
    """Another client of the same user takes part of the window, evenly over time."""
    simulator = _limited(10, other_client=8)
    remaining = [
        ask(simulator, "GET", "/ping", now=now).headers["x-ratelimit-remaining"]
        for now in (4.0, 4.25, 4.5, 4.99, 5.0)
    ]
    assert remaining == ["8", "5", "2", "0", "8"]
    assert simulator.stats.too_many == 1


def test_other_client_faster_than_the_limit_starves_all_others(ask: Ask) -> None:
    """If another client alone exceeds the limit, nothing else is admitted."""
    assert _statuses(ask, _limited(10, other_client=100), 7.5, 7.9, 8.05) == [429, 429, 200]


_PACES = st.lists(st.integers(0, 700), max_size=200)


@settings(deadline=None)  # a busy machine must not fail it
@given(rate=st.integers(1, 20), other=st.integers(0, 30), milliseconds=_PACES)
def test_no_sliding_window_holds_more_than_the_rate(
    rate: int, other: int, milliseconds: list[int]
) -> None:
    """No second in a sliding window admits more requests than the rate."""
    limit = RateLimit(rate, "sliding", other)
    now, admitted = 0, list[int]()
    for step in milliseconds:
        now += step
        verdict = limit.take(now / 1000)
        assert 0 <= verdict.remaining < rate
        # Slack, here and below: the times are binary fractions.
        assert 0 <= verdict.reset < 1.001
        if verdict.allowed:
            admitted.append(now)
        assert sum(now - 999 < time for time in admitted) <= rate


@settings(deadline=None)  # a busy machine must not fail it
@given(rate=st.integers(1, 20), other=st.integers(0, 30), milliseconds=_PACES)
def test_no_fixed_window_holds_more_than_the_rate(
    rate: int, other: int, milliseconds: list[int]
) -> None:
    """No whole second in a fixed window admits more requests than the rate."""
    limit = RateLimit(rate, "fixed", other)
    now, admitted = 0, list[int]()
    for step in milliseconds:
        now += step
        if limit.take(now / 1000).allowed:
            admitted.append(now // 1000)
    assert all(admitted.count(second) <= rate for second in set(admitted))


def test_a_gateway_answers_503_without_a_header(ask: Ask) -> None:
    """The gateway's limit is for all users and ``/ping``; refused requests have no effect."""
    simulator = Simulator(rate=30, gateway_rate=2)
    simulator.add_organization("acme")
    answers = [ask(simulator, "GET", "/ping", now=now) for now in (0.0, 0.1, 0.2, 1.05, 1.11, 1.12)]
    assert [answer.status for answer in answers] == [204, 204, 503, 204, 204, 503]
    assert not {name for name in answers[2].headers if "ratelimit" in name or "retry" in name}
    assert b"503 Service Temporarily Unavailable" in answers[2].body


def test_a_gateway_may_send_retry_after(ask: Ask) -> None:
    """With ``retry_after`` the gateway's 503 has Retry-After, too."""
    simulator = Simulator(rate=30, gateway_rate=1, retry_after=True)
    simulator.add_organization("acme")
    first, second = (ask(simulator, "GET", "/ping", now=now) for now in (0.0, 0.1))
    assert "retry-after" not in first.headers
    assert (second.status, second.headers["retry-after"]) == (503, "1")
