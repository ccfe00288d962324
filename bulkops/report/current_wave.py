"""Where an unfinished job stands: its wave, its process, and whether it rests. Pure."""

from __future__ import annotations

import msgspec

from bulkops.job.rollout import Rollout
from bulkops.journal.records import Rest
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Reached


class Running(msgspec.Struct, frozen=True):
    """The process that holds a journal at this moment.

    Attributes:
        since: RFC 3339.
    """

    host: str
    pid: int
    since: str


class CurrentWave(msgspec.Struct, frozen=True):
    """The current wave of an unfinished job.

    Attributes:
        of: number of waves.
        first, last: numbers of its first and last operation, counted from 1.
        reached: of ``Reached``; empty if the wave has not started.
        held: of ``Held``: what keeps the job from continuing by itself; empty if nothing does.
        until, status, reason: see ``WaveReached``.
    """

    number: int
    of: int
    first: int
    last: int
    reached: str = ""
    held: str = ""
    until: str = ""
    status: int | None = None
    reason: str = ""


def rollout_of(replay: Replay) -> Rollout:
    """Return the rollout of a journal's job or undo."""
    rollout = msgspec.convert(replay.header.job.get("rollout", {}), Rollout)
    return rollout.effective(replay.header.undo_of)


def is_over(replay: Replay) -> bool:
    """Return whether the job can't continue, whatever is pending, because its run task is gone."""
    return replay.ended is not None and replay.ended.how == How.GONE


def resting(replay: Replay) -> Rest | None:
    """Return until when the job rests outside its windows, ``None`` if it doesn't.

    A rest ends with the execution, unless the execution ended because of it.
    """
    ended = replay.ended is not None and replay.ended.how != How.WINDOW
    return None if ended else replay.rest


def current_wave(replay: Replay) -> CurrentWave | None:
    """Return the current wave; ``None`` if all have passed, or if the only one never stopped it."""
    waves = rollout_of(replay).steps(len(replay.operations))
    for wave in waves:
        if replay.reached(wave.number) is Reached.PASSED:
            continue
        record = replay.waves.get(wave.number)
        if not replay.waves or (len(waves) == 1 and not (record and record.held)):
            return None
        current = CurrentWave(wave.number, len(waves), wave.start + 1, wave.end)
        if record is None:
            return current
        # The pause ends with the execution; the next one starts the pause again.
        until = "" if replay.ended else record.until
        held = "" if is_over(replay) else record.held
        known = {"reached": record.reached, "held": held, "status": record.status}
        return msgspec.structs.replace(current, **known, until=until, reason=record.reason)
    return None
