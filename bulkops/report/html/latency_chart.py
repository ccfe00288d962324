"""How long operations took, as numbers for a drawing. Pure.

x and widths are percent of the chart's width; y and heights are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from bulkops.job.duration import exact
from bulkops.report.html.charts import Bin, histogram, percentile, ticks
from bulkops.report.html.labels import Label, Place, labels, length
from bulkops.text import counted

HEIGHT = 210
TOP, BOTTOM = 12.0, 180.0
RIGHT = 100.0
FEWEST_BARS = 16
"""Bars that the chart has room for at least; fewer leave the rest of it empty."""
BETWEEN = 0.1
"""Between two bars."""
LABELS_APART = 10.0
"""Pixels between two labels."""
MARGIN = 8.0
"""Pixels to the right of the chart that a label may use."""
LEAST = 2.0
"""Least height of a bar, so that one operation in a million is visible."""
FEWEST = 5
PERCENTILES = (50, 95, 99)


class Bar(NamedTuple):
    """Operations that took at least one duration and less than the next bar's."""

    x: float
    width: float
    y: float
    height: float
    title: str


class LatencyChart(NamedTuple):
    """The chart, ``HEIGHT`` pixels high.

    Attributes:
        levels: y and label of each horizontal line.
        durations: the least durations of bars.
        percentiles: percent → duration, human-readable.
    """

    bars: list[Bar]
    levels: list[tuple[float, str]]
    durations: list[Label]
    percentiles: dict[int, str]
    longest: str
    operations: str


def latency_chart(seconds: Sequence[float]) -> LatencyChart | None:
    """Return the chart of ascending durations, ``None`` if they are too few."""
    if len(seconds) < FEWEST:
        return None
    bins = histogram([round(took * 1000) for took in seconds])
    levels = ticks(max(FEWEST, *(one.number for one in bins)))
    scale = (BOTTOM - TOP) / levels[-1]
    step = RIGHT / max(FEWEST_BARS, len(bins))
    bars = list[Bar]()
    for number, one in enumerate(bins):
        height = max(LEAST, one.number * scale) if one.number else 0.0
        between = f"{exact(one.low / 1000)} to {exact(one.high / 1000)}"
        title = f"{between}: {counted(one.number, 'operation')}"
        bars.append(Bar(number * step, step - BETWEEN, BOTTOM - height, height, title))
    return LatencyChart(
        bars=bars,
        levels=[(BOTTOM - level * scale, _compact(level)) for level in levels],
        durations=labels(lambda width: _durations(bins, step, width)),
        percentiles={percent: exact(percentile(seconds, percent)) for percent in PERCENTILES},
        longest=exact(seconds[-1]),
        operations=counted(len(seconds), "operation"),
    )


def _durations(bins: Sequence[Bin], step: float, width: float) -> Iterator[Place]:
    texts = [exact(one.low / 1000) for one in bins]
    pixel = RIGHT / width
    stride = ceil((max(map(length, texts)) + LABELS_APART) * pixel / step)
    for number in range(0, len(texts), stride):
        x, text = number * step, texts[number]
        if x + length(text) / 2 * pixel <= RIGHT + MARGIN * pixel:
            yield Place(x, text)


def _compact(number: float) -> str:
    """Return a label that fits beside the chart: ``250``, ``5,000``, ``20k``, ``1M``."""
    for least, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= max(least, 10_000):
            return f"{number / least:g}{unit}"
    return f"{number:,.15g}"
