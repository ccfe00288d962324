"""The report as plain text: totals first, then what did not simply succeed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bulkops.journal.records import WaveReached
from bulkops.journal.states import TROUBLE, Held, How, Outcome, Reached
from bulkops.operations import wording
from bulkops.report.columns import filled, widest
from bulkops.report.model import PENDING, Report, Row, StandingWave
from bulkops.text import escaped


def words(outcome: str) -> str:
    """Return an outcome as people read it: ``in doubt``."""
    return outcome.replace("_", " ")


def why(row: Row) -> str:
    """Return in words why an operation did not simply succeed, empty where it did."""
    shows = f"the server showed {row.shows}" if row.shows else ""
    silent = "sent, and no answer is known" if row.outcome == Outcome.IN_DOUBT else ""
    return "; ".join(filter(None, (row.reason or silent, shows)))


def counted(counts: Mapping[str, int]) -> str:
    """Return outcomes in words: ``297 succeeded, 2 failed, 1 in doubt``; empty for none."""
    return ", ".join(
        f"{counts[outcome]} {words(outcome)}"
        for outcome in (*Outcome, PENDING)
        if counts.get(outcome)
    )


def totals(report: Report) -> str:
    """Return one line: ``297 succeeded, 2 failed, 1 in doubt of 300 operations``."""
    return f"{counted(report.counts) or 'nothing to do'} of {report.operations} operations"


def executions(report: Report) -> str:
    """Return how often it was executed and how that ended."""
    if report.executions == 0:
        return "not started yet"
    several = f"{report.executions} executions, the last one"
    return f"{'1 execution, it' if report.executions == 1 else several} {_ended(report.ended)}"


def pace(report: Report) -> str:
    """Return how long it took: ``took 6.2 s, 28 operations a second, 429s: 3``.

    Empty where the dates are not known; pauses between waves are part of it.
    """
    spans = report.timeline.spans if report.timeline else ()
    if not spans:
        return ""
    seconds = sum(span.seconds for span in spans)
    said = [f"took {seconds:.1f} s" if seconds < 120 else f"took {seconds / 60:.0f} min"]
    done = report.operations - report.counts.get(PENDING, 0)
    if done >= seconds > 0:
        said.append(f"{done / seconds:.0f} operations a second")
    if refused := sum(span.refused for span in spans):
        said.append(f"429s: {refused}")
    return ", ".join(said)


def state_of(wave: StandingWave | WaveReached) -> str:
    """Return how far a wave came, in words."""
    known = {
        "": "comes next",
        Reached.OPEN: "is under way",
        Reached.VERIFIED: f"rests until {wave.until}" if wave.until else "is verified",
        Reached.RESTED: "its gate is asked",
        Reached.PASSED: "passed",
        Held.MANUAL: "waits for --continue",
        Held.FAIL: f"its gate failed (exit status {wave.status})",
        Held.INCONCLUSIVE: f"its gate was inconclusive (exit status {wave.status})",
    }
    return known[wave.held or wave.reached]


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines, each with its line end."""
    for line in lines(report, only_failed=only_failed):
        yield f"{escaped(line)}\n"


def lines(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines."""
    what = f"undo of {report.kind}" if report.undo_of else report.kind
    task = wording.subject(report.task, report.replaces)
    named = f" {task}" if task else ""
    yield f"{report.job}: {what}{named} in {report.organization} ({report.address})"
    yield f"  {totals(report)}"
    yield f"  {executions(report)}"
    if took := pace(report):
        yield f"  {took}"
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
    line = f"  {words(row.outcome):<9}  {filled(row.name, width)}  {row.change}  {why(row)}"
    # What support asks for.
    failed = row.outcome == Outcome.FAILED and row.request_id
    return line.rstrip() + (f"  request {row.request_id}" if failed else "")


def _wave(wave: StandingWave) -> str:
    of = f"wave {wave.number} of {wave.of}, operations {wave.first} to {wave.last}"
    return f"{of}: {state_of(wave)}"


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
