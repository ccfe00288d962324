"""A rollout's result in sentences, for people who did not watch it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bulkops.errors import WORDS, ExitCode
from bulkops.journal.states import How, Outcome
from bulkops.report.model import PENDING, Report
from bulkops.report.words import (
    ended,
    notifications_in_words,
    running_in_words,
    state_of,
    too_many,
    until_in_words,
)
from bulkops.text import counted

PLANNED_SKIP = "skipped_when_planned"
"""In place of an outcome: a target without an operation."""


class Verdict(NamedTuple):
    """The result at a glance.

    Attributes:
        shape: the outcome whose shape and colour represent it.
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
"""Exit code → outcome whose shape represents it; that of a conflict for the others."""


def verdict(report: Report) -> Verdict:
    """Return the verdict on a report's job."""
    if not report.executions:
        return Verdict("Not started", PENDING)
    if report.exit_code is None:
        if report.running is not None:
            return Verdict("Running", PENDING)
        return Verdict("Unfinished", Outcome.CONFLICT)
    return verdict_of(report.exit_code)


def verdict_of(code: ExitCode) -> Verdict:
    """Return the verdict on a job whose last execution ended with this exit code."""
    return Verdict(WORDS[code].verdict, _SHAPES.get(code, Outcome.CONFLICT))


def sentences(report: Report, noun: str) -> list[str]:
    """Return the result in sentences, for readers who have never seen bulkops.

    Args:
        noun: what is counted: ``workspace``, ``run task`` or ``operation``.
    """
    parts = [changed(report.counts, noun, undo=bool(report.undo_of))]
    if report.verified is not None and report.operations:
        parts.append(_verified(report, report.verified))
    if report.running is not None:
        parts.append(
            f"It was running when this report was written: {running_in_words(report.running)}."
        )
    elif report.executions and not report.ended:
        parts.append(
            f"The last execution was killed{'' if report.killed else ' or is still running'}."
        )
    elif report.ended and report.ended not in (How.COMPLETE, How.PAUSED, How.WINDOW):
        parts.append(f"It was {ended(report.ended, killed=report.killed)}.")
    if report.stopped is not None:
        parts.append(f"It needs --continue to resume: {too_many(report.stopped)}.")
    if report.wave is not None:
        parts.append(f"Wave {report.wave.number} of {report.wave.of} {state_of(report.wave)}.")
    if report.rest is not None:
        parts.append(f"Its next window opens at {until_in_words(report.rest)}.")
    notified = notifications_in_words(report.notifications)
    parts += (f"{line[0].upper()}{line[1:]}." for line in notified)
    return parts


def _verified(report: Report, verified: int) -> str:
    done = report.counts.get(Outcome.SUCCEEDED, 0) + report.counts.get(Outcome.SKIPPED, 0)
    if verified == report.operations:
        shown = "it" if verified == 1 else "all of them"
    elif verified == done:
        shown = f"all {done:,} that are done" if done > 1 else "the one that is done"
    else:
        shown = f"{verified:,} of {report.operations:,}"
    rest = f"; {report.unreadable:,} can't be read back" if report.unreadable else ""
    return f"Verified: the server shows {shown} as desired{rest}."


def executions(ends: Sequence[str]) -> str:
    """Return the number of executions and how they ended: ``2: killed, complete``."""
    numbers = Counter(ends)
    listed = ", ".join(f"{number} {how}" if number > 1 else how for how, number in numbers.items())
    return f"{len(ends)}: {listed}"


def changed(counts: Mapping[str, int], noun: str, *, undo: bool = False) -> str:
    """Return what became of all operations in one sentence.

    Args:
        counts: outcome (or ``pending``) → number of operations.
        noun: see ``sentences``.
        undo: whether they revert others.
    """
    total = sum(counts.values())
    if not total:
        return "There was nothing to change."
    done = "reverted" if undo else "changed"
    failed = counts.get(Outcome.FAILED, 0)
    parts = [
        f"{counts.get(Outcome.SUCCEEDED, 0):,} of {counted(total, noun)} {done}",
        f"{failed:,} failed" if failed else "none failed",
        *(
            f"{counts[outcome]:,} {words}"
            for outcome, words in (
                (Outcome.CONFLICT, "left alone because of changes outside this job"),
                (Outcome.IN_DOUBT, "in doubt"),
                (Outcome.SKIPPED, "already as desired"),
                (PENDING, "not started"),
            )
            if counts.get(outcome)
        ),
    ]
    return f"{', '.join(parts)}."
