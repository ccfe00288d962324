"""The report as plain text: totals first, then what did not simply succeed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.job.duration import exact
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.report.columns import filled, widest
from bulkops.report.current_wave import CurrentWave
from bulkops.report.model import PENDING, Report, Row
from bulkops.report.words import (
    counts_in_words,
    ended,
    outcome_in_words,
    running_in_words,
    state_of,
    too_many,
)
from bulkops.text import escaped


def why(row: Row) -> str:
    """Return in words why an operation did not simply succeed, empty where it did."""
    shows = f"the server showed {row.shows}" if row.shows else ""
    silent = "sent, and no answer is known" if row.outcome == Outcome.IN_DOUBT else ""
    return "; ".join(filter(None, (row.reason or silent, shows)))


def totals(report: Report) -> str:
    """Return one line: ``297 succeeded, 2 failed, 1 in doubt of 300 operations``."""
    return f"{counts_in_words(report.counts) or 'nothing to do'} of {report.operations} operations"


def executions(report: Report) -> str:
    """Return how often it was executed, how that ended, and who runs it now."""
    holder = running_in_words(report.running) if report.running else ""
    in_use = f"; in use by {holder}" if holder else ""
    if report.executions == 0:
        return f"not started yet{in_use}"
    several = f"{report.executions} executions, the last one"
    said = "1 execution," if report.executions == 1 else several
    if holder and not report.ended:
        return f"{said} running: {holder}"
    return f"{said} {ended(report.ended)}{in_use}"


def pace(report: Report) -> str:
    """Return how long it took: ``took 6.2 s, 28 operations a second, 429s: 3``.

    Empty where the dates are not known; pauses between waves are part of it.
    """
    spans = report.timeline.spans if report.timeline else ()
    if not spans:
        return ""
    seconds = sum(span.seconds for span in spans)
    said = [f"took {exact(seconds)}"]
    done = report.operations - report.counts.get(PENDING, 0)
    if done >= seconds > 0:
        said.append(f"{done / seconds:.0f} operations a second")
    if refused := sum(span.refused for span in spans):
        said.append(f"429s: {refused}")
    return ", ".join(said)


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:  # noqa: ARG001 - it lists nothing else
    """Yield the report's lines, each with its line end."""
    for line in lines(report):
        yield f"{escaped(line)}\n"


def head(report: Report) -> Iterator[str]:
    """Yield the lines that say where the job stands."""
    what = wording.kind_in_words(report.kind, undo=bool(report.undo_of))
    task = wording.subject(report.task, report.replaces)
    named = f" {task}" if task else ""
    yield f"{report.job}: {what}{named} in {report.organization} ({report.address})"
    yield f"  {totals(report)}"
    yield f"  {executions(report)}"
    if report.stopped is not None:
        yield f"  waits for --continue: {too_many(report.stopped)}"
    if took := pace(report):
        yield f"  {took}"
    if report.wave is not None:
        yield f"  {_wave(report.wave)}"


def lines(report: Report) -> Iterator[str]:
    """Yield the report's lines."""
    yield from head(report)
    for reason, count in sorted(report.skips.items()):
        yield f"  {count} skipped when planned: {reason}"
    yield from verification(report)
    listed = [row for row in report.rows if row.troubled]
    blocked = [skip for skip in report.skipped if skip.blocked]
    names = [row.name for row in listed] + [skip.name for skip in blocked]
    width = widest(names)
    for row in listed:
        yield _row(row, width)
    for skip in blocked:
        yield f"  blocked    {filled(skip.name, width)}  {skip.reason}"


def verification(report: Report) -> Iterator[str]:
    """Yield the line that says what the last verification found; none where there was none."""
    if report.verified is not None:
        drifted = f", {report.drifted} drifted" if report.drifted else ""
        rest = f", {report.unreadable} can't be read back" if report.unreadable else ""
        of = f"{report.verified} of {report.operations}"
        yield f"  verified: {of} shown as wanted by the server{drifted}{rest}"


def _row(row: Row, width: int) -> str:
    outcome = outcome_in_words(row.outcome)
    line = f"  {outcome:<9}  {filled(row.name, width)}  {row.change}  {why(row)}"
    # What support asks for.
    failed = row.outcome == Outcome.FAILED and row.request_id
    return line.rstrip() + (f"  request {row.request_id}" if failed else "")


def _wave(wave: CurrentWave) -> str:
    operations = f"(operations {wave.first} to {wave.last})"
    return f"wave {wave.number} of {wave.of} {operations} {state_of(wave)}"
