"""The report as GitHub-flavored Markdown, for a job summary or a comment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bulkops.journal.states import Outcome
from bulkops.report.markdown_text import (
    FEW,
    ROOM,
    code,
    folded,
    plain,
    size,
    step,
    steps_as_markdown,
    table,
)
from bulkops.report.model import BLOCKED, PENDING, Report
from bulkops.report.text import Group, executions, groups, label, pace, verified, why
from bulkops.report.words import (
    counts_in_words,
    notifications_in_words,
    outcome_in_words,
    state_of,
    waiting,
)

TROUBLE_HEAD = ("outcome", "name", "change", "reason", "status:", "request")
"""The titles of what ``trouble`` yields."""

_ALL = "`bulkops report JOURNAL --format csv` lists all"


def document(
    report: Report,
    *,
    only_failed: bool = False,  # noqa: ARG001 - nothing else is listed anyway
    room: int = ROOM,
) -> Iterator[str]:
    """Yield a report as Markdown, in pieces.

    What needs attention is grouped by reason, then listed as far as there is room.

    Args:
        room: bytes, at least 10,000; the document says how many rows did not fit.
    """
    found = groups(report)
    head = f"## {code(report.job)}: {title(report)}\n\n" + "".join(section(report, found))
    tail = "".join(_next(report))
    yield head
    number = sum(group.operations for group in found.values())
    if number:
        yield from folded(
            f"All {number} by name",
            TROUBLE_HEAD,
            trouble(report),
            number=number,
            room=room - size(head) - size(tail),
            rest=_ALL,
        )
    yield tail


def title(report: Report) -> str:
    """Return what a job does, and where."""
    what = steps_as_markdown(report.steps, undo=bool(report.undo_of))
    return f"{what} in {code(report.organization)}"


def section(
    report: Report, found: dict[tuple[str, str], Group], *, level: str = "###"
) -> Iterator[str]:
    """Yield what became of a job, in pieces; what needs attention is grouped by reason.

    Args:
        found: its ``groups``.
        level: of the headings in it.
    """
    summary = "; ".join(filter(None, (executions(report), waiting(report), pace(report))))
    yield f"At {code(report.address)}, run {code(report.run_id)}: {plain(summary)}.\n\n"
    yield from table(("outcome", "operations:"), totals(report.counts))
    yield "\n"
    yield from _skips(report)
    if report.verified is not None:
        yield f"Verified: {verified(report)}.\n\n"
    for line in notifications_in_words(report.notifications):
        yield f"{plain(line[0].upper() + line[1:])}.\n\n"
    if len(report.waves) > 1:
        yield f"{level} Waves\n\n"
        yield from _waves(report)
    if found:
        yield f"{level} Needs attention\n\n"
        yield from _reasons(found)


def totals(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield each outcome in words and its number of operations; ``counts``: of a report."""
    for outcome in (*Outcome, PENDING):
        if counts.get(outcome):
            yield outcome_in_words(outcome), str(counts[outcome])
    yield "**all**", f"**{sum(counts.values())}**"


def _skips(report: Report) -> Iterator[str]:
    reasons = Counter(report.skips).most_common()
    for reason, number in reasons[:FEW]:
        yield f"- {number:,} skipped when planned: {code(reason)}\n"
    if len(reasons) > FEW:
        yield f"- … and {sum(n for _, n in reasons[FEW:])} more, for other reasons\n"
    if reasons:
        yield "\n"


def _waves(report: Report) -> Iterator[str]:
    begun = {wave.number: wave for wave in report.timeline.waves} if report.timeline else {}
    rows = (
        (
            str(wave.number),
            f"{wave.start + 1} to {wave.end}",
            state_of(begun[wave.number]) if wave.number in begun else "not started",
            counts_in_words(Counter(row.outcome for row in report.rows.part(wave.start, wave.end))),
        )
        for wave in report.waves[:FEW]
    )
    yield from table(("wave:", "operations", "state", "outcomes"), rows)
    if len(report.waves) > FEW:
        yield f"\n… and {len(report.waves) - FEW} more waves.\n"
    yield "\n"


def _reasons(found: dict[tuple[str, str], Group]) -> Iterator[str]:
    largest = sorted(found.items(), key=lambda item: -item[1].operations)
    rows = (
        (outcome, str(group.operations), code(reason), _instances(group))
        for (outcome, reason), group in largest[:FEW]
    )
    yield from table(("outcome", "operations:", "reason", "for example"), rows)
    if len(largest) > FEW:
        more = sum(group.operations for _, group in largest[FEW:])
        yield f"\n… and {more:,} more, for {len(largest) - FEW} other reasons.\n"
    yield "\n"


def _instances(group: Group) -> str:
    more = ", …" if group.operations > len(group.names) else ""
    return ", ".join(map(code, group.names)) + more


def _next(report: Report) -> Iterator[str]:
    if report.next_steps:
        yield "### Next\n\n"
        for sentence in report.next_steps:
            yield f"- {step(sentence)}\n"
        yield "\n"


def trouble(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row for each operation that needs attention, and for what was blocked."""
    for row in report.rows:
        if row.troubled:
            status = str(row.status or "")
            cells = (code(row.name), code(row.change), code(why(row)), status, code(row.request_id))
            yield label(row), *cells
    for skip in report.skipped:
        if skip.blocked:
            yield BLOCKED, code(skip.name), "", code(skip.reason), "", ""
