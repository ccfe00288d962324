"""The states of an operation, a wave and an execution, as the journal spells them. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The outcome of an operation, as journals and reports spell it."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CONFLICT = "conflict"
    IN_DOUBT = "in_doubt"


RETRIED = (Outcome.FAILED, Outcome.CONFLICT)
"""The outcomes that ``--retry-failed`` retries."""

DONE = (Outcome.SUCCEEDED, Outcome.SKIPPED)
"""The outcomes of operations whose target is as desired, whether or not this job wrote it."""

TROUBLE = (*RETRIED, Outcome.IN_DOUBT)
"""The outcomes that count against the failure tolerance and need the user's attention."""


class Reached(StrEnum):
    """The progress of a wave, as the journal spells it."""

    OPEN = "open"
    VERIFIED = "verified"
    PAUSE_OVER = "rested"  # as bulkops 0.2 spells it
    PASSED = "passed"


class Held(StrEnum):
    """Why a job stopped after a wave, as the journal spells it."""

    MANUAL = "manual"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class How(StrEnum):
    """How an execution ended; if a signal stopped it, ``Ended.how`` is the signal's name."""

    COMPLETE = "complete"
    TOLERANCE = "tolerance"
    GATE = "gate"
    PAUSED = "paused"
    WINDOW = "window"
    ERROR = "error"
    GONE = "gone"


class Exceeded(msgspec.Struct, frozen=True):
    """A failure tolerance that was exceeded.

    Attributes:
        failures: number of failures since the start, or since the last ``--continue`` past such a
            stop.
        tolerated: number of failures that the tolerance allows.
        of: number of operations of the job or of the wave, in a job of several steps of targets.
        wave: number of the wave whose own tolerance was exceeded, 0 for the job's tolerance.
    """

    failures: int
    tolerated: int
    of: int
    wave: int = 0
