"""When operations came to their outcomes, as numbers for a drawing. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from bulkops.job.duration import exact, rounded
from bulkops.journal.states import Reached
from bulkops.report.html.charts import Break, TimeAxis, ticks
from bulkops.report.html.gathered import Gathered, moment, moments
from bulkops.report.timeline import Timeline
from bulkops.report.words import ended
from bulkops.text import counted

WIDTH, HEIGHT = 960, 296
LEFT, RIGHT = 44.0, WIDTH - 8.0
TOP, BOTTOM = 48.0, 240.0
"""Between which bars are; above them are two lines of labels, below them marks and dates."""
LABELS_APART = 76.0
CHARACTER = 6.6
"""How wide one is, about."""
FAR_LIMIT = 4
"""A limit so many times as high as the highest bar is told and not drawn."""


class Bar(NamedTuple):
    """Operations a second in one bucket: those done, and on top of them those in trouble."""

    x: float
    width: float
    done_y: float
    done_height: float
    trouble_y: float
    trouble_height: float
    title: str


class Mark(NamedTuple):
    """Something at one place.

    Attributes:
        label: empty where there is no room for it.
    """

    x: float
    label: str
    title: str


class Band(NamedTuple):
    """Something from one place to another."""

    x: float
    width: float
    label: str
    title: str


class End(NamedTuple):
    """Where an execution ended.

    Attributes:
        label: empty where there is no room for it.
        side: which end of the label is at the mark, ``start`` or ``end``.
    """

    x: float
    label: str
    side: str
    title: str


class Limit(NamedTuple):
    """What the server allowed in one execution."""

    x: float
    end: float
    y: float


class TimelineChart(NamedTuple):
    """All of it, in the units of a drawing that is ``WIDTH`` wide and ``HEIGHT`` high.

    Attributes:
        levels: heights, labeled.
        dates: times of the day; the title is the date, where it is another than the one before.
        bucket: how wide a bar is, in words.
    """

    bars: list[Bar]
    limits: list[Limit]
    levels: list[Mark]
    dates: list[Mark]
    breaks: list[Band]
    waves: list[Band]
    ends: list[End]
    refused: list[Mark]
    bucket: str
    summary: str


def timeline_chart(timeline: Timeline, gathered: Gathered) -> TimelineChart:
    """Return the chart of a timeline with at least one execution."""
    done, trouble = gathered.done, gathered.trouble
    axis = TimeAxis((*done, *trouble, *moments(timeline)), LEFT, RIGHT)
    rates = [
        (one / axis.bucket, other / axis.bucket)
        for one, other in zip(axis.counts(done), axis.counts(trouble), strict=True)
    ]
    most = max(one + other for one, other in rates)
    limits = {span.limit for span in timeline.spans if span.limit}
    drawn = {limit for limit in limits if not most or limit <= FAR_LIMIT * most}
    levels = ticks(max([most, *drawn]))
    scale = (BOTTOM - TOP) / levels[-1]
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
        levels=[Mark(BOTTOM - level * scale, f"{level:g}", "") for level in levels],
        dates=_dates(axis),
        breaks=[_break(one) for one in axis.breaks],
        waves=_waves(timeline, axis),
        ends=_ends(timeline, axis),
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
            f"{counted(operations, 'operation')} finished, at most {most:.3g} a second.",
            f"The server allows {allowed} requests a second."
            if allowed
            else "The server told no limit.",
            f"{refused} {were} refused for coming too fast (429).",
        ]
    )


def _bars(axis: TimeAxis, rates: list[tuple[float, float]], scale: float) -> list[Bar]:
    # A line between bars, where there is room for one.
    width = axis.step - 1 if axis.step > 3 else axis.step
    bars = list[Bar]()
    for (at, x), (done, trouble) in zip(axis.bucket_starts(), rates, strict=True):
        if done or trouble:
            title = f"{_time(at)}: {done + trouble:.3g} a second"
            not_done = f", {trouble:.3g} of them not done" if trouble else ""
            low, high = BOTTOM - done * scale, BOTTOM - (done + trouble) * scale
            bars.append(Bar(x, width, low, BOTTOM - low, high, low - high, title + not_done))
    return bars


def _dates(axis: TimeAxis) -> list[Mark]:
    labels = [(at, x) for at, x in axis.labels(LABELS_APART) if x <= RIGHT - LABELS_APART / 3]
    short = all(at % 60 == 0 for at, _ in labels)
    dates = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at, _ in labels]
    return [
        Mark(x, _time(at)[: 5 if short else 8], date if date != before else "")
        for (at, x), date, before in zip(labels, dates, ["", *dates], strict=False)
    ]


def _break(one: Break) -> Band:
    width = one.right - one.left
    label = rounded(one.seconds)
    room = len(label) * CHARACTER <= width
    title = f"Nothing happened for {exact(one.seconds)}"
    return Band(one.left, width, label if room else "", title)


def _waves(timeline: Timeline, axis: TimeAxis) -> list[Band]:
    """Return a band from where each wave opened to where it passed, or to the end of all."""
    by_number = sorted(timeline.waves, key=lambda record: record.number)
    found = list[Band]()
    for number, group in groupby(by_number, key=lambda record: record.number):
        records = list(group)
        last = records[-1]
        end = last.at if last.reached is Reached.PASSED else timeline.spans[-1].ended_at
        left, right = axis.x(moment(records[0].at)), axis.x(moment(end))
        labels = (f"Wave {number}", str(number), "")
        label = next(one for one in labels if len(one) * CHARACTER <= right - left - 4 or not one)
        found.append(Band(left, max(1.0, right - left), label, f"Wave {number}"))
    return found if len(found) > 1 else []


def _ends(timeline: Timeline, axis: TimeAxis) -> list[End]:
    places = [axis.x(moment(span.ended_at)) for span in timeline.spans]
    found = list[End]()
    free = 0.0
    for number, span in enumerate(timeline.spans, 1):
        how = ended(span.how, last=number == len(places))
        x, width = places[number - 1], len(how) * CHARACTER
        after = places[number] if number < len(places) else RIGHT
        side = "end" if x - width >= free else "start" if x + width <= after else ""
        free = x + width if side == "start" else x
        found.append(End(x, how if side else "", side, f"Execution {number}: {how}"))
    return found


def _refused(timeline: Timeline, axis: TimeAxis) -> list[Mark]:
    counts = axis.counts(moment(record.at) for record in timeline.refused)
    return [
        Mark(x + axis.step / 2, "", f"{_time(at)}: 429, {count} times")
        for (at, x), count in zip(axis.bucket_starts(), counts, strict=True)
        if count
    ]


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
