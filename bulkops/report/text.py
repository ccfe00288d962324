"""The report as plain text: totals, then what did not simply succeed, by reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from bulkops.job.duration import exact
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.operations.named_steps import words_of
from bulkops.report.columns import filled, widest
from bulkops.report.current_wave import CurrentWave
from bulkops.report.model import BLOCKED, PENDING, Report, Row, SkippedRow
from bulkops.report.words import (
    counts_in_words,
    ended,
    notifications_in_words,
    outcome_in_words,
    running_in_words,
    state_of,
    too_many,
    waiting,
)
from bulkops.text import counted, escaped

INSTANCES = 3
"""Names shown per group."""


class Group(msgspec.Struct):
    """Operations with the same outcome for the same reason.

    Attributes:
        names: the first ``INSTANCES`` of them.
        noun: what is counted: ``operation``; for blocked targets ``workspace`` or ``run task``.
        only: the operation itself, if it is the only one; ``None`` for a blocked target.
    """

    noun: str = "operation"
    operations: int = 0
    names: list[str] = []
    only: Row | None = None


def groups(report: Report) -> dict[tuple[str, str], Group]:
    """Return what needs attention, grouped by its ``label`` and reason, in the order of the job."""
    found = dict[tuple[str, str], Group]()
    for row in report.rows:
        if row.troubled:
            group = found.setdefault((label(row), why(row)), Group())
            group.only = None if group.operations else row
            _add(group, row.name)
    for skip in report.skipped:
        if skip.blocked:
            noun = "workspace" if skip.workspace else "run task"
            _add(found.setdefault((BLOCKED, skip.reason), Group(noun)), skip.name)
    return found


def _add(group: Group, name: str) -> None:
    group.operations += 1
    if len(group.names) < INSTANCES:
        group.names.append(name)


def label(row: Row) -> str:
    """Return what an operation that needs attention is called: ``drifted``, ``in doubt``."""
    return outcome_in_words(row.outcome) if row.outcome in TROUBLE else "drifted"


def why(row: Row) -> str:
    """Return why an operation did not simply succeed; empty if it did."""
    shows = f"the server showed {row.shows}" if row.shows else ""
    unanswered = "sent; its answer is unknown" if row.outcome == Outcome.IN_DOUBT else ""
    return "; ".join(filter(None, (row.reason or unanswered, shows)))


def totals(report: Report) -> str:
    """Return one line: ``297 succeeded, 2 failed, 1 in doubt of 300 operations``."""
    operations = counted(report.operations, "operation")
    return f"{counts_in_words(report.counts) or 'nothing to do'} of {operations}"


def executions(report: Report) -> str:
    """Return how often the job was executed, how that ended, and which process runs it now."""
    holder = running_in_words(report.running) if report.running else ""
    in_use = f"; in use by {holder}" if holder else ""
    if report.executions == 0:
        return f"not started yet{in_use}"
    several = f"{report.executions} executions, the last one"
    count = "1 execution," if report.executions == 1 else several
    if holder and not report.ended:
        return f"{count} running: {holder}"
    return f"{count} {ended(report.ended, killed=report.killed)}{in_use}"


def pace(report: Report) -> str:
    """Return how long the job took: ``took 6.2 s, 28 operations per second, 429s: 3``.

    Pauses between waves are included. Empty if the dates are not known.
    """
    spans = report.timeline.spans if report.timeline else ()
    if not spans:
        return ""
    seconds = sum(span.seconds for span in spans)
    parts = [f"took {exact(seconds)}"]
    done = report.operations - report.counts.get(PENDING, 0)
    if done >= seconds > 0:
        parts.append(f"{counted(round(done / seconds), 'operation')} per second")
    if refused := sum(span.refused for span in spans):
        parts.append(f"429s: {refused}")
    return ", ".join(parts)


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines, each with its line end.

    Args:
        only_failed: list every operation that needs attention, instead of grouping them.
    """
    for line in lines(report, only_failed=only_failed):
        yield f"{escaped(line)}\n"


def head(report: Report) -> Iterator[str]:
    """Yield the lines that summarize the job."""
    what = words_of(report.steps, undo=bool(report.undo_of))
    yield f"{report.job}: {what} in {report.organization} ({report.address})"
    yield f"  {totals(report)}"
    yield f"  {executions(report)}"
    if report.stopped is not None:
        yield f"  waits for --continue: {too_many(report.stopped, report.steps)}"
    if took := pace(report):
        yield f"  {took}"
    if report.wave is not None:
        yield f"  {_wave(report.wave)}"
    if words := waiting(report):
        yield f"  {words}"


def lines(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines; see ``document``."""
    yield from head(report)
    for reason, count in sorted(report.skips.items()):
        yield f"  {count:,} skipped when planned: {reason}"
    yield from verification(report)
    yield from (f"  {line}" for line in notifications_in_words(report.notifications))
    yield from _each(report) if only_failed else _grouped(report)


def verification(report: Report) -> Iterator[str]:
    """Yield a line with the result of the last verification, if there was one."""
    if report.verified is not None:
        yield f"  verified: {verified(report)}"


def verified(report: Report) -> str:
    """Return the result of the last verification: ``11 of 12 operations, 1 drifted``."""
    drifted = f", {report.drifted:,} drifted" if report.drifted else ""
    rest = f", {report.unreadable:,} can't be read back" if report.unreadable else ""
    return f"{report.verified:,} of {counted(report.operations, 'operation')}{drifted}{rest}"


def _each(report: Report) -> Iterator[str]:
    rows = [row for row in report.rows if row.troubled]
    blocked = [skip for skip in report.skipped if skip.blocked]
    width = widest(one.name for one in chain[Row | SkippedRow](rows, blocked))
    for row in rows:
        yield _row(row, width)
    for skip in blocked:
        yield _line(BLOCKED, skip.name, width, skip.reason)


def _grouped(report: Report) -> Iterator[str]:
    found = groups(report)
    single = [group.names[0] for group in found.values() if group.operations == 1]
    width = widest(single)
    for (outcome, reason), group in found.items():
        if group.only is not None:
            yield _row(group.only, width)
        elif group.operations == 1:
            yield _line(outcome, group.names[0], width, reason)
        else:
            yield _line(outcome, f"{counted(group.operations, group.noun)}:", 0, reason)
            yield _line("", ", ".join(_named(group)), 0, "")


def _named(group: Group) -> Iterator[str]:
    yield from group.names
    if group.operations > len(group.names):
        yield f"… and {group.operations - len(group.names):,} more (report --only failed lists all)"


def _row(row: Row, width: int) -> str:
    line = _line(label(row), row.name, width, f"{row.change}  {why(row)}".rstrip())
    # What the server's support asks for.
    failed = row.outcome == Outcome.FAILED and row.request_id
    return line + (f"  request {row.request_id}" if failed else "")


def _line(outcome: str, name: str, width: int, text: str) -> str:
    return f"  {outcome:<9}  {filled(name, width)}  {text}".rstrip()


def _wave(wave: CurrentWave) -> str:
    operations = f"(operations {wave.first} to {wave.last})"
    return f"wave {wave.number} of {wave.of} {operations} {state_of(wave)}"
