"""The words for an execution's progress, in the live view and in plain lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bulkops.cli.output.progress.model import Doing, JobProgress, WaveProgress
from bulkops.job.duration import in_words
from bulkops.report.words import date, outcome_in_words, until_in_words
from bulkops.text import counted

MOST_BARS = 5
"""Waves with a bar of their own; if there are more, the distant ones share a bar."""


class Bar(NamedTuple):
    """One bar of the live view.

    Attributes:
        current: of the wave in progress.
    """

    label: str
    done: int
    of: int
    current: bool = False


def plain_line(progress: JobProgress) -> str:
    """Return the progress of an execution in one line."""
    of = len(progress.waves)
    parts = [f"{progress.done:,} of {progress.of:,} done"]
    if of > 1 and progress.wave:
        parts[0] += f" (wave {progress.wave} of {of})"
    parts += pace(progress)
    parts += troubles(progress)
    if reason := standstill(progress):
        parts.append(reason[0].lower() + reason[1:])
    if left := time_left(progress):
        parts.append(left)
    return "  " + ", ".join(parts)


def pace(progress: JobProgress) -> Iterator[str]:
    """Yield the rate and what is in flight; nothing while lost answers are waited for."""
    activity = progress.activity
    if _only_settles(progress):
        return
    if progress.rate is not None:
        limit = f" (limit {progress.limit:g})" if progress.limit else ""
        yield f"{progress.rate:.1f} per second{limit}"
    if activity.in_flight:
        left = in_words(activity.settle_seconds)
        waiting = f" ({activity.waiting} waiting {left} to settle)" if activity.waiting else ""
        yield f"{activity.in_flight} in flight{waiting}"


def troubles(progress: JobProgress) -> Iterator[str]:
    """Yield the numbers of operations that did not succeed, of retries and of 429s."""
    for outcome in ("failed", "conflict", "in_doubt"):
        if number := progress.counts.get(outcome):
            yield f"{number:,} {outcome_in_words(outcome)}"
    if progress.activity.retries:
        yield f"retries: {progress.activity.retries}"
    if progress.activity.refused:
        yield f"429s: {progress.activity.refused}"


def time_left(progress: JobProgress) -> str:
    """Return the estimated time left; empty if unknown."""
    if progress.seconds_left is None:
        return ""
    to = "to the pause" if progress.pauses else "left"
    return f"about {in_words(progress.seconds_left)} {to}"


def standstill(progress: JobProgress) -> str:
    """Return why no operation is started at this moment; empty if one may be."""
    activity = progress.activity
    if progress.drain_seconds is not None:
        return draining(activity.in_flight, progress.drain_seconds)
    if activity.outage_seconds > 0:
        return no_answer(activity.outage_seconds, activity.outage_reason, activity.outage_tolerated)
    if activity.pause_seconds > 0:
        why = _why(progress) if activity.pause_status == 429 else ""
        return (
            f"Paused for {activity.pause_seconds:.1f} s: the server answered "
            f"{activity.pause_status}{why}"
        )
    if _only_settles(progress):
        lost = counted(activity.waiting, "lost answer")
        return f"Waiting {in_words(activity.settle_seconds)} for {lost} to settle"
    if activity.settle_reason:
        return settling(activity.settle_seconds, activity.settle_reason)
    left = in_words(progress.idle_seconds)
    opens = until_in_words(progress.closed) if progress.closed else ""
    return (
        progress.silence
        or {
            Doing.READING: "Reading the current state",
            Doing.CARRYING_OUT: "",
            Doing.VERIFYING: "Verifying: reading the changes back",
            Doing.PAUSING: f"Pause between waves: {left} left, until {date(progress.until)} UTC",
            Doing.GATE: "Running the gate",
            Doing.CLOSED: f"Outside the windows: rests {left}, until {opens}",
        }[progress.doing]
    )


def settling(seconds: float, reason: str) -> str:
    """Return how long bulkops waits for lagging reads, and why: see ``Settling``."""
    return f"Waiting {in_words(seconds)} {reason}"


def no_answer(seconds: float, reason: str, tolerated: float) -> str:
    """Return how long the server has not answered, why, and how long bulkops waits for it."""
    return (
        f"No answer from the server for {in_words(seconds)} ({reason}): waiting up to "
        f"{in_words(tolerated)} for it"
    )


def draining(in_flight: int, seconds: float) -> str:
    """Return what a stopped execution waits for, and for how long at most."""
    if not in_flight:
        return "Stopping"
    operations = counted(in_flight, "operation")
    return f"Stopping: waiting up to {in_words(seconds)} for {operations} in flight"


def _only_settles(progress: JobProgress) -> bool:
    """Return whether every operation in flight only waits for a lost answer to settle."""
    activity = progress.activity
    return 0 < activity.in_flight <= activity.waiting


def _why(progress: JobProgress) -> str:
    activity = progress.activity
    if not activity.limit:
        return ""
    others = f", other clients use {activity.others_rate:.0f}" if activity.others_rate else ""
    return f" (its limit is {activity.limit:g} per second{others})"


def bars(progress: JobProgress) -> list[Bar]:
    """Return a bar for all operations, after one per wave if there are several."""
    everything = Bar("all", progress.done, progress.of)
    if len(progress.waves) == 1:
        return [everything]
    return [*_wave_bars(progress.waves, progress.wave), everything]


def _wave_bars(waves: Sequence[WaveProgress], current: int) -> Iterator[Bar]:
    near = range(1, len(waves) + 1)
    if len(waves) > MOST_BARS:
        middle = min(max(current or len(waves), 2), len(waves) - 1)
        near = range(middle - 1, middle + 2)
    if before := waves[: near.start - 1]:
        yield _shared(before)
    for wave in waves[near.start - 1 : near.stop - 1]:
        yield Bar(f"wave {wave.number}", wave.done, wave.size, current=wave.number == current)
    if after := waves[near.stop - 1 :]:
        yield _shared(after)


def _shared(waves: Sequence[WaveProgress]) -> Bar:
    first, last = waves[0].number, waves[-1].number
    label = f"wave {first}" if first == last else f"waves {first} to {last}"
    return Bar(label, sum(w.done for w in waves), sum(w.size for w in waves))
