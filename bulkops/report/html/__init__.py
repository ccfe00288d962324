"""The report as one self-contained HTML file: no network, no other file. Pure.

Everything that comes from a job or a server is text: Jinja2 escapes it, the rows are JSON in which
``<`` is escaped, and a Content-Security-Policy allows only the style and script hashed here.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import chain, islice
from typing import NamedTuple

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bulkops import __version__
from bulkops.job.duration import exact
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.report.html import latency_chart, timeline_chart
from bulkops.report.html.charts import shares
from bulkops.report.html.gathered import (
    DRIFTED,
    MOST_REASONS,
    Entry,
    Gathered,
    entry,
    skipped_entry,
)
from bulkops.report.html.tables import execution_lines, wave_lines
from bulkops.report.html.words import PLANNED_SKIP, executions, sentences, verdict
from bulkops.report.model import BLOCKED, PENDING, Report
from bulkops.report.words import date, outcome_in_words
from bulkops.text import counted, escaped

PAGE = 100
"""Rows shown at once; the first page is in the HTML, for readers without JavaScript."""
_ORDER = (*Outcome, PENDING, BLOCKED, PLANNED_SKIP)


class Total(NamedTuple):
    """One outcome and its part of a bar that is 1,000 wide."""

    outcome: str
    number: int
    share: str
    x: float
    width: float


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as an HTML document, in pieces.

    Args:
        only_failed: list only what failed, drifted, is in conflict, in doubt or blocked; totals
            and charts still cover everything.
    """
    environment = Environment(
        loader=FunctionLoader(_package_file),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": outcome_in_words, "date": date, "px": _px, "percent": _percent}
    gathered = Gathered(report)
    timeline = report.timeline if report.timeline and report.timeline.spans else None
    style, script = _package_file("style.css"), _package_file("table.js")
    yield from environment.get_template("report.html.j2").generate(
        report=report,
        version=__version__,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        subject=wording.subject(report.task, report.replaces),
        verdict=verdict(report),
        sentences=sentences(report, gathered.noun),
        noun=gathered.noun,
        totals=_totals(report),
        groups=gathered.groups[:MOST_REASONS],
        more_groups=max(0, len(gathered.groups) - MOST_REASONS),
        drifted=DRIFTED,
        started=timeline.spans[0].started_at if timeline else "",
        ended=timeline.spans[-1].ended_at if timeline else "",
        took=exact(sum(span.seconds for span in timeline.spans)) if timeline else "",
        runs=executions(gathered.ends) if timeline else "",
        people=sorted({span.by for span in timeline.spans}) if timeline else [],
        timeline=timeline_chart.timeline_chart(timeline, gathered) if timeline else None,
        latency=latency_chart.latency_chart(gathered.seconds),
        sizes={"timeline": timeline_chart, "latency": latency_chart},
        waves=wave_lines(report, gathered),
        lines=execution_lines(timeline, gathered) if timeline else [],
        only_failed=only_failed,
        listed=_listed(report, only_failed=only_failed),
        entries=list(islice(_entries(report, only_failed=only_failed), PAGE)),
        page=PAGE,
        counted=counted,
        data=_data(_entries(report, only_failed=only_failed)),
    )


def _package_file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _escape_controls(value: object) -> object:
    """Escape what could reorder or hide text, as every other format does."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _px(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _percent(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") + "%"


def _totals(report: Report) -> list[Total]:
    outcomes = [outcome for outcome in _ORDER if report.counts.get(outcome)]
    counts = [report.counts[outcome] for outcome in outcomes]
    return [
        Total(outcome, count, _share(count / report.operations), x, width)
        for outcome, count, (x, width) in zip(
            outcomes, counts, shares(counts, 1000.0, 8.0), strict=True
        )
    ]


def _share(share: float) -> str:
    """Return a share in percent, ``100%`` only for all of them."""
    return "100%" if share == 1 else f"{min(99.9, max(0.1, share * 100)):.1f}%"


def _listed(report: Report, *, only_failed: bool) -> dict[str, int]:
    """Return the number of table rows with each outcome."""
    counts = Counter(report.counts)
    for row in report.skipped:
        counts[BLOCKED if row.blocked else PLANNED_SKIP] += 1
    if only_failed:
        counts = Counter(one.outcome for one in _entries(report, only_failed=True))
    return {outcome: counts[outcome] for outcome in _ORDER if counts[outcome]}


def _entries(report: Report, *, only_failed: bool) -> Iterator[Entry]:
    rows = (row for row in report.rows if row.troubled or not only_failed)
    skipped = (skip for skip in report.skipped if skip.blocked or not only_failed)
    return chain(map(entry, rows), map(skipped_entry, skipped))


def _data(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the rows as JSON that is safe in a script: ``[["prod-1", "ws-1", …], …]``."""
    between = "[\n"
    for one in entries:
        text = msgspec.json.encode(tuple(map(escaped, one))).decode()
        yield between + text.replace("<", r"\u003c")
        between = ",\n"
    yield "[]" if between == "[\n" else "\n]"
