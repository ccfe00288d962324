"""An execution's headway in words, for the live view and for plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bulkops.cli.output.progress import Doing, Headway, WaveHeadway
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


def plain_line(headway: Headway) -> str:
    """Return where an execution stands in one line."""
    of = len(headway.waves)
    parts = [f"{headway.done} of {headway.of} done"]
    if of > 1 and headway.wave:
        parts[0] += f" (wave {headway.wave} of {of})"
    parts += pace(headway)
    parts += troubles(headway)
    if said := standstill(headway):
        parts.append(said[0].lower() + said[1:])
    if left := time_left(headway):
        parts.append(left)
    return "  " + ", ".join(parts)


def pace(headway: Headway) -> Iterator[str]:
    """Yield how fast it goes, and what is on its way."""
    activity = headway.activity
    if headway.rate is not None:
        limit = f" (limit {headway.limit:g})" if headway.limit else ""
        yield f"{headway.rate:.1f} a second{limit}"
    if activity.in_flight:
        waiting = f" ({activity.waiting} waiting to settle)" if activity.waiting else ""
        yield f"{activity.in_flight} in flight{waiting}"


def troubles(headway: Headway) -> Iterator[str]:
    """Yield how many operations are in trouble, and how often something was sent again."""
    for outcome in ("failed", "conflict", "in_doubt"):
        if number := headway.counts.get(outcome):
            yield f"{number} {outcome_in_words(outcome)}"
    if headway.activity.retries:
        yield f"{headway.activity.retries} sent again"
    if headway.activity.refused:
        yield f"429s: {headway.activity.refused}"


def time_left(headway: Headway) -> str:
    """Return how long it still takes, empty where nobody knows."""
    if headway.seconds_left is None:
        return ""
    to = "to the pause" if headway.pauses else "left"
    return f"about {in_words(headway.seconds_left)} {to}"


def standstill(headway: Headway) -> str:
    """Return why nothing new is carried out at this moment, empty where something is."""
    activity = headway.activity
    if headway.drain_seconds is not None:
        return draining(activity.in_flight, headway.drain_seconds)
    if activity.outage_seconds > 0:
        return no_answer(activity.outage_seconds, activity.outage_reason, activity.outage_borne)
    if activity.pause_seconds > 0:
        why = _why(headway) if activity.pause_status == 429 else ""
        return (
            f"Paused {activity.pause_seconds:.1f} s: the server answered "
            f"{activity.pause_status}{why}"
        )
    return {
        Doing.READING: "Reading what the server shows",
        Doing.CARRYING_OUT: "",
        Doing.VERIFYING: "Verifying: reading again what was done",
        Doing.RESTING: f"Resting {in_words(headway.rest_seconds)} more, until {headway.until}",
        Doing.GATE: "Running the gate",
    }[headway.doing]


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


def _why(headway: Headway) -> str:
    activity = headway.activity
    if not activity.limit:
        return ""
    others = f", others take {activity.others_rate:.0f}" if activity.others_rate else ""
    return f" (its limit is {activity.limit:g} a second{others})"


def bars(headway: Headway) -> list[Bar]:
    """Return a bar for each wave, where there are several, and one for all."""
    everything = Bar("all", headway.done, headway.of)
    if len(headway.waves) == 1:
        return [everything]
    return [*_wave_bars(headway.waves, headway.wave), everything]


def _wave_bars(waves: Sequence[WaveHeadway], current: int) -> Iterator[Bar]:
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


def _shared(waves: Sequence[WaveHeadway]) -> Bar:
    first, last = waves[0].number, waves[-1].number
    label = f"wave {first}" if first == last else f"waves {first} to {last}"
    return Bar(label, sum(w.done for w in waves), sum(w.size for w in waves))
