"""What a command ends with: every exit code, its words and its signal, each said once. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """Every exit code, by a name."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    UNFULFILLED = 3
    STOPPED = 4
    IN_DOUBT = 5
    PAUSED = 6
    JOURNAL_IN_USE = 11
    JOURNAL_DAMAGED = 12
    PLAN_STALE = 13
    JOURNAL_UNWRITABLE = 14
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class Words(NamedTuple):
    """What is said of one.

    Attributes:
        meaning: in the README and in ``--help``.
        verdict: of a job whose last execution ended with it, at a glance; empty of a code that
            says nothing of a job.
    """

    meaning: str
    verdict: str = ""


WORDS = {
    ExitCode.DONE: Words("all succeeded or nothing to do", "Done"),
    ExitCode.ERROR: Words("error", "Stopped by an error"),
    ExitCode.USAGE: Words("usage, job file included"),
    ExitCode.UNFULFILLED: Words("some operations failed, in conflict or blocked", "Done in part"),
    ExitCode.STOPPED: Words("stopped by the failure tolerance or a gate", "Stopped"),
    ExitCode.IN_DOUBT: Words("some operations in doubt", "In doubt"),
    ExitCode.PAUSED: Words("paused by the job, --continue goes on", "Paused"),
    ExitCode.JOURNAL_IN_USE: Words("journal in use"),
    ExitCode.JOURNAL_DAMAGED: Words("journal damaged"),
    ExitCode.PLAN_STALE: Words("saved plan changed, or for another address or organization"),
    ExitCode.JOURNAL_UNWRITABLE: Words("journal can't be written"),
    ExitCode.HUNG_UP: Words("interrupted by a closed terminal (SIGHUP)", "Interrupted"),
    ExitCode.INTERRUPTED: Words("interrupted by Ctrl-C (SIGINT)", "Interrupted"),
    ExitCode.TERMINATED: Words("interrupted by SIGTERM", "Interrupted"),
}

SIGNALS = {
    "SIGHUP": ExitCode.HUNG_UP,
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
}
"""The signals that stop an execution, by their names."""
