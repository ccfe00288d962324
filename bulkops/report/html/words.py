"""What a rollout came to, in words for people who did not watch it. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bulkops.exit_codes import WORDS, ExitCode
from bulkops.journal.states import Held, How, Outcome, Reached
from bulkops.report.model import PENDING, Report, StandingWave
from bulkops.report.timeline import Timeline

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
_ENDS = {
    "": "killed, or still runs",
    How.COMPLETE: "complete",
    How.TOLERANCE: "stopped by the failure tolerance",
    How.GATE: "stopped by a gate",
    How.PAUSED: "paused by the job",
    How.ERROR: "stopped by an error",
}
_UNITS = (("d", "h", 86_400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1))
"""A unit and the next smaller one, and how many seconds each has."""


def verdict(report: Report) -> Verdict:
    """Return what a report's job came to."""
    if not report.executions:
        return Verdict("Not started", PENDING)
    if report.exit_code is None:
        return Verdict("Unfinished", Outcome.CONFLICT)
    code = report.exit_code
    return Verdict(WORDS[code].verdict, _SHAPES.get(code, Outcome.CONFLICT))


def ended(how: str, *, last: bool = True) -> str:
    """Return how an execution ended: ``complete``, ``stopped by SIGINT``.

    Args:
        last: none was started after it, so that it may still run.
    """
    if not how and not last:
        return "killed"
    return _ENDS.get(how, f"stopped by {how}")


def counted(number: int, noun: str) -> str:
    """Return ``1 workspace``, ``10,000 workspaces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def outcome_words(outcome: str) -> str:
    """Return an outcome as people read it: ``in doubt``."""
    return outcome.replace("_", " ")


def sentences(report: Report, noun: str) -> list[str]:
    """Return what it came to, for somebody who has never seen bulkops.

    Args:
        noun: of what operations are about: ``workspace``, ``run task``, ``operation``.
    """
    said = [_changed(report, noun)]
    if report.standing is not None and report.operations:
        said.append(_verified(report, report.standing))
    if report.executions and not report.ended:
        said.append("The last execution was killed, or still runs.")
    elif report.ended and report.ended not in (How.COMPLETE, How.PAUSED):
        said.append(f"It was {ended(report.ended)}.")
    if report.wave is not None:
        said.append(standing(report.wave))
    return said


def _verified(report: Report, standing: int) -> str:
    done = report.counts.get(Outcome.SUCCEEDED, 0) + report.counts.get(Outcome.SKIPPED, 0)
    if standing == report.operations:
        shown = "it" if standing == 1 else "all of them"
    elif standing == done:
        shown = f"all {done:,} that are done"
    else:
        shown = f"{standing:,} of {report.operations:,}"
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


def standing(wave: StandingWave) -> str:
    """Return where an unfinished job stands among its waves."""
    known = {
        "": "comes next",
        Reached.OPEN: "is being carried out",
        Reached.VERIFIED: f"rests until {date(wave.until)} UTC" if wave.until else "is verified",
        Reached.RESTED: "has its gate asked",
        Held.MANUAL: "waits for somebody to say --continue",
        Held.FAIL: f"was stopped by its gate (exit status {wave.status})",
        Held.INCONCLUSIVE: f"waits, its gate was inconclusive (exit status {wave.status})",
    }
    return f"Wave {wave.number} of {wave.of} {known[wave.held or wave.reached]}."


def date(at: str) -> str:
    """Return ``2026-11-24 21:58:03`` of RFC 3339, empty of nothing."""
    return at[:19].replace("T", " ")


def duration(seconds: float) -> str:
    """Return ``250 ms``, ``8.2 s``, ``3 min 20 s``, ``14 h 5 min``, ``2 d 3 h``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    unit, smaller, of, size = next(row for row in _UNITS if whole >= row[2])
    rest = whole % of // size
    return f"{whole // of:,} {unit}{f' {rest} {smaller}' if rest else ''}"


def short_duration(seconds: float) -> str:
    """Return a duration in whole seconds, minutes, hours or days: ``35 s``, ``14 h``."""
    whole = round(seconds)
    unit, of = next(((unit, of) for unit, _, of, _ in _UNITS if whole >= of), ("s", 1))
    return f"{round(whole / of):,} {unit}"
