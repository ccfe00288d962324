"""One pass over a report's rows: of a million, only numbers and some names are kept. Pure."""

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

MOST_NAMES = 200
"""Of a reason, that are listed; all are in the table."""
MOST_REASONS = 50
"""Groups that are listed."""
NO_REASON = "no reason is known"
DRIFTED = "drifted"
"""Done, and not as wanted when it was read again: where an outcome would stand."""


class Group:
    """What was not done for one reason.

    Attributes:
        outcome: of all of it.
        count: operations.
        names: of the first of them.
    """

    def __init__(self, outcome: str, reason: str) -> None:
        self.outcome = outcome
        self.reason = reason
        self.count = 0
        self.names = list[str]()

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.names) < MOST_NAMES:
            self.names.append(name)

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.count - len(self.names)


class Gathered:
    """What the page's totals, groups and charts are made from.

    Attributes:
        done, trouble: when operations came to their outcomes, in seconds since 1970.
        seconds: how long each that was sent took, ascending.
        waves: outcomes of each wave.
        noun: what an operation is about: ``workspace``, ``run task``; ``operation`` where there
            may be several for one target, or they are about both.
    """

    def __init__(self, report: Report) -> None:
        self.done = array("d")
        self.trouble = array("d")
        self.waves = [Counter[str]() for _ in report.waves]
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
                self._group(BLOCKED, skip.reason).add(skip.name)
        self.seconds = sorted(times)
        self.noun = nouns.pop() if len(nouns) == 1 else "operation"

    @property
    def groups(self) -> list[Group]:
        """What was not done, by reason, the most first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)

    def _take(self, row: Row) -> None:
        if row.at:
            (self.trouble if row.outcome in TROUBLE else self.done).append(moment(row.at))
        if row.outcome in TROUBLE:
            self._group(row.outcome, why(row) or NO_REASON).add(row.name)
        elif row.shows:
            self._group(DRIFTED, why(row)).add(row.name)

    def _group(self, outcome: str, reason: str) -> Group:
        return self._groups.setdefault((outcome, reason), Group(outcome, reason))


class Entry(NamedTuple):
    """A row of the table, as text: one list of JSON."""

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


def entry(row: Row) -> Entry:
    """Return an operation's row of the table."""
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
    """Return the row of the table of a target without an operation."""
    outcome = BLOCKED if row.blocked else PLANNED_SKIP
    ident = str(row.workspace_id or row.task_id)
    return Entry(row.name, ident, "", "", outcome, "", "", "", "", row.reason, "")


def moment(at: str) -> float:
    """Return seconds since 1970 of a date in RFC 3339."""
    return datetime.fromisoformat(at).timestamp()


def moments(timeline: Timeline) -> list[float]:
    """Return when anything but a result was recorded."""
    ends = [at for span in timeline.spans for at in (span.started_at, span.ended_at)]
    refused = [record.at for record in timeline.refused]
    return list(map(moment, [*ends, *refused, *(record.at for record in timeline.waves)]))


def _noun(row: Row) -> str:
    if row.aspect:
        return "operation"
    return "workspace" if row.workspace else "run task"
