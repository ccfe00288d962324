"""Waves and executions, as tables have them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bulkops.job.duration import exact
from bulkops.job.rollout import Wave
from bulkops.journal.records import WaveReached
from bulkops.journal.states import TROUBLE, Held, Outcome, Reached
from bulkops.report.html.gathered import Gathered
from bulkops.report.model import Report
from bulkops.report.timeline import Timeline
from bulkops.report.words import date, ended


class WaveLine(NamedTuple):
    """One wave: dates in words, empty where it did not come so far.

    Attributes:
        drifted: of its operations that were done, how many no longer stood at its end.
        stands: how far it is.
    """

    number: int
    operations: str
    done: int
    trouble: int
    opened: str
    verified: str
    passed: str
    drifted: int
    gate: str
    stands: str


class ExecutionLine(NamedTuple):
    """One execution, in words."""

    number: int
    started: str
    ended: str
    took: str
    by: str
    limit: str
    refused: int
    how: str


_HELD = {
    Held.MANUAL: "waits for --continue",
    Held.FAIL: "stopped by its gate",
    Held.INCONCLUSIVE: "waits for --continue",
}
_REACHED = {
    Reached.OPEN: "is under way",
    Reached.VERIFIED: "verified",
    Reached.RESTED: "its gate is asked",
    Reached.PASSED: "passed",
}
_GATES = {0: "passed", 1: "failed"}


def wave_lines(report: Report, gathered: Gathered) -> list[WaveLine]:
    """Return a job's waves; none where it has but one that was never held."""
    timeline = report.timeline or Timeline()
    if len(report.waves) == 1 and not any(record.held for record in timeline.waves):
        return []
    return [
        _wave(wave, [one for one in timeline.waves if one.number == wave.number], counts)
        for wave, counts in zip(report.waves, gathered.waves, strict=True)
    ]


def _wave(wave: Wave, records: Sequence[WaveReached], counts: Counter[str]) -> WaveLine:
    reached = dict[Reached, str]()
    drifted, status = 0, None
    for record in records:
        if record.reached is Reached.OPEN:
            reached = {Reached.OPEN: reached.get(Reached.OPEN, record.at)}
            drifted, status = 0, None
        # It is said again for a pause that begins, and for a gate that was asked.
        reached.setdefault(record.reached, record.at)
        drifted += record.drifted
        status = record.status if record.status is not None else status
    return WaveLine(
        number=wave.number,
        operations=f"{wave.start + 1:,} to {wave.end:,}" if wave.size > 1 else f"{wave.end:,}",
        done=counts[Outcome.SUCCEEDED] + counts[Outcome.SKIPPED],
        trouble=sum(counts[outcome] for outcome in TROUBLE),
        opened=date(reached.get(Reached.OPEN, "")),
        verified=date(reached.get(Reached.VERIFIED, "")),
        passed=date(reached.get(Reached.PASSED, "")),
        drifted=drifted,
        gate="" if status is None else f"{_GATES.get(status, 'inconclusive')} ({status})",
        stands=_stands(records[-1] if records else None),
    )


def _stands(last: WaveReached | None) -> str:
    if last is None:
        return "not begun"
    if last.held:
        return _HELD[Held(last.held)]
    rests = last.reached is Reached.VERIFIED and last.until
    return f"rests until {date(last.until)}" if rests else _REACHED[last.reached]


def execution_lines(timeline: Timeline) -> list[ExecutionLine]:
    """Return every execution."""
    return [
        ExecutionLine(
            number=number,
            started=date(span.started_at),
            ended=date(span.ended_at),
            took=exact(span.seconds),
            by=span.by,
            limit="none told" if span.limit is None else f"{span.limit:g}",
            refused=span.refused,
            how=ended(span.how, last=number == len(timeline.spans)),
        )
        for number, span in enumerate(timeline.spans, 1)
    ]
