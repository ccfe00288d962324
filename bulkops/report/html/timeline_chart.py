"""The timeline: operations finished per second, as numbers for a drawing. Pure.

x and widths are percent of the chart's width; y and heights are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from bulkops.job.duration import exact, rounded
from bulkops.journal.states import Reached
from bulkops.report.html.charts import TimeAxis, ticks
from bulkops.report.html.gathered import Gathered, moment, moments
from bulkops.report.html.labels import Label, Place, labels, length
from bulkops.report.timeline import Timeline
from bulkops.text import counted

HEIGHT = 296
TOP, BOTTOM = 48.0, 240.0
"""Bars are between these; two lines of labels are above them, marks and dates below."""
RIGHT = 100.0
LABELS_APART = 76.0
MARGIN = 8.0
"""Pixels to the right of the chart that a label may use."""
BETWEEN = 0.1
"""Between two bars."""
FAR_LIMIT = 4
"""A limit more than this many times the highest bar is named in the summary but not drawn."""


class Bar(NamedTuple):
    """Operations per second in one bucket: those done and, on top, those in trouble."""

    x: float
    width: float
    done_y: float
    done_height: float
    trouble_y: float
    trouble_height: float
    title: str


class Mark(NamedTuple):
    """A mark at one moment."""

    x: float
    title: str


class Level(NamedTuple):
    """A horizontal line and its label."""

    y: float
    label: str


class Band(NamedTuple):
    """A stretch of time."""

    x: float
    width: float
    title: str


class Limit(NamedTuple):
    """The rate limit during one execution."""

    x: float
    end: float
    y: float


class TimelineChart(NamedTuple):
    """The chart, ``HEIGHT`` pixels high.

    Attributes:
        ends: ends of executions.
        refused: 429s.
        dates: times of day; the second line is the date if it differs from the label before.
        bucket: duration that a bar covers, human-readable.
    """

    bars: list[Bar]
    limits: list[Limit]
    levels: list[Level]
    dates: list[Label]
    breaks: list[Band]
    break_labels: list[Label]
    waves: list[Band]
    wave_labels: list[Label]
    ends: list[Mark]
    end_labels: list[Label]
    refused: list[Mark]
    bucket: str
    summary: str


def timeline_chart(timeline: Timeline, gathered: Gathered) -> TimelineChart:
    """Return the chart of a timeline with at least one execution."""
    done, trouble = gathered.done, gathered.trouble
    axis = TimeAxis((*done, *trouble, *moments(timeline)), 0.0, RIGHT)
    rates = [
        (one / axis.bucket, other / axis.bucket)
        for one, other in zip(axis.counts(done), axis.counts(trouble), strict=True)
    ]
    most = max(one + other for one, other in rates)
    limits = {span.limit for span in timeline.spans if span.limit}
    drawn = {limit for limit in limits if not most or limit <= FAR_LIMIT * most}
    levels = ticks(max([most, *drawn]))
    scale = (BOTTOM - TOP) / levels[-1]
    waves = _waves(timeline, axis)
    return TimelineChart(
        bars=_bars(axis, rates, scale),
        limits=[
            Limit(
                axis.x(moment(span.started_at)),
                axis.x(moment(span.ended_at)),
                BOTTOM - limit * scale,
            )
            for span in timeline.spans
            if (limit := span.limit or 0.0) in drawn
        ],
        levels=[Level(BOTTOM - level * scale, f"{level:g}") for level in levels],
        dates=labels(lambda width: _dates(axis, width)),
        breaks=[
            Band(one.left, one.right - one.left, f"Idle for {exact(one.seconds)}")
            for one in axis.breaks
        ],
        break_labels=labels(lambda width: _break_labels(axis, width)),
        waves=waves,
        wave_labels=labels(lambda width: _wave_labels(waves, width)),
        ends=_ends(timeline, gathered.ends, axis),
        end_labels=labels(lambda width: _end_labels(timeline, gathered.ends, axis, width)),
        refused=_refused(timeline, axis),
        bucket=exact(axis.bucket),
        summary=_summary(timeline, len(done) + len(trouble), most, limits),
    )


def _summary(timeline: Timeline, operations: int, most: float, limits: set[float]) -> str:
    allowed = " or ".join(f"{limit:g}" for limit in sorted(limits))
    refused = counted(len(timeline.refused), "request") if timeline.refused else "No request"
    were = "was" if len(timeline.refused) < 2 else "were"
    return " ".join(
        [
            f"{counted(operations, 'operation')} finished, at most {most:.3g} per second.",
            f"The server allows {allowed} requests per second."
            if allowed
            else "The server reported no rate limit.",
            f"{refused} {were} refused because of the rate limit (429).",
        ]
    )


def _bars(axis: TimeAxis, rates: list[tuple[float, float]], scale: float) -> list[Bar]:
    # A gap between bars, if there is room for one.
    width = axis.step - BETWEEN if axis.step > 3 * BETWEEN else axis.step
    bars = list[Bar]()
    for (at, x), (done, trouble) in zip(axis.bucket_starts(), rates, strict=True):
        if done or trouble:
            title = f"{_time(at)}: {done + trouble:.3g} per second"
            not_done = f", {trouble:.3g} of them not done" if trouble else ""
            low, high = BOTTOM - done * scale, BOTTOM - (done + trouble) * scale
            bars.append(Bar(x, width, low, BOTTOM - low, high, low - high, title + not_done))
    return bars


def _dates(axis: TimeAxis, width: float) -> Iterator[Place]:
    pixel = RIGHT / width
    times = axis.labels(LABELS_APART * pixel)
    short = all(at % 60 == 0 for at, _ in times)
    before = ""
    for at, x in times:
        time = _time(at)[: 5 if short else 8]
        date = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
        below = date if date != before else ""
        if x + max(length(time), length(below)) / 2 * pixel <= RIGHT + MARGIN * pixel:
            yield Place(x, time, below=below)
            before = date


def _break_labels(axis: TimeAxis, width: float) -> Iterator[Place]:
    for one in axis.breaks:
        text = rounded(one.seconds)
        if length(text) <= (one.right - one.left) * width / RIGHT:
            yield Place((one.left + one.right) / 2, text)


def _waves(timeline: Timeline, axis: TimeAxis) -> list[Band]:
    """Return a band from each wave's opening to its passing, or to the end of the timeline."""
    by_number = sorted(timeline.waves, key=lambda record: record.number)
    bands = list[Band]()
    for number, group in groupby(by_number, key=lambda record: record.number):
        records = list(group)
        last = records[-1]
        end = last.at if last.reached is Reached.PASSED else timeline.spans[-1].ended_at
        left, right = axis.x(moment(records[0].at)), axis.x(moment(end))
        bands.append(Band(left, max(0.1, right - left), f"Wave {number}"))
    return bands if len(bands) > 1 else []


def _wave_labels(waves: list[Band], width: float) -> Iterator[Place]:
    for band in waves:
        room = band.width * width / RIGHT - 4
        for text in (band.title, band.title.removeprefix("Wave ")):
            if length(text) <= room:
                yield Place(band.x + band.width / 2, text)
                break


def _ends(timeline: Timeline, hows: Sequence[str], axis: TimeAxis) -> list[Mark]:
    return [
        Mark(axis.x(moment(span.ended_at)), f"Execution {number}: {how}")
        for number, (span, how) in enumerate(zip(timeline.spans, hows, strict=True), 1)
    ]


def _end_labels(
    timeline: Timeline, hows: Sequence[str], axis: TimeAxis, width: float
) -> Iterator[Place]:
    ends = [axis.x(moment(span.ended_at)) for span in timeline.spans]
    free = 0.0
    for number, (x, how) in enumerate(zip(ends, hows, strict=True), 1):
        long = length(how) * RIGHT / width
        after = ends[number] if number < len(ends) else RIGHT
        anchor = "end" if x - long >= free else "start" if x + long <= after else ""
        free = x + long if anchor == "start" else x
        if anchor:
            yield Place(x, how, anchor)


def _refused(timeline: Timeline, axis: TimeAxis) -> list[Mark]:
    counts = axis.counts(moment(record.at) for record in timeline.refused)
    return [
        Mark(x + axis.step / 2, f"{_time(at)}: {counted(count, 'request')} refused (429)")
        for (at, x), count in zip(axis.bucket_starts(), counts, strict=True)
        if count
    ]


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
