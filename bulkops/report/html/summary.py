"""What a page says of one report, apart from its rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bulkops.job.duration import exact
from bulkops.journal.states import DONE, Outcome
from bulkops.operations.named_steps import words_of
from bulkops.report.html.charts import shares
from bulkops.report.html.gathered import DRIFTED, MOST_REASONS, Gathered, Group
from bulkops.report.html.latency_chart import LatencyChart, latency_chart
from bulkops.report.html.tables import ExecutionLine, WaveLine, execution_lines, wave_lines
from bulkops.report.html.timeline_chart import TimelineChart, timeline_chart
from bulkops.report.html.words import Verdict, executions, sentences, verdict
from bulkops.report.model import BLOCKED, PENDING, Report

BAR = (
    *(Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.FAILED, Outcome.CONFLICT, Outcome.IN_DOUBT),
    *(DRIFTED, BLOCKED, PENDING),
)
"""The parts of a bar: first what is done."""


class Total(NamedTuple):
    """One outcome and its part of a bar that is 1,000 wide."""

    outcome: str
    number: int
    share: str
    x: float
    width: float


class Summary(NamedTuple):
    """The variables of the templates that show one report.

    Attributes:
        done: how much is done, of what was planned or is blocked.
        prefix: of the ids of its elements: a page may have several.
        more_groups: number of groups beyond ``groups``.
        started, ended: RFC 3339; empty without a timeline, as are the next three.
        people: the users that executed it.
        lines: its executions.
    """

    report: Report
    prefix: str
    what: str
    verdict: Verdict
    sentences: list[str]
    noun: str
    done: str
    totals: list[Total]
    skips: dict[str, int]
    groups: list[Group]
    more_groups: int
    started: str
    ended: str
    took: str
    runs: str
    people: list[str]
    timeline: TimelineChart | None
    latency: LatencyChart | None
    waves: list[WaveLine]
    lines: list[ExecutionLine]


def summary(report: Report, *, prefix: str = "") -> Summary:
    """Return what a page says of a report."""
    gathered = Gathered(report)
    timeline = report.timeline if report.timeline and report.timeline.spans else None
    return Summary(
        report=report,
        prefix=prefix,
        what=words_of(report.steps, undo=bool(report.undo_of)),
        verdict=verdict(report),
        sentences=sentences(report, gathered.noun),
        noun=gathered.noun,
        done=done(gathered.shown),
        totals=totals(gathered.shown),
        skips=report.skips,
        groups=gathered.groups[:MOST_REASONS],
        more_groups=max(0, len(gathered.groups) - MOST_REASONS),
        started=timeline.spans[0].started_at if timeline else "",
        ended=timeline.spans[-1].ended_at if timeline else "",
        took=exact(sum(span.seconds for span in timeline.spans)) if timeline else "",
        runs=executions(gathered.ends) if timeline else "",
        people=sorted({span.by for span in timeline.spans}) if timeline else [],
        timeline=timeline_chart(timeline, gathered) if timeline else None,
        latency=latency_chart(gathered.seconds),
        waves=wave_lines(report, gathered),
        lines=execution_lines(timeline, gathered) if timeline else [],
    )


def totals(counts: Mapping[str, int]) -> list[Total]:
    """Return the totals of operations; ``counts``: see ``Gathered.shown``."""
    outcomes = [outcome for outcome in BAR if counts.get(outcome)]
    numbers = [counts[outcome] for outcome in outcomes]
    of = sum(numbers)
    return [
        Total(outcome, number, _share(number / of), x, width)
        for outcome, number, (x, width) in zip(
            outcomes, numbers, shares(numbers, 1000.0, 8.0), strict=True
        )
    ]


def done(counts: Mapping[str, int]) -> str:
    """Return ``3 of 4 done (75.0%), 1 not``; what drifted is not done. Empty if there are none."""
    of = sum(counts.values())
    if not of:
        return ""
    number = sum(counts.get(outcome, 0) for outcome in DONE)
    left = f", {of - number:,} not" if number < of else ""
    return f"{number:,} of {of:,} done ({_share(number / of)}){left}"


def _share(share: float) -> str:
    """Return a share in percent, ``100%`` only for all of them and ``0%`` only for none."""
    return f"{share:.0%}" if share in (0, 1) else f"{min(99.9, max(0.1, share * 100)):.1f}%"
