"""The words for the state of operations, waves and executions, shared by all reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bulkops.journal.records import Notified, Rest, WaveReached
from bulkops.journal.states import Exceeded, Held, How, Outcome, Reached
from bulkops.operations.named_steps import NamedStep
from bulkops.report.current_wave import CurrentWave, Running
from bulkops.report.model import PENDING, Report
from bulkops.text import counted

_ENDS = {
    "": "killed or still running",
    How.COMPLETE: "complete",
    How.TOLERANCE: "stopped by the failure tolerance",
    How.GATE: "stopped by a gate",
    How.PAUSED: "paused by the job",
    How.WINDOW: "stopped outside its windows",
    How.ERROR: "stopped by an error",
    How.GONE: "stopped: its run task is gone",
}


def outcome_in_words(outcome: str) -> str:
    """Return an outcome for people: ``in doubt``."""
    return outcome.replace("_", " ")


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Return ``297 succeeded, 2 failed, 1 in doubt``; empty if there are none."""
    return ", ".join(
        f"{counts[outcome]:,} {outcome_in_words(outcome)}"
        for outcome in (*Outcome, PENDING)
        if counts.get(outcome)
    )


def running_in_words(running: Running) -> str:
    """Return ``pid 4711 on build-7, since 2026-11-24T21:58:03.120Z``."""
    return f"pid {running.pid} on {running.host}, since {running.since}"


def ended(how: str, *, killed: bool) -> str:
    """Return how an execution ended: ``complete``, ``stopped by SIGINT``.

    Args:
        killed: it is certainly not running any more.
    """
    if not how and killed:
        return "killed"
    return _ENDS.get(how, f"stopped by {how}")


def state_of(wave: CurrentWave | WaveReached) -> str:
    """Return the state of a wave, to follow ``Wave 2 of 3``."""
    known = {
        "": "comes next",
        Reached.OPEN: "is in progress",
        Reached.VERIFIED: f"pauses until {date(wave.until)} UTC" if wave.until else "is verified",
        Reached.PAUSE_OVER: "is running its gate",
        Reached.PASSED: "passed",
        Held.MANUAL: "waits for --continue",
        Held.FAIL: f"was stopped by its gate (exit status {wave.status})",
        Held.INCONCLUSIVE: f"waits: its gate was inconclusive ({_why(wave)})",
    }
    return known[wave.held or wave.reached]


def _why(wave: CurrentWave | WaveReached) -> str:
    return wave.reason or f"exit status {wave.status}"


def notifications_in_words(notifications: Iterable[Notified]) -> Iterator[str]:
    """Yield ``notified: started, finished``, and ``not notified: …`` for each that failed."""
    delivered = dict.fromkeys(one.event for one in notifications if not one.reason)
    if delivered:
        yield f"notified: {', '.join(delivered)}"
    for one in notifications:
        if one.event == "heartbeat":
            heartbeats = "heartbeats" if one.attempts else "no heartbeats"
            yield f"{heartbeats} to {one.receiver}: {one.reason}"
        elif one.reason:
            attempts = counted(one.attempts, "attempt") if one.attempts else "nothing was sent"
            yield f"not notified: {one.event} to {one.receiver}: {one.reason} ({attempts})"


def too_many(stopped: Exceeded, steps: Sequence[NamedStep]) -> str:
    """Return ``11 failures in 100 operations; the tolerance is 10``.

    Args:
        steps: those of the job; if there are several, workspaces are counted.
    """
    place = f" of wave {stopped.wave}" if stopped.wave else ""
    unit = "workspace" if len(steps) > 1 else "operation"
    failures, of = counted(stopped.failures, "failure"), counted(stopped.of, unit)
    return f"{failures} in {of}{place}; the tolerance is {stopped.tolerated:,}"


def waiting(report: Report) -> str:
    """Return why what is pending has not started: ``outside its windows until …``; else empty."""
    return f"outside its windows until {until_in_words(report.rest)}" if report.rest else ""


def until_in_words(rest: Rest) -> str:
    """Return when a rest ends: ``2026-11-30 08:00:00 Europe/Berlin (2026-11-30 07:00:00 UTC)``."""
    utc = f"{date(rest.until)} UTC"
    return utc if rest.zone == "UTC" else f"{date(rest.local)} {rest.zone} ({utc})"


def date(at: str) -> str:
    """Return ``2026-11-24 21:58:03`` for an RFC 3339 date; empty if there is none."""
    return at[:19].replace("T", " ")
