"""Numbers for charts: no value is lost between the data and the drawing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.report.html import latency_chart
from bulkops.report.html.charts import (
    LEAST_BREAK,
    MOST_BREAKS,
    TimeAxis,
    histogram,
    nice_step,
    percentile,
    shares,
    stretches,
    ticks,
    time_step,
)

START = 1_795_000_000.0
"""Seconds since 1970; dates are in milliseconds."""

milliseconds = st.integers(0, 40 * 86_400_000)
moments = st.lists(milliseconds.map(lambda ms: START + ms / 1000), min_size=1, max_size=60)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[float], at: int) -> None:
    """It is the smallest value that at least that many percent do not exceed."""
    ordered = sorted(values)
    found = percentile(ordered, at)
    assert sum(value <= found for value in ordered) * 100 >= at * len(ordered)
    assert sum(value < found for value in ordered) * 100 < at * len(ordered)


@given(st.floats(1e-6, 1e12))
def test_a_nice_step_is_the_next_of_1_2_and_5(least: float) -> None:
    """It is at least the given number, and at most two and a half times that."""
    step = nice_step(least)
    assert least <= step <= least * 2.5 * (1 + 1e-9)
    assert f"{step:e}"[0] in "125"


@given(st.floats(0, 1e9), st.integers(2, 10))
def test_ticks_reach_the_top(top: float, most: int) -> None:
    """They go from 0 in equal steps, about as many as requested; the last is not below the top."""
    found = ticks(top, most)
    assert found[0] == 0
    assert found[-1] >= top
    assert 2 <= len(found) <= most + 2


@pytest.mark.parametrize(
    ("least", "step"),
    [(0.02, 1), (1.1, 2), (16, 30), (61, 120), (50_000, 86_400), (86_401, 172_800)],
)
def test_time_advances_in_steps_that_clocks_have(least: float, step: float) -> None:
    """Steps are round seconds, minutes, hours or days."""
    assert time_step(least) == step


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_shares_fill_the_bar_and_stay_visible(counts: list[int]) -> None:
    """Parts follow each other; each that is not 0 is wide enough to see."""
    parts = shares(counts, 1000.0, 8.0)
    assert len(parts) == len(counts)
    end = 0.0
    for count, (x, width) in zip(counts, parts, strict=True):
        assert x == pytest.approx(end, abs=1e-6)
        assert (width > 7.0) if count else width == 0
        end = x + width
    assert end == pytest.approx(1000.0 if any(counts) else 0.0)


@given(moments)
def test_every_moment_is_in_a_stretch(given_moments: list[float]) -> None:
    """Stretches are in order; the breaks between them are few, long and empty."""
    found = stretches(given_moments)
    assert all(any(a <= moment <= b for a, b in found) for moment in given_moments)
    assert len(found) <= MOST_BREAKS + 1
    for (_, end), (start, _) in pairwise(found):
        assert start - end > LEAST_BREAK
        assert not any(end < moment < start for moment in given_moments)


@pytest.mark.parametrize(
    ("moments", "pieces"),
    [
        ([0, 1, 2, 50_000, 50_001], 2),
        ([0, 20, 40], 1),
        ([*range(0, 36_000, 40)], 1),
        ([*range(600), 640, *range(641, 1200)], 1),
        ([second + 300 * wave for wave in range(20) for second in (0, 1, 2, 3)], 20),
    ],
    ids=["the next day", "short waits", "a slow server", "a hiccup", "twenty pauses"],
)
def test_a_long_idle_time_is_a_break(moments: list[float], pieces: int) -> None:
    """So are a night and pauses of waves; an idle time that is short in comparison is to scale."""
    assert len(stretches(moments)) == pieces


@given(moments)
def test_buckets_add_up(given_moments: list[float]) -> None:
    """Every moment is counted once, in the bucket that contains it."""
    axis = TimeAxis(given_moments, 40.0, 940.0)
    counts, starts = axis.counts(given_moments), axis.bucket_starts()
    assert len(counts) == len(starts)
    assert sum(counts) == len(given_moments)
    for moment in given_moments:
        start, x = starts[axis.bucket_of(moment)]
        assert start - 1e-3 <= moment <= start + axis.bucket + 1e-3
        assert x - 1e-6 <= axis.x(moment) <= x + axis.step + 1e-3


@given(moments)
def test_a_later_moment_is_further_right(given_moments: list[float]) -> None:
    """The axis is monotonic and stays within its ends; breaks fill the space between pieces."""
    axis = TimeAxis(given_moments, 40.0, 940.0)
    places = [axis.x(moment) for moment in sorted(given_moments)]
    assert places == sorted(places)
    assert places[0] >= 40.0
    assert places[-1] <= 940.0 + 1e-6
    for gap, (one, other) in zip(axis.breaks, pairwise(axis.pieces), strict=True):
        assert (gap.left, gap.right) == (one.right, other.left)
        assert gap.seconds > LEAST_BREAK
    assert axis.x(START - 1e6) == 40.0


@given(moments)
def test_labels_keep_their_distance(given_moments: list[float]) -> None:
    """Each is at its moment, and far enough from the one before."""
    axis = TimeAxis(given_moments, 40.0, 940.0)
    labels = axis.labels(76.0)
    assert labels
    assert all(axis.x(moment) == place for moment, place in labels)
    assert all(other - one >= 76.0 for (_, one), (_, other) in pairwise(labels))


def test_few_buckets_do_not_fill_the_axis() -> None:
    """One second of a rollout is one narrow bar, not a bar over the full width."""
    axis = TimeAxis([START, START + 0.4], 0.0, 960.0)
    assert (axis.bucket, axis.step) == (1, 80.0)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_bins_add_up(values: list[int]) -> None:
    """Each value is in one bin, and there is no gap between bins."""
    ordered = sorted(values)
    bins = histogram(ordered)
    assert sum(one.number for one in bins) == len(ordered)
    assert all(one.high == other.low for one, other in pairwise(bins))
    assert bins[0].low <= ordered[0]
    assert bins[-1].high > ordered[-1]
    assert len(bins) < 40
    for one in bins:
        assert one.number == sum(one.low <= value < one.high for value in ordered)


@pytest.mark.parametrize(
    ("number", "label"),
    [(250, "250"), (5000, "5,000"), (20_000, "20k"), (1_500_000, "1.5M")],
)
def test_a_large_level_has_a_short_label(number: float, label: str) -> None:
    """Labels beside the latency chart use k from ten thousand on, and M from a million."""
    assert latency_chart._compact(number) == label
