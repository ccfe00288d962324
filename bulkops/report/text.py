"""The report as plain text: totals first, then what did not simply succeed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.columns import filled, widest
from bulkops.journal.records import How
from bulkops.operations import wording
from bulkops.outcome import TROUBLE, Outcome
from bulkops.report.model import PENDING, Report, Row, StandingWave
from bulkops.rollout import Held, Reached


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
    what = f"undo of {report.kind}" if report.undo_of else report.kind
    task = wording.subject(report.task, report.replaces)
    named = f" {task}" if task else ""
    yield f"{report.job}: {what}{named} in {report.organization} ({report.address})"
    yield f"  {totals(report)}"
    yield f"  {_executions(report.executions, report.ended)}"
    if report.wave is not None:
        yield f"  {_wave(report.wave)}"
    for reason, count in sorted(report.skips.items()):
        yield f"  {count} skipped when planned: {reason}"
    if report.standing is not None:
        rest = f", {report.unreadable} can't be read back" if report.unreadable else ""
        of = f"{report.standing} of {report.operations}"
        yield f"  verified: {of} shown as wanted by the server{rest}"
    listed = [r for r in report.rows if r.outcome in TROUBLE or (not only_failed and r.shows)]
    blocked = [skip for skip in report.skipped if skip.blocked]
    names = [row.name for row in listed] + [skip.name for skip in blocked]
    width = widest(names)
    for row in listed:
        yield _row(row, width)
    for skip in blocked:
        yield f"  blocked    {filled(skip.name, width)}  {skip.reason}"


def _row(row: Row, width: int) -> str:
    shows = f"the server showed {row.shows}" if row.shows else ""
    silent = "sent, and no answer is known" if row.outcome == Outcome.IN_DOUBT else ""
    reason = "; ".join(filter(None, (row.reason or silent, shows)))
    line = f"  {words(row.outcome):<9}  {filled(row.name, width)}  {row.change}  {reason}"
    # What support asks for.
    failed = row.outcome == Outcome.FAILED and row.request_id
    return line.rstrip() + (f"  request {row.request_id}" if failed else "")


def _wave(wave: StandingWave) -> str:
    known = {
        "": "comes next",
        Reached.OPEN: "is carried out",
        Reached.VERIFIED: f"rests until {wave.until}" if wave.until else "is verified",
        Reached.RESTED: "its gate is asked",
        Held.MANUAL: "waits for --continue",
        Held.FAIL: f"its gate failed (exit status {wave.status})",
        Held.INCONCLUSIVE: f"its gate was inconclusive (exit status {wave.status})",
    }
    of = f"wave {wave.number} of {wave.of}, operations {wave.first} to {wave.last}"
    return f"{of}: {known[wave.held or wave.reached]}"


def _executions(number: int, how: str) -> str:
    if number == 0:
        return "not started yet"
    which = "1 execution, it" if number == 1 else f"{number} executions, the last one"
    return f"{which} {_ended(how)}"


def _ended(how: str) -> str:
    known = {
        "": "was killed, or still runs",
        How.COMPLETE: "came to its end",
        How.TOLERANCE: "was stopped by the failure tolerance",
        How.GATE: "was stopped by a gate",
        How.PAUSED: "is paused",
        How.ERROR: "was stopped by an error",
    }
    return known.get(how, f"was stopped by {how}")
