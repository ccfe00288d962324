"""An execution's headway in words, for the live view and for plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bulkops.cli.output.progress import Doing, JobProgress, WaveProgress
from bulkops.job.duration import in_words
from bulkops.report.words import outcome_in_words
from bulkops.text import counted

MOST_BARS = 5
"""Waves with a bar each; where there are more, those far from the current one share two."""


class Bar(NamedTuple):
    """One bar of the live view.

    Attributes:
        current: the execution stands in this one.
    """

    label: str
    done: int
    of: int
    current: bool = False


def plain_line(progress: JobProgress) -> str:
    """Return where an execution stands in one line."""
    of = len(progress.waves)
    parts = [f"{progress.done} of {progress.of} done"]
    if of > 1 and progress.wave:
        parts[0] += f" (wave {progress.wave} of {of})"
    parts += pace(progress)
    parts += troubles(progress)
    if said := standstill(progress):
        parts.append(said[0].lower() + said[1:])
    if left := time_left(progress):
        parts.append(left)
    return "  " + ", ".join(parts)


def pace(progress: JobProgress) -> Iterator[str]:
    """Yield how fast it goes, and what is on its way."""
    activity = progress.activity
    if progress.rate is not None:
        limit = f" (limit {progress.limit:g})" if progress.limit else ""
        yield f"{progress.rate:.1f} a second{limit}"
    if activity.in_flight:
        waiting = f" ({activity.waiting} waiting to settle)" if activity.waiting else ""
        yield f"{activity.in_flight} in flight{waiting}"


def troubles(progress: JobProgress) -> Iterator[str]:
    """Yield how many operations are in trouble, and how often something was sent again."""
    for outcome in ("failed", "conflict", "in_doubt"):
        if number := progress.counts.get(outcome):
            yield f"{number} {outcome_in_words(outcome)}"
    if progress.activity.retries:
        yield f"{progress.activity.retries} sent again"
    if progress.activity.refused:
        yield f"429s: {progress.activity.refused}"


def time_left(progress: JobProgress) -> str:
    """Return how long it still takes, empty where nobody knows."""
    if progress.seconds_left is None:
        return ""
    to = "to the pause" if progress.pauses else "left"
    return f"about {in_words(progress.seconds_left)} {to}"


def standstill(progress: JobProgress) -> str:
    """Return why nothing new is carried out at this moment, empty where something is."""
    activity = progress.activity
    if progress.drain_seconds is not None:
        return draining(activity.in_flight, progress.drain_seconds)
    if activity.outage_seconds > 0:
        return no_answer(activity.outage_seconds, activity.outage_reason, activity.outage_borne)
    if activity.pause_seconds > 0:
        why = _why(progress) if activity.pause_status == 429 else ""
        return (
            f"Paused {activity.pause_seconds:.1f} s: the server answered "
            f"{activity.pause_status}{why}"
        )
    if progress.silence:
        return progress.silence
    return {
        Doing.READING: "Reading what the server shows",
        Doing.CARRYING_OUT: "",
        Doing.VERIFYING: "Verifying: reading again what was done",
        Doing.RESTING: f"Resting {in_words(progress.rest_seconds)} more, until {progress.until}",
        Doing.GATE: "Running the gate",
    }[progress.doing]


def no_answer(seconds: float, reason: str, borne: float) -> str:
    """Return for how long the server has answered nothing, why, and how long it is waited for."""
    return (
        f"No answer from the server for {in_words(seconds)} ({reason}): waiting for it, "
        f"{in_words(borne)} at most"
    )


def draining(in_flight: int, seconds: float) -> str:
    """Return what a stopped execution waits for, and how long at most."""
    if not in_flight:
        return "Stopping"
    operations = counted(in_flight, "operation")
    return f"Stopping: waiting for {operations} in flight, {in_words(seconds)} at most"


def _why(progress: JobProgress) -> str:
    activity = progress.activity
    if not activity.limit:
        return ""
    others = f", others take {activity.others_rate:.0f}" if activity.others_rate else ""
    return f" (its limit is {activity.limit:g} a second{others})"


def bars(progress: JobProgress) -> list[Bar]:
    """Return a bar for each wave, where there are several, and one for all."""
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
