"""What a rollout came to, in words for people who did not watch it. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bulkops.errors import WORDS, ExitCode
from bulkops.journal.states import How, Outcome
from bulkops.report.model import PENDING, Report
from bulkops.report.timeline import Timeline
from bulkops.report.words import ended, running_in_words, state_of, too_many
from bulkops.text import counted

PLANNED_SKIP = "skipped_when_planned"
"""Of targets without an operation, where an outcome would stand."""


class Verdict(NamedTuple):
    """What it came to, at a glance.

    Attributes:
        shape: the outcome whose shape and colour stand for it.
    """

    words: str
    shape: str


_SHAPES: dict[ExitCode, str] = {
    ExitCode.DONE: Outcome.SUCCEEDED,
    ExitCode.ERROR: Outcome.FAILED,
    ExitCode.STOPPED: Outcome.FAILED,
    ExitCode.IN_DOUBT: Outcome.IN_DOUBT,
    ExitCode.PAUSED: PENDING,
}
"""Whose shape stands for an exit code, where it is not that of a conflict."""


def verdict(report: Report) -> Verdict:
    """Return what a report's job came to."""
    if not report.executions:
        return Verdict("Not started", PENDING)
    if report.exit_code is None:
        if report.running is not None:
            return Verdict("Running", PENDING)
        return Verdict("Unfinished", Outcome.CONFLICT)
    code = report.exit_code
    return Verdict(WORDS[code].verdict, _SHAPES.get(code, Outcome.CONFLICT))


def sentences(report: Report, noun: str) -> list[str]:
    """Return what it came to, for somebody who has never seen bulkops.

    Args:
        noun: of what operations are about: ``workspace``, ``run task``, ``operation``.
    """
    said = [_changed(report, noun)]
    if report.verified is not None and report.operations:
        said.append(_verified(report, report.verified))
    if report.running is not None:
        said.append(f"It was running when this was written: {running_in_words(report.running)}.")
    elif report.executions and not report.ended:
        said.append("The last execution was killed, or is still running.")
    elif report.ended and report.ended not in (How.COMPLETE, How.PAUSED):
        said.append(f"It was {ended(report.ended)}.")
    if report.stopped is not None:
        said.append(f"It waits for --continue: {too_many(report.stopped)}.")
    if report.wave is not None:
        said.append(f"Wave {report.wave.number} of {report.wave.of} {state_of(report.wave)}.")
    return said


def _verified(report: Report, verified: int) -> str:
    done = report.counts.get(Outcome.SUCCEEDED, 0) + report.counts.get(Outcome.SKIPPED, 0)
    if verified == report.operations:
        shown = "it" if verified == 1 else "all of them"
    elif verified == done:
        shown = f"all {done:,} that are done"
    else:
        shown = f"{verified:,} of {report.operations:,}"
    rest = f"; {report.unreadable:,} can't be read back" if report.unreadable else ""
    return f"Verified: the server shows {shown} as wanted{rest}."


def executions(timeline: Timeline) -> str:
    """Return how many there were, and where there were several how they ended."""
    spans = timeline.spans
    ends = Counter(ended(span.how, last=span is spans[-1]) for span in spans)
    said = ", ".join(f"{number} {how}" if number > 1 else how for how, number in ends.items())
    return f"{len(spans)}: {said}"


def _changed(report: Report, noun: str) -> str:
    total = report.operations
    if not total:
        return "There was nothing to change."
    changed = f"changed{' back' if report.undo_of else ''}"
    counts = report.counts
    failed = counts.get(Outcome.FAILED, 0)
    parts = [
        f"{counts.get(Outcome.SUCCEEDED, 0):,} of {counted(total, noun)} {changed}",
        f"{failed:,} failed" if failed else "none failed",
        *(
            f"{counts[outcome]:,} {words}"
            for outcome, words in (
                (Outcome.CONFLICT, "left alone because somebody else changed them"),
                (Outcome.IN_DOUBT, "in doubt"),
                (Outcome.SKIPPED, "already as wanted by then"),
                (PENDING, "not begun"),
            )
            if counts.get(outcome)
        ),
    ]
    return f"{', '.join(parts)}."
