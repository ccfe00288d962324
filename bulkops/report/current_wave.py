"""The current wave of an unfinished job. Pure."""

from __future__ import annotations

import msgspec

from bulkops.job.rollout import Rollout
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Reached


class CurrentWave(msgspec.Struct, frozen=True):
    """The current wave of an unfinished job.

    Attributes:
        number: starting at 1.
        of: number of waves.
        first, last: its first and last operation, counted from 1.
        reached: a value of ``Reached``; empty if the wave has not started.
        held: why the job waits for the user, a value of ``Held``; empty if it does not.
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
    """Return the rollout of a journal's job, or of its undo."""
    rollout = msgspec.convert(replay.header.job.get("rollout", {}), Rollout)
    return rollout.taking_back(replay.header.undo_of)


def is_over(replay: Replay) -> bool:
    """Return whether the job has ended for good, even with operations pending: its task is gone."""
    return replay.ended is not None and replay.ended.how == How.GONE


def current_wave(replay: Replay) -> CurrentWave | None:
    """Return the current wave; ``None`` if all have passed, or for a single wave in progress."""
    waves = rollout_of(replay).steps(len(replay.operations))
    for wave in waves:
        if replay.reached(wave.number) is Reached.PASSED:
            continue
        begun = replay.waves.get(wave.number)
        if not replay.waves or (len(waves) == 1 and not (begun and begun.held)):
            return None
        current = CurrentWave(wave.number, len(waves), wave.start + 1, wave.end)
        if begun is None:
            return current
        # The pause ends with its execution: the next one starts it again.
        until = "" if replay.ended else begun.until
        held = "" if is_over(replay) else begun.held
        known = {"reached": begun.reached, "held": held, "status": begun.status}
        return msgspec.structs.replace(current, **known, until=until, reason=begun.reason)
    return None
