"""A limit without a header is found by its 503s, kept, and tested less and less often."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from bulkops.api.messages import Request, Response
from bulkops.client.pace.hidden_limit import DOUBLING, NOISE_SECONDS, SLOWEST, WINDOW, HiddenLimit
from bulkops.journal.states import Outcome
from bulkops.simulator.core import Simulator
from tests.engine.world import World, job
from tests.sampling import long, swept

PACE = 30.0


class FixedWindow:
    """Admits a number of requests in each whole second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._second = self._taken = -1.0

    def __call__(self, now: float) -> bool:
        if math.floor(now) != self._second:
            self._second, self._taken = math.floor(now), 0.0
        self._taken += 1
        return self._taken <= self._rate


class Bucket:
    """Like nginx ``limit_req rate=… burst=… nodelay``: up to ``burst`` requests may be early."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._excess = self._last = 0.0

    def __call__(self, now: float) -> bool:
        excess = max(0.0, self._excess - (now - self._last) * self._rate) + 1
        if excess > self._burst + 1:
            return False
        self._excess, self._last = excess, now
        return True


LIMITS: dict[str, Callable[[], Callable[[float], bool]]] = {
    "10 in each second": lambda: FixedWindow(10),
    "one in 100 ms": lambda: Bucket(10, 0),
    "10 a second, and 20 too early": lambda: Bucket(10, 20),
    "2 in each second": lambda: FixedWindow(2),
    "one a second": lambda: Bucket(1, 0),
    "20 a second, and 5 too early": lambda: Bucket(20, 5),
}


def gated(world: World, lets: Callable[[float], bool]) -> list[Request]:
    """Put a gateway in front of a world's server; return the list of refused requests."""
    refused: list[Request] = []
    handle = world.simulator.handle

    def through(request: Request, now: float, *, url_status: int | None = None) -> Response:
        if lets(now):
            return handle(request, now, url_status=url_status)
        refused.append(request)
        return Response(503, {}, b"<html><title>503 Service Temporarily Unavailable</title>")

    world.simulator.handle = through  # type: ignore[method-assign]  # keeps the same server
    return refused


@pytest.mark.parametrize(
    ("size", "limit", "latency", "announced"),
    [
        *swept([40], LIMITS, [0.04, 0.5], [30, 0], every=3),
        *long([200], LIMITS, [0.04, 0.5], [30, 0]),
    ],
)
def test_a_job_behind_a_gateways_limit_completes_without_a_failure(
    size: int, limit: str, latency: float, announced: int
) -> None:
    """Whatever the gateway's window, there are few 503s, no failures and no repeated writes."""
    world = World(workspaces=size, latency=latency, server=partial(Simulator, rate=announced))
    world.start(job(rollout={"max_failures": 0}))
    refused = gated(world, LIMITS[limit]())
    assert world.resume().count(Outcome.SUCCEEDED) == size
    assert world.effects() == dict.fromkeys(world.names, 1)
    # Without an announced limit, 32 requests are in flight at the first 503.
    assert len(refused) <= (30 if announced else 80) + 0.3 * size


@pytest.mark.parametrize("size", [40, 300, 1000])
def test_a_gateways_retry_after_is_kept(size: int) -> None:
    """The simulator's gateway answers 503 with a Retry-After of a second."""
    server = partial(Simulator, rate=30, gateway_rate=10, retry_after=True)
    world = World(workspaces=size, server=server)
    world.start(job(rollout={"max_failures": 0}))
    assert world.resume().count(Outcome.SUCCEEDED) == size
    assert world.effects() == dict.fromkeys(world.names, 1)
    assert world.simulator.stats.by_status[503] <= 0.35 * size


def steady(
    limit: HiddenLimit, start: float, seconds: float, lets: Callable[[float], bool]
) -> tuple[float, int]:
    """Send at the pace for a while; return the end time and the number of refusals."""
    now, refused = start, 0
    while now < start + seconds:
        pace = limit.rate(now) or PACE
        sent_at, now = now, now + 1 / pace
        if lets(sent_at):
            now += WINDOW * limit.answered(sent_at, now, pace)
        else:
            refused += 1
            limit.refused(sent_at, now)
    return now, refused


def test_the_pace_falls_below_what_is_let_through_and_comes_back() -> None:
    """The pace doubles in a fixed time, and a limit that was removed is forgotten."""
    limit = HiddenLimit()
    now, refused = steady(limit, 0.0, 1.0, FixedWindow(10))
    now, _ = steady(limit, now, 1.0, FixedWindow(10))
    found = limit.rate(now)
    assert found is not None
    assert found < 11
    assert refused <= 25
    assert found < (limit.rate(now + DOUBLING) or 0.0) <= 2 * found
    assert limit.rate(now + 5 * DOUBLING) is None
    assert limit.rate(now) is None, "what is forgotten stays so"


@pytest.mark.parametrize("limit", LIMITS)
def test_most_of_a_lasting_limit_is_used_and_little_refused(limit: str) -> None:
    """Over ten minutes, most of the limit is used, with few 503s."""
    one, lets, taken = HiddenLimit(), LIMITS[limit](), 0

    def counted(now: float) -> bool:
        nonlocal taken
        let = lets(now)
        taken += let
        return let

    _, refused = steady(one, 0.0, 600.0, counted)
    most = 600 * float(re.findall(r"\d+", limit)[0]) if limit[0].isdigit() else 600
    if limit == "one in 100 ms":
        most = 6000
    assert taken > 0.6 * most
    assert refused < 0.15 * taken


@pytest.mark.parametrize("seed", range(4))
def test_an_occasional_503_is_not_a_limit(seed: int) -> None:
    """If one answer in fifty is a 503 at random, the pace is unchanged."""
    limit, random = HiddenLimit(), Random(seed)
    _, refused = steady(limit, 0.0, 600.0, lambda _: random.random() > 0.02)
    assert refused > 200
    assert limit.found == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_random_503s_do_not_lower_the_pace_for_good(share: float, seed: int) -> None:
    """If one in ten or five is a 503 at random, the pace is not lowered in the end."""
    limit, random = HiddenLimit(), Random(seed)
    sent = 0

    def lets(_now: float) -> bool:
        nonlocal sent
        sent += 1
        return random.random() > share

    steady(limit, 0.0, 3 * NOISE_SECONDS, lets)
    assert sent / (3 * NOISE_SECONDS) > 0.2 * PACE


def test_an_outage_is_not_a_limit() -> None:
    """If nothing was let through for a while, the failures don't affect the pace."""
    limit = HiddenLimit()
    now, _ = steady(limit, 0.0, 3.0, lambda _: True)
    now, _ = steady(limit, now, 3.0, lambda _: False)
    steady(limit, now, 3.0, lambda _: True)
    assert limit.found == 0


def test_the_pace_stays_above_its_minimum() -> None:
    """If one in ten is let through at any pace, the pace stays above its minimum."""
    limit = HiddenLimit()
    now, _ = steady(limit, 0.0, 300.0, Bucket(0.1, 0))
    rate = limit.rate(now)
    assert rate is None or rate >= SLOWEST


def test_answers_to_older_requests_are_not_counted() -> None:
    """Answers to requests sent before the pace dropped are not counted."""
    limit = HiddenLimit()
    now, _ = steady(limit, 0.0, 2.0, FixedWindow(10))
    found = limit.found
    assert found
    for _ in range(20):
        limit.refused(0.5, now)
    assert not limit.answered(0.5, now, PACE)
    assert limit.found == found
