"""Every exception this package raises on purpose, and every exit code of its commands. Pure.

A branch is a caller's next move, not a place in the code::

    BulkopsError                     something went wrong; the message says what to do next
    ├── JobError                     mend the job file or the command line
    ├── PlanStale                    plan again, or name the server that the file is for
    │   └── RunTaskGone              run the job again: the run task of this journal was deleted
    ├── JournalError                 the journal can't serve this command
    │   ├── JournalLocked            wait for the other runner, or stop it
    │   ├── JournalDamaged           look at the file before anything else is sent
    │   └── JournalWriteFailed       make room, then run the same command again
    └── ApiError                     carries ``status``, ``errors``, ``request_id``
        ├── RequestRejected          4xx: sending it again won't help
        │   ├── Unauthorized         401: the token is bad, so nothing else can succeed
        │   ├── NotFoundOrForbidden  403, 404: the API tells the two apart to nobody
        │   └── RateLimited          429: carries ``retry_after`` in seconds
        ├── ServerBroken             5xx or an unreadable answer; a write is in doubt
        │   └── ListMoved            a list that was never the same from its first page to its last
        ├── NoResponse               no answer; ``sent`` says whether the request may have arrived
        └── RetriesSpent             the server is away, or too much failed: try again later

One operation's failure is a value in the journal (see ``bulkops.api.verdict``), never an exception.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, NamedTuple


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
    ExitCode.STOPPED: Words(
        "stopped by the failure tolerance (--continue goes on) or a gate", "Stopped"
    ),
    ExitCode.IN_DOUBT: Words("some operations in doubt", "In doubt"),
    ExitCode.PAUSED: Words("paused by the job, --continue goes on", "Paused"),
    ExitCode.JOURNAL_IN_USE: Words("journal in use"),
    ExitCode.JOURNAL_DAMAGED: Words("journal damaged"),
    ExitCode.PLAN_STALE: Words(
        "plan or journal out of date, or of another address or organization", "Out of date"
    ),
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

TOO_FEW_FILES = (
    "the system lets this process open too few files: raise the limit, for instance with "
    "`ulimit -n 256`, and run the same command again"
)
"""Said where there is no descriptor left for a file or a connection."""


def unreadable(place: object, error: OSError | UnicodeError) -> str:
    """Return the sentence for what could not be read: ``PLACE: can't be read: no such file``.

    Args:
        place: a path, or an option and its path, as the user knows it.
    """
    return f"{place}: can't be read: {_reason(error)}"


def unwritable(place: object, error: OSError) -> str:
    """Return the sentence for what could not be written; see ``unreadable``."""
    return f"{place}: can't be written: {_reason(error)}"


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        at = f" (byte {error.start + 1})" if isinstance(error, UnicodeDecodeError) else ""
        return f"it is not UTF-8 text{at}"
    return error.strerror or str(error)


class BulkopsError(Exception):
    """Root of the tree: ``str(error)`` is one or more lines meant for the user's terminal."""

    exit_code: ClassVar[int] = ExitCode.ERROR


class JobError(BulkopsError):
    """The job file, or what was asked on the command line, can't be carried out as it stands."""

    exit_code = ExitCode.USAGE


class PlanStale(BulkopsError):
    """A saved plan was changed or is of another version; it or a journal is for another server."""

    exit_code = ExitCode.PLAN_STALE


class RunTaskGone(PlanStale):
    """A run task that a plan or journal is about was deleted since, and what was attached with it.

    Args:
        named: the run task, ``security-scan (task-…)``.
    """

    def __init__(self, named: str, organization: str) -> None:
        super().__init__(
            f"the run task {named} is no longer in {organization}, and its attachments went with "
            "it: run the job again, into a new journal"
        )


class JournalError(BulkopsError):
    """The journal can't serve this command."""


class JournalLocked(JournalError):
    """Another process holds the journal; the message names its host, pid and start."""

    exit_code = ExitCode.JOURNAL_IN_USE


class JournalDamaged(JournalError):
    """A synced part of the journal is no longer what was written, or not what bulkops writes.

    Attributes:
        offset: byte at which the first bad line starts, 0 where each line is right by itself.
    """

    exit_code = ExitCode.JOURNAL_DAMAGED

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class JournalWriteFailed(JournalError):
    """A write or sync failed: nothing more was sent after it."""

    exit_code = ExitCode.JOURNAL_UNWRITABLE


class ApiError(BulkopsError):
    """The API, or the way to it, did not do what was asked.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        errors: the server's own words, one string an error, already fit for a terminal.
        request_id: the answer's ``X-Request-Id``, empty where there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        errors: tuple[str, ...] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors
        self.request_id = request_id


class RequestRejected(ApiError):
    """The server understood and refused: 4xx."""


class Unauthorized(RequestRejected):
    """401: the token is missing, expired or revoked."""


class NotFoundOrForbidden(RequestRejected):
    """403 or 404: missing, or this token may not see it; the API says the same for both."""


class RateLimited(RequestRejected):
    """429, after the client's own patience ended.

    Attributes:
        retry_after: seconds until the server said it will listen again.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        errors: tuple[str, ...] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(message, status=429, errors=errors, request_id=request_id)
        self.retry_after = retry_after


class ServerBroken(ApiError):
    """5xx, or an answer that can't be read; whether a write took effect is unknown."""


class ListMoved(ServerBroken):
    """A list changed each time it was read; whoever reads it later may find it whole."""


class NoResponse(ApiError):
    """The connection gave no answer.

    Attributes:
        sent: False where the request certainly never reached the server (refused, no such
            host, TLS failure), so that even a write may be sent again.
        lasting: True where trying again can't help (an untrusted certificate).
    """

    def __init__(self, message: str, *, sent: bool, lasting: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.lasting = lasting


class RetriesSpent(ApiError):
    """One client sends no more; says nothing of an operation.

    The server answered nothing for longer than the job waits for it, or too many requests failed.
    """
