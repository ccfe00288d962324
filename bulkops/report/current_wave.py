"""In which wave an unfinished job stands. Pure."""

from __future__ import annotations

import msgspec

from bulkops.job.rollout import Rollout
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Reached


class CurrentWave(msgspec.Struct, frozen=True):
    """The wave in which an unfinished job stands.

    Attributes:
        of: how many waves there are.
        first, last: its operations, counted from 1.
        reached: of ``Reached``, empty where it has not begun.
        held: why the job does not go on by itself: of ``Held``, else empty.
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
    """Return how a journal's job is rolled out, or taken back."""
    rollout = msgspec.convert(replay.header.job.get("rollout", {}), Rollout)
    return rollout.effective(replay.header.undo_of)


def is_over(replay: Replay) -> bool:
    """Return whether nothing can be left to do, however much is pending: its run task is gone."""
    return replay.ended is not None and replay.ended.how == How.GONE


def current_wave(replay: Replay) -> CurrentWave | None:
    """Return the wave in which a journal's job stands, ``None`` where nobody needs to know."""
    waves = rollout_of(replay).steps(len(replay.operations))
    for wave in waves:
        if replay.reached(wave.number) is Reached.PASSED:
            continue
        said = replay.waves.get(wave.number)
        if not replay.waves or (len(waves) == 1 and not (said and said.held)):
            return None
        current = CurrentWave(wave.number, len(waves), wave.start + 1, wave.end)
        if said is None:
            return current
        # An execution that has ended rests no longer: the next one rests anew.
        until = "" if replay.ended else said.until
        held = "" if is_over(replay) else said.held
        known = {"reached": said.reached, "held": held, "status": said.status}
        return msgspec.structs.replace(current, **known, until=until, reason=said.reason)
    return None
