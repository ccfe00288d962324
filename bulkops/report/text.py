"""The report as plain text: totals first, then what did not simply succeed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.outcome import Outcome
from bulkops.report.model import PENDING, TROUBLE, Report, Row


def words(outcome: str) -> str:
    """Return an outcome as people read it: ``in doubt``."""
    return outcome.replace("_", " ")


def totals(report: Report) -> str:
    """Return one line: ``297 succeeded, 2 failed, 1 in doubt of 300 operations``."""
    counts = [
        f"{report.counts[outcome]} {words(outcome)}"
        for outcome in (*Outcome, PENDING)
        if report.counts.get(outcome)
    ]
    return f"{', '.join(counts) or 'nothing to do'} of {report.operations} operations"


def lines(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines."""
    yield f"{report.job}: {report.kind} {report.task} in {report.organization} ({report.address})"
    yield f"  {totals(report)}"
    yield f"  {report.executions} executions, the last one {_ended(report.ended)}"
    for reason, count in sorted(report.skips.items()):
        yield f"  {count} skipped when planned: {reason}"
    if report.standing is not None:
        yield f"  verified: {report.standing} of {report.operations} shown as wanted by the server"
    for row in report.rows:
        if row.outcome in TROUBLE or (not only_failed and row.shows):
            yield _row(row)
    for skip in report.skipped:
        if skip.blocked:
            yield f"  blocked    {skip.workspace}  {skip.reason}"


def _row(row: Row) -> str:
    shows = f"; the server showed {row.shows}" if row.shows else ""
    return f"  {words(row.outcome):<10} {row.workspace}  {row.change}  {row.reason}{shows}"


def _ended(how: str) -> str:
    known = {
        "": "was killed, or still runs",
        "complete": "came to its end",
        "tolerance": "was stopped by the failure tolerance",
    }
    return known.get(how, f"was stopped by {how}")
