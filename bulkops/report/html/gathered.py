"""One pass over a report's rows that keeps only numbers and some names. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from bulkops.journal.states import TROUBLE
from bulkops.report.html.words import PLANNED_SKIP
from bulkops.report.model import BLOCKED, Report, Row, SkippedRow
from bulkops.report.text import why
from bulkops.report.timeline import Timeline
from bulkops.report.words import ended

MOST_NAMES = 200
"""Most names listed for one reason; the table has all of them."""
MOST_REASONS = 50
"""Most groups listed."""
NO_REASON = "unknown reason"
DRIFTED = "drifted"
"""In place of an outcome: done, but not as desired when it was read again."""


class Group:
    """The operations with one outcome and one reason.

    Attributes:
        count: number of operations.
        names: targets of the first ones.
    """

    def __init__(self, outcome: str, reason: str) -> None:
        self.outcome = outcome
        self.reason = reason
        self.count = 0
        self.names = list[str]()

    def add(self, name: str) -> None:
        """Add an operation."""
        self.count += 1
        if len(self.names) < MOST_NAMES:
            self.names.append(name)

    @property
    def more(self) -> int:
        """Number of operations without a name in ``names``."""
        return self.count - len(self.names)


class Gathered:
    """The source of the page's totals, groups and charts.

    Attributes:
        done, trouble: times at which operations got their outcomes, in seconds since 1970.
        ends: how each execution ended.
        seconds: durations of the operations that were sent, ascending.
        waves: outcomes → operations, for each wave.
        shown: outcomes → operations of all waves, with ``DRIFTED`` in place of those of operations
            that drifted, and ``BLOCKED`` → targets.
        noun: what is counted: ``workspace`` or ``run task``; ``operation`` if a target may have
            several, or if both kinds of target occur.
    """

    def __init__(self, report: Report) -> None:
        self.done = array("d")
        self.trouble = array("d")
        self.waves = [Counter[str]() for _ in report.waves]
        self.shown = Counter[str]()
        self._groups = dict[tuple[str, str], Group]()
        nouns, times = set[str](), array("d")
        rows = iter(report.rows)
        for wave, counts in zip(report.waves, self.waves, strict=True):
            for row in islice(rows, wave.size):
                counts[row.outcome] += 1
                nouns.add(_noun(row))
                self._take(row)
                if row.seconds is not None:
                    times.append(row.seconds)
        for skip in report.skipped:
            if skip.blocked:
                self.shown[BLOCKED] += 1
                self._group(BLOCKED, skip.reason).add(skip.name)
        self.seconds = sorted(times)
        spans = report.timeline.spans if report.timeline else ()
        self.ends = [
            ended(span.how, killed=report.killed or number < len(spans))
            for number, span in enumerate(spans, 1)
        ]
        self.noun = nouns.pop() if len(nouns) == 1 else "operation"

    @property
    def groups(self) -> list[Group]:
        """Problems by outcome and reason, the largest group first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)

    def _take(self, row: Row) -> None:
        if row.at:
            (self.trouble if row.outcome in TROUBLE else self.done).append(moment(row.at))
        drifted = bool(row.shows) and row.outcome not in TROUBLE
        self.shown[DRIFTED if drifted else row.outcome] += 1
        if row.outcome in TROUBLE:
            self._group(row.outcome, why(row) or NO_REASON).add(row.name)
        elif drifted:
            self._group(DRIFTED, why(row)).add(row.name)

    def _group(self, outcome: str, reason: str) -> Group:
        return self._groups.setdefault((outcome, reason), Group(outcome, reason))


class Entry(NamedTuple):
    """A row of the operations table: strings, in the order of the embedded JSON.

    Attributes:
        shard: empty unless the page is about a fleet.
    """

    name: str
    id: str
    action: str
    change: str
    outcome: str
    attempts: str
    at: str
    seconds: str
    status: str
    reason: str
    request_id: str
    shard: str = ""


def entry(row: Row) -> Entry:
    """Return the table row of an operation."""
    return Entry(
        name=row.name,
        id=str(row.workspace_id or row.task_id),
        action=row.action,
        change=row.change,
        outcome=row.outcome,
        attempts=str(row.attempts or ""),
        at=row.at.replace("T", " ").removesuffix("Z"),
        seconds="" if row.seconds is None else f"{row.seconds:.3f}",
        status=str(row.status or ""),
        reason=why(row),
        request_id=row.request_id,
    )


def skipped_entry(row: SkippedRow) -> Entry:
    """Return the table row of a target without an operation."""
    outcome = BLOCKED if row.blocked else PLANNED_SKIP
    ident = str(row.workspace_id or row.task_id)
    return Entry(row.name, ident, "", "", outcome, "", "", "", "", row.reason, "")


def moment(at: str) -> float:
    """Return an RFC 3339 date in seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()


def moments(timeline: Timeline) -> list[float]:
    """Return the times of all records except results, in seconds since 1970."""
    ends = [at for span in timeline.spans for at in (span.started_at, span.ended_at)]
    refused = [record.at for record in timeline.refused]
    return list(map(moment, [*ends, *refused, *(record.at for record in timeline.waves)]))


def _noun(row: Row) -> str:
    if row.aspect:
        return "operation"
    return "workspace" if row.workspace else "run task"
