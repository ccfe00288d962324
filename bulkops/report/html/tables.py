"""Rows of the tables of waves and executions. Pure."""

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
from bulkops.report.words import date


class WaveLine(NamedTuple):
    """One wave; a date is empty if the wave has not come that far.

    Attributes:
        drifted: operations that were done but had drifted when the wave was verified.
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
    state: str


class ExecutionLine(NamedTuple):
    """One execution, human-readable."""

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
    Reached.OPEN: "in progress",
    Reached.VERIFIED: "verified",
    Reached.PAUSE_OVER: "running its gate",
    Reached.PASSED: "passed",
}
_GATES = {0: "passed", 1: "failed"}


def wave_lines(report: Report, gathered: Gathered) -> list[WaveLine]:
    """Return a job's waves; empty if there is only one and it never stopped the job."""
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
        # The record is repeated when a pause starts and when the gate has run.
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
        state=_state(records[-1] if records else None),
    )


def _state(last: WaveReached | None) -> str:
    if last is None:
        return "not started"
    if last.held:
        return _HELD[Held(last.held)]
    if last.reached is Reached.VERIFIED and last.until:
        return f"paused until {date(last.until)}"
    return _REACHED[last.reached]


def execution_lines(timeline: Timeline, gathered: Gathered) -> list[ExecutionLine]:
    """Return a row for each execution."""
    return [
        ExecutionLine(
            number=number,
            started=date(span.started_at),
            ended=date(span.ended_at),
            took=exact(span.seconds),
            by=span.by,
            limit="none reported" if span.limit is None else f"{span.limit:g}",
            refused=span.refused,
            how=how,
        )
        for number, (span, how) in enumerate(zip(timeline.spans, gathered.ends, strict=True), 1)
    ]
