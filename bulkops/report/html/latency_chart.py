"""How long operations took, as numbers for a drawing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from bulkops.job.duration import exact
from bulkops.report.html.charts import histogram, percentile, ticks
from bulkops.text import counted

WIDTH, HEIGHT = 960, 230
LEFT, RIGHT = 44.0, WIDTH - 8.0
TOP, BOTTOM = 12.0, 180.0
WIDEST = 48.0
"""Of a bar."""
LABELS_APART = 56.0
LEAST = 2.0
"""How high a bar is at least, so that one operation of a million is seen."""
FEWEST = 5
PERCENTILES = (50, 95, 99)


class Bar(NamedTuple):
    """How many took at least so long, and less than the next bar's.

    Attributes:
        low: that duration in words, empty where there is no room for it.
    """

    x: float
    width: float
    y: float
    height: float
    low: str
    title: str


class LatencyChart(NamedTuple):
    """All of it, in the units of a drawing that is ``WIDTH`` wide and ``HEIGHT`` high.

    Attributes:
        levels: height and label of each line.
        end: where the last bar ends, and what its operations took at most.
        percentiles: percent → duration in words.
    """

    bars: list[Bar]
    levels: list[tuple[float, str]]
    end: tuple[float, str]
    percentiles: dict[int, str]
    longest: str
    operations: str


def latency_chart(seconds: Sequence[float]) -> LatencyChart | None:
    """Return the chart of ascending durations, ``None`` of too few to have a distribution."""
    if len(seconds) < FEWEST:
        return None
    bins = histogram([round(took * 1000) for took in seconds])
    levels = ticks(max(FEWEST, *(one.number for one in bins)))
    scale = (BOTTOM - TOP) / levels[-1]
    width = min(WIDEST, (RIGHT - LEFT) / len(bins))
    stride = ceil(LABELS_APART / width)
    bars = list[Bar]()
    for number, one in enumerate(bins):
        height = max(LEAST, one.number * scale) if one.number else 0.0
        between = f"{exact(one.low / 1000)} to {exact(one.high / 1000)}"
        title = f"{between}: {counted(one.number, 'operation')}"
        x = LEFT + number * width
        low = "" if number % stride else exact(one.low / 1000)
        bars.append(Bar(x, width - 1, BOTTOM - height, height, low, title))
    return LatencyChart(
        bars=bars,
        levels=[(BOTTOM - level * scale, f"{level:,.15g}") for level in levels],
        end=(LEFT + len(bins) * width, exact(bins[-1].high / 1000)),
        percentiles={percent: exact(percentile(seconds, percent)) for percent in PERCENTILES},
        longest=exact(seconds[-1]),
        operations=counted(len(seconds), "operation"),
    )
