"""The table of operations: its columns, and its rows as the page embeds them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from bulkops.journal.states import Outcome
from bulkops.report.html.gathered import Entry, entry, skipped_entry
from bulkops.report.html.words import PLANNED_SKIP
from bulkops.report.model import BLOCKED, PENDING, Report
from bulkops.text import escaped

ORDER = (*Outcome, PENDING, BLOCKED, PLANNED_SKIP)
"""Outcomes, and what takes the place of one, as they are listed."""


class Column(NamedTuple):
    """A column.

    Attributes:
        field: of ``Entry``; the class of its cells.
        number: whether it has numbers.
    """

    title: str
    field: str
    number: bool = False

    @property
    def place(self) -> int:
        """Where a row has it."""
        return Entry._fields.index(self.field)


COLUMNS = (
    Column("Target", "name"),
    Column("Outcome", "outcome"),
    Column("Action", "action"),
    Column("Change", "change"),
    Column("Reason", "reason"),
    Column("When (UTC)", "at"),
    Column("Seconds", "seconds", number=True),
    Column("Attempts", "attempts", number=True),
    Column("HTTP", "status", number=True),
)


def entries(report: Report, *, only_failed: bool, shard: str = "") -> Iterator[Entry]:
    """Yield a row for each operation, then one for each target without an operation.

    Args:
        only_failed: only of what failed, drifted, is in conflict, in doubt or blocked.
        shard: whose report it is.
    """
    rows = (row for row in report.rows if row.troubled or not only_failed)
    skipped = (skip for skip in report.skipped if skip.blocked or not only_failed)
    every = chain(map(entry, rows), map(skipped_entry, skipped))
    return (one._replace(shard=shard) for one in every) if shard else every


def listed(report: Report, *, only_failed: bool) -> Counter[str]:
    """Return the number of rows with each outcome."""
    if only_failed:
        return Counter(one.outcome for one in entries(report, only_failed=True))
    counts = Counter(report.counts)
    for row in report.skipped:
        counts[BLOCKED if row.blocked else PLANNED_SKIP] += 1
    return counts


def in_order(counts: Counter[str]) -> dict[str, int]:
    """Return the counts that are not 0, in the order in which outcomes are listed."""
    return {outcome: counts[outcome] for outcome in ORDER if counts[outcome]}


def data(rows: Iterable[Entry]) -> Iterator[str]:
    """Yield the rows as JSON that is safe in a script: ``[["prod-1", "ws-1", …], …]``."""
    between = "[\n"
    for one in rows:
        text = msgspec.json.encode(tuple(map(escaped, one))).decode()
        yield between + text.replace("<", r"\u003c")
        between = ",\n"
    yield "[]" if between == "[\n" else "\n]"
