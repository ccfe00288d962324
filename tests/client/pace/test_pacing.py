"""The pace in virtual time: within the limit, in order, and recovering after a 429."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from random import Random

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkops.api.rate_limit import DEFAULT_LIMIT
from bulkops.client.pace.pacing import (
    CATCH_UP,
    HEADROOM,
    RECOVERY,
    SLOWEST,
    WIDER,
    WIDEST,
    Pacer,
)
from bulkops.clock import Clock
from tests.virtual_time import VirtualTimeLoop, run

ROUNDING = 1e-3
"""A margin in requests, because the virtual clock steps a little past each timer."""


def burst(rate: float) -> float:
    """Return the most requests by which a window may exceed the pace at this limit."""
    return 1 + (CATCH_UP + ROUNDING) * rate


def pacer(ceiling: float | None = None) -> Pacer:
    """Return a pacer with constant jitter."""
    return Pacer(Clock(), Random(1), ceiling)


async def departures(paced: Pacer, count: int) -> list[float]:
    """Return the send times of ``count`` requests that all wait from the start."""
    times: list[float] = []

    async def one() -> None:
        await paced.wait()
        times.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one)
    return times


def most_over(times: Sequence[float], rate: float) -> float:
    """Return by how many requests the fullest window exceeds ``rate`` times its length."""
    # i + 1 requests were sent until times[i]; a running minimum compares the windows.
    worst, lowest = 0.0, float("inf")
    for count, time in enumerate(times):
        level = count - rate * time
        lowest = min(lowest, level)
        worst = max(worst, level - lowest + 1)
    return worst


def busiest_second(times: Sequence[float]) -> int:
    """Return the most requests sent within one second, at any start."""
    return max(sum(start <= time < start + 1 for time in times) for start in times)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10, 19, 20, 21, 25, 30, 100])
def test_no_second_holds_more_requests_than_the_limit(limit: int) -> None:
    """The limit holds in any second, whenever the server's window begins."""

    async def scenario() -> list[float]:
        paced = pacer()
        paced.learn(limit)
        await paced.wait()
        await anyio.sleep(10)
        return await departures(paced, 10 * limit)

    busiest = busiest_second(run(scenario))
    assert limit * HEADROOM - 1 <= busiest <= limit


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(0.5, 200),
    delays=st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0, 5.0]), min_size=1, max_size=60),
    refusals=st.lists(st.tuples(st.floats(0, 8), st.floats(0, 3)), max_size=4),
)
@example(rate=1.0, delays=[0.0] * 30, refusals=[(0.0, 0.0)])
@example(rate=30.0, delays=[0.0] * 60, refusals=[(0.0, 0.5), (0.1, 0.0), (3.0, 1.0)])
def test_no_window_holds_more_than_the_pace_and_a_small_burst(
    rate: float, delays: list[float], refusals: list[tuple[float, float]]
) -> None:
    """No window has more requests than the pace plus one, whatever requests and 429s come."""

    async def scenario() -> list[float]:
        paced = pacer()
        paced.learn(rate)
        times: list[float] = []

        async def one() -> None:
            await paced.wait()
            times.append(anyio.current_time())

        async with anyio.create_task_group() as group:
            for at, after in refusals:
                asyncio.get_running_loop().call_later(at, paced.refused, 0.0, after)
            for delay in delays:
                await anyio.sleep(delay)
                group.start_soon(one)
        return times

    times = run(scenario)
    assert len(times) == len(delays)
    assert most_over(times, rate * HEADROOM) <= burst(rate)


def test_a_long_job_keeps_the_pace() -> None:
    """Over thousands of requests, the rate is neither above nor below the pace."""
    times = run(departures, pacer(), 3_000)
    seconds = times[-1] - times[0]
    assert (len(times) - 1) / seconds >= 0.99 * DEFAULT_LIMIT * HEADROOM
    assert most_over(times, DEFAULT_LIMIT * HEADROOM) <= burst(DEFAULT_LIMIT)


def test_requests_leave_in_the_order_they_came() -> None:
    """Requests are sent in order, even across a pause."""

    async def scenario() -> list[int]:
        paced, order = pacer(), list[int]()

        async def one(number: int) -> None:
            await paced.wait()
            order.append(number)
            if number == 20:
                paced.refused(0.0, 1.0)

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(one, number)
                await anyio.lowlevel.checkpoint()
        return order

    assert run(scenario) == list(range(100))


def test_a_cancelled_request_delays_no_other() -> None:
    """A request that is cancelled while it waits gives up its place."""

    async def scenario() -> list[float]:
        paced = pacer(1.0)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(paced.wait)
            await anyio.sleep(0.5)
            group.cancel_scope.cancel()
        started = anyio.current_time()
        return [time - started for time in await departures(paced, 3)]

    assert run(scenario)[-1] <= 4.0


async def announced(paced: Pacer, count: int, together: float) -> list[float]:
    """Return when requests leave that are held up until the next multiple of so many seconds."""
    times: list[float] = []

    async def one() -> None:
        await paced.wait()
        if together:
            await anyio.sleep(together - anyio.current_time() % together)
        await paced.space()
        times.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one)
    return times


@pytest.mark.parametrize("limit", [3, 30, 100])
@pytest.mark.parametrize("together", [0.02, 0.1, 1.0])
def test_what_was_held_up_together_leaves_one_by_one(limit: int, together: float) -> None:
    """No second holds more than the limit, at the cost of one wait, whatever the number."""

    async def scenario() -> list[float]:
        paced = pacer()
        paced.learn(limit)
        return await announced(paced, 10 * limit, together)

    times = run(scenario)
    assert times == sorted(times)
    assert busiest_second(times) <= limit
    assert most_over(times, limit * HEADROOM) <= burst(limit) + 0.001 * limit
    assert times[-1] <= 10 / HEADROOM + 2 * together


@pytest.mark.parametrize("limit", [None, 1, 30, 100])
def test_what_was_not_held_up_is_not_spaced_again(limit: float | None) -> None:
    """Every request leaves when the pacer lets it through, also while the pace recovers."""

    async def scenario(*, spaced: bool) -> list[float]:
        paced = pacer()
        paced.learn(limit)
        leave = partial(announced, together=0) if spaced else departures
        first = await leave(paced, 20)
        paced.refused(0.0, 2.0)
        return first + await leave(paced, 20)

    assert run(partial(scenario, spaced=True)) == run(partial(scenario, spaced=False))


def test_a_pause_also_holds_back_what_waits_to_be_spaced() -> None:
    """Requests that the pacer let through before a 429 leave after the reset, and slower."""

    async def scenario() -> tuple[float, list[float]]:
        paced = pacer()
        paced.learn(10.0)
        async with anyio.create_task_group() as group:
            times: list[float] = []

            async def all_of_them() -> None:
                times.extend(await announced(paced, 20, 2.5))

            group.start_soon(all_of_them)
            await anyio.sleep(2.55)
            refused_at = anyio.current_time()
            paced.refused(0.0, 3.0)
        return refused_at, times

    refused_at, times = run(scenario)
    after = [time for time in times if time > refused_at]
    assert len(after) >= 18
    assert after[0] > refused_at + 3.0
    assert most_over(after, 10.0) <= burst(10)


def test_what_is_spaced_leaves_in_the_order_it_came() -> None:
    """Even if a stalled process wakes a later request first."""
    order: list[str] = []

    async def scenario() -> None:
        paced, loop = pacer(1.0), asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)

        async def one(name: str, after: float) -> None:
            await anyio.sleep(after)
            await paced.space()
            order.append(name)

        async with anyio.create_task_group() as group:
            for name, after in (("first", 0.0), ("waits until 1.0", 0.1), ("comes at 0.9", 0.9)):
                group.start_soon(one, name, after)
            await anyio.sleep(0.8)
            loop.stall(1.0)

    run(scenario)
    assert order == ["first", "waits until 1.0", "comes at 0.9"]


def test_a_cancelled_request_holds_no_other_back() -> None:
    """A request that is cancelled while it waits to be spaced gives up its place."""

    async def scenario() -> list[float]:
        paced = pacer(1.0)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(paced.space)
            await anyio.sleep(0.5)
            group.cancel_scope.cancel()
        started = anyio.current_time()
        return [time - started for time in await announced(paced, 3, 0)]

    assert run(scenario)[-1] <= 4.0


@pytest.mark.long
def test_the_limit_holds_over_a_hundred_thousand_requests_with_trouble() -> None:
    """With stalls, 429s and cancellations, the limit and the order hold, and all are sent."""
    random = Random(7)
    left: list[tuple[float, int]] = []
    given_up = 0

    async def scenario() -> None:
        nonlocal given_up
        paced, loop = pacer(), asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)

        async def one(number: int, patience: float) -> None:
            nonlocal given_up
            with anyio.move_on_after(patience):
                await paced.wait()
                left.append((anyio.current_time(), number))
                chance = random.random()
                if chance < 0.001:
                    paced.refused(0.0, random.uniform(0, 2))
                elif chance < 0.002:
                    loop.stall(random.uniform(0, 3))
                return
            given_up += 1

        for batch in range(1000):
            async with anyio.create_task_group() as group:
                for number in range(100):
                    patience = random.uniform(0, 5) if random.random() < 0.05 else math.inf
                    group.start_soon(one, 100 * batch + number, patience)
                    await anyio.lowlevel.checkpoint()

    run(scenario)
    times, numbers = [time for time, _ in left], [number for _, number in left]
    assert len(left) + given_up == 100_000
    assert given_up > 1000
    assert numbers == sorted(numbers)
    assert max(bisect_left(times, time + 1) - at for at, time in enumerate(times)) <= DEFAULT_LIMIT


def test_a_stalled_loop_saves_nothing_up() -> None:
    """After a stall of the process, no burst makes up for it."""

    async def scenario() -> list[float]:
        paced = pacer(10.0)
        before = await departures(paced, 5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.stall(60.0)
        return before + await departures(paced, 30)

    assert most_over(run(scenario), 10.0) <= burst(10)


def test_a_refusal_pauses_all_requests_until_after_the_reset() -> None:
    """After a 429, all requests wait for the server's reset plus jitter."""

    async def scenario() -> tuple[float, list[float]]:
        paced = pacer()
        await departures(paced, 3)
        refused_at = anyio.current_time()
        paced.refused(0.0, 2.5)
        return refused_at, await departures(paced, 3)

    refused_at, times = run(scenario)
    assert 2.5 < times[0] - refused_at <= 2.6 + ROUNDING


def test_a_refusal_also_pauses_requests_that_already_wait() -> None:
    """A request that already waits when a 429 comes also waits for the reset."""

    async def scenario() -> list[float]:
        paced = pacer(1.0)
        asyncio.get_running_loop().call_later(2.5, paced.refused, 0.0, 10.0)
        return await departures(paced, 6)

    times = run(scenario)
    assert not [time for time in times if 2.5 < time < 12.5]
    assert times[-1] > 12.5


def test_the_pace_comes_back_slower_and_recovers() -> None:
    """After a 429 the pace is three quarters, and recovers within a second."""

    async def scenario() -> list[float]:
        paced = pacer()
        paced.refused(0.0, 0.5)
        return await departures(paced, 400)

    times = run(scenario)
    first_second = [time for time in times if time < times[0] + 1]
    pace = DEFAULT_LIMIT * HEADROOM
    assert len(first_second) == pytest.approx((1 + SLOWEST) / 2 * pace, abs=3)
    recovered = [time for time in times if time >= times[0] + RECOVERY]
    rate = (len(recovered) - 1) / (recovered[-1] - recovered[0])
    assert rate == pytest.approx(pace, rel=0.05)


def test_a_429_without_other_clients_widens_the_headroom() -> None:
    """If latency varies more than the headroom allows, a few 429s widen it."""

    async def scenario() -> list[float]:
        paced = pacer()
        for _ in range(4):
            paced.refused(0.0, 0.5)
            paced.refused(0.0, 0.5)
            await anyio.sleep(1.0)
        await anyio.sleep(RECOVERY)
        return await departures(paced, 301)

    times = run(scenario)
    rate = 300 / (times[-1] - times[0])
    assert rate == pytest.approx((HEADROOM - 4 * WIDER) * DEFAULT_LIMIT, rel=0.002)


def test_many_refusals_cost_a_tenth_of_the_pace_at_most() -> None:
    """However often requests are refused, the pace stays above nine tenths of the limit."""

    async def scenario() -> list[float]:
        paced = pacer()
        for _ in range(100):
            paced.refused(0.0, 0.5)
            await anyio.sleep(1.0)
        await anyio.sleep(RECOVERY)
        return await departures(paced, 301)

    times = run(scenario)
    assert 300 / (times[-1] - times[0]) >= 0.995 * WIDEST * DEFAULT_LIMIT


def test_concurrent_429s_cause_one_pause() -> None:
    """Requests in flight that are refused together cause one pause, to the latest reset."""

    async def scenario() -> float:
        paced = pacer()
        for after in (0.2, 3.0, 0.1):
            paced.refused(0.0, after)
        await paced.wait()
        return anyio.current_time()

    assert 3.0 < run(scenario) < 3.3


def test_a_ceiling_only_ever_lowers() -> None:
    """A ceiling holds, whatever limit or higher ceiling follows."""

    async def scenario() -> list[float | None]:
        paced = pacer()
        paced.lower(10.0)
        rates = [paced.rate]
        paced.learn(50.0)
        paced.lower(20.0)
        paced.lower(None)
        return [*rates, paced.rate]

    assert run(scenario) == [9.85, 9.85]


def test_without_an_announced_limit_nothing_waits() -> None:
    """Without an announced limit, requests wait only after a 429."""

    async def scenario() -> list[float]:
        paced = pacer()
        paced.learn(None)
        assert paced.rate is None
        free = await departures(paced, 1000)
        paced.refused(0.0, 1.0)
        return free[-1:] + (await departures(paced, 1))

    last_free, after_refusal = run(scenario)
    assert last_free < ROUNDING
    assert after_refusal > 1.0


@pytest.mark.parametrize(
    ("ceiling", "limit", "rate"),
    [
        (None, 30.0, 29.55),
        (10.0, 30.0, 9.85),
        (100.0, 30.0, 29.55),
        (10.0, None, 9.85),
        (None, None, None),
        (None, 600.0, 591.0),
    ],
)
def test_a_ceiling_only_lowers(
    ceiling: float | None, limit: float | None, rate: float | None
) -> None:
    """`[pace] rate` never raises the pace above the server's limit."""
    paced = pacer(ceiling)
    paced.learn(limit)
    assert paced.rate == (rate if rate is None else pytest.approx(rate))


def test_before_anything_is_learned_the_documented_limit_holds() -> None:
    """Until a limit is known, the documented 30 per second applies."""
    assert pacer().rate == pytest.approx(DEFAULT_LIMIT * HEADROOM)


def test_learning_a_limit_does_not_hand_out_another_burst() -> None:
    """A limit that is learned later applies from then on, without another burst."""

    async def scenario() -> list[float]:
        paced = pacer()
        times = await departures(paced, 2)
        paced.learn(20.0)
        return times + await departures(paced, 40)

    assert most_over(run(scenario), DEFAULT_LIMIT * HEADROOM) <= burst(DEFAULT_LIMIT)
