"""The progress of an execution at one moment: all that a view shows. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from bulkops.journal.records import Rest
from bulkops.runner.activity import Activity


class Doing(StrEnum):
    """What an execution is doing at a given moment."""

    READING = "reading"
    CARRYING_OUT = "carrying out"
    VERIFYING = "verifying"
    PAUSING = "pausing between waves"
    GATE = "running its gate"
    CLOSED = "outside its windows"


class WaveProgress(msgspec.Struct, frozen=True):
    """The progress of one wave.

    Attributes:
        number: starting at 1.
        size: number of operations.
        done: operations done.
    """

    number: int
    size: int
    done: int


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of an execution at one moment.

    Attributes:
        at: monotonic seconds.
        done: operations with an outcome other than in doubt, including earlier executions.
        of: operations planned.
        counts: outcome → operations; operations without an outcome are left out.
        rate: recent operations per second; ``None`` if not measured yet.
        limit: requests per second, the server's or the job's; ``None`` if there is no limit.
        wave: number of the current wave; 0 if all have passed.
        until: end of the pause between waves (RFC 3339); empty if there is none.
        idle_seconds: left of that pause, or of the rest outside its windows.
        closed: until when it rests outside its windows; ``None`` if it doesn't.
        seconds_left: until the job ends, or until it ``pauses``: including pauses between waves,
            not including gates, at the limit until a rate is known. ``None`` if unknown, for
            example if everything left in a wave is in flight, or while it rests.
        pauses: the job pauses after this wave until it is resumed with ``--continue``.
        drain_seconds: until operations in flight are given up; ``None`` unless it was stopped.
        silence: how long a watched journal has had no new record, human-readable; mostly empty.
    """

    at: float
    doing: Doing
    done: int
    of: int
    counts: dict[str, int]
    activity: Activity
    rate: float | None
    limit: float | None
    wave: int
    waves: tuple[WaveProgress, ...]
    until: str
    idle_seconds: float
    seconds_left: float | None
    pauses: bool
    drain_seconds: float | None
    silence: str = ""
    closed: Rest | None = None
