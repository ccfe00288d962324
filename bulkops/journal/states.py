"""The journal's words for where things stand: an operation, a wave, an execution. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """What became of an operation; the journal's and the reports' only words for it."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CONFLICT = "conflict"
    IN_DOUBT = "in_doubt"


RETRIED = (Outcome.FAILED, Outcome.CONFLICT)
"""What ``--retry-failed`` takes up again."""

DONE = (Outcome.SUCCEEDED, Outcome.SKIPPED)
"""What is as wanted, whoever made it so."""

TROUBLE = (*RETRIED, Outcome.IN_DOUBT)
"""What counts against the failure tolerance, and what somebody has to look at."""


class Reached(StrEnum):
    """How far a wave came; the journal's words for it."""

    OPEN = "open"
    VERIFIED = "verified"
    RESTED = "rested"
    PASSED = "passed"


class Held(StrEnum):
    """Why a job does not go on after a wave; the journal's words for it."""

    MANUAL = "manual"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class How(StrEnum):
    """How an execution ended; where a signal stopped it, ``Ended.how`` is the signal's name."""

    COMPLETE = "complete"
    TOLERANCE = "tolerance"
    GATE = "gate"
    PAUSED = "paused"
    ERROR = "error"
    GONE = "gone"


class Exceeded(msgspec.Struct, frozen=True):
    """By what the failure tolerance stopped a job.

    Attributes:
        failures: counted since the start, or since the last ``--continue`` after such a stop.
        tolerated: how many of them are borne.
        of: operations of the job, or of the wave.
        wave: the number of the wave whose own tolerance it was, 0 for the whole run's.
    """

    failures: int
    tolerated: int
    of: int
    wave: int = 0
