"""The exceptions that this package raises, and the exit codes of its commands. Pure.

The tree is arranged by what the caller should do next::

    BulkopsError                     something went wrong; the message says what to do next
    ├── JobError                     correct the job file or the command line
    ├── RightMissing                 give the token the right, or give another token
    ├── PlanStale                    plan again, or name the server that the file is for
    │   └── RunTaskGone              run the job again: the journal's run task was deleted
    ├── JournalError                 this command can't use the journal
    │   ├── NotAJournal              name another file: this one is missing, or something else
    │   ├── JournalLocked            wait for the other process, or stop it
    │   ├── JournalDamaged           inspect the file before sending anything else
    │   └── JournalWriteFailed       free disk space, then run the same command again
    │       └── JournalTakenOver     another process runs the job now: watch or wait for it
    └── ApiError                     carries ``status``, ``errors``, ``request_id``
        ├── RequestRejected          4xx: sending it again won't help
        │   ├── Unauthorized         401: the token is invalid, so no request can succeed
        │   ├── NotFoundOrForbidden  403, 404: the API does not distinguish the two
        │   └── RateLimited          429: carries ``retry_after`` in seconds
        ├── ServerBroken             5xx or an unreadable answer; a write is in doubt
        │   └── ListMoved            a list kept changing while it was read
        ├── NoResponse               no answer; ``sent`` says whether the request may have arrived
        └── RetriesSpent             an outage, or too many failures: try again later

The failure of a single operation is not an exception but a value in the journal (see
``bulkops.api.verdict``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, NamedTuple

from bulkops.text import why_not_text


class ExitCode(IntEnum):
    """The exit codes of the commands."""

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
    """How an exit code is described.

    Attributes:
        meaning: its description in the README and in ``--help``.
        verdict: the heading of a report that ended with it; empty if it isn't about a job.
    """

    meaning: str
    verdict: str = ""


WORDS = {
    ExitCode.DONE: Words("everything succeeded, or there was nothing to do", "Done"),
    ExitCode.ERROR: Words("error", "Stopped by an error"),
    ExitCode.USAGE: Words("usage error, or an error in the job file"),
    ExitCode.UNFULFILLED: Words(
        "some operations failed, are in conflict or blocked", "Partly done"
    ),
    ExitCode.STOPPED: Words(
        "stopped by the failure tolerance (resume with --continue) or by a gate", "Stopped"
    ),
    ExitCode.IN_DOUBT: Words("some operations are in doubt", "In doubt"),
    ExitCode.PAUSED: Words(
        "paused by the job (resume with --continue), or outside its windows", "Paused"
    ),
    ExitCode.JOURNAL_IN_USE: Words("the journal is in use"),
    ExitCode.JOURNAL_DAMAGED: Words("the journal is damaged"),
    ExitCode.PLAN_STALE: Words(
        "the plan or journal is outdated, or for another address or organization", "Outdated"
    ),
    ExitCode.JOURNAL_UNWRITABLE: Words("the journal can't be written"),
    ExitCode.HUNG_UP: Words("interrupted by a closed terminal (SIGHUP)", "Interrupted"),
    ExitCode.INTERRUPTED: Words("interrupted by Ctrl-C (SIGINT)", "Interrupted"),
    ExitCode.TERMINATED: Words("interrupted by SIGTERM", "Interrupted"),
}

SIGNALS = {
    "SIGHUP": ExitCode.HUNG_UP,
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
}
"""The signals that stop an execution: name → exit code."""

TOO_FEW_FILES = (
    "this process can't open enough files: raise the limit, for example with "
    "`ulimit -n 256`, and run the same command again"
)
"""The message if no descriptor is left for a file or a connection."""


def unreadable(place: object, error: OSError | UnicodeError) -> str:
    """Return the message ``PLACE: can't be read: no such file``; the place as the user wrote it."""
    return f"{place}: can't be read: {_reason(error)}"


def unwritable(place: object, error: OSError) -> str:
    """Return the message for a file that can't be written (see ``unreadable``)."""
    return f"{place}: can't be written: {_reason(error)}"


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return why_not_text(error)
    return error.strerror or str(error)


class BulkopsError(Exception):
    """Base of all errors of this package; ``str(error)`` is one or more lines for the user."""

    exit_code: ClassVar[int] = ExitCode.ERROR


class JobError(BulkopsError):
    """The job file or the command line contains an error."""

    exit_code = ExitCode.USAGE


class RightMissing(BulkopsError):
    """The token lacks a right on every workspace that the job would change."""

    exit_code = ExitCode.UNFULFILLED


class PlanStale(BulkopsError):
    """A saved plan is out of date or altered, or a plan or journal is for another server."""

    exit_code = ExitCode.PLAN_STALE


class RunTaskGone(PlanStale):
    """The run task of a plan or journal was deleted, and its attachments with it.

    Args:
        named: the run task's name and id, ``security-scan (task-…)``.
    """

    def __init__(self, named: str, organization: str) -> None:
        super().__init__(
            f"the run task {named} no longer exists in {organization}, and its attachments were "
            "deleted with it: run the job again, with a new journal"
        )


class JournalError(BulkopsError):
    """This command can't use the journal."""


class NotAJournal(JournalError):
    """There is no such file, or it is not a journal of bulkops."""

    exit_code = ExitCode.USAGE


class JournalLocked(JournalError):
    """Another process is using the journal; the message names its host, pid and start time.

    Args:
        advice: what to do next, the message's last sentence; empty if ``held`` says it.

    Attributes:
        held: which journal is in use, and by which process.
        look_again: seconds until the journal may be free; ``None`` if waiting does not help.
    """

    exit_code = ExitCode.JOURNAL_IN_USE

    def __init__(self, held: str, advice: str = "", look_again: float | None = None) -> None:
        super().__init__(f"{held}. {advice}" if advice else held)
        self.held = held
        self.look_again = look_again


class JournalDamaged(JournalError):
    """A synced part of the journal has changed, or bulkops can't have written it.

    Attributes:
        offset: the byte at which the first damaged line starts; 0 if every line is intact by
            itself.
    """

    exit_code = ExitCode.JOURNAL_DAMAGED

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class JournalWriteFailed(JournalError):
    """Writing or syncing the journal failed; nothing was sent after that."""

    exit_code = ExitCode.JOURNAL_UNWRITABLE


class JournalTakenOver(JournalWriteFailed):
    """Another process has taken over this journal's lease; nothing was sent after that."""

    exit_code = ExitCode.JOURNAL_IN_USE


class ApiError(BulkopsError):
    """A request failed, at the server or on the way to it.

    Attributes:
        status: the HTTP status; 0 if there was no answer.
        errors: the server's error messages, one string per error, safe to print in a terminal.
        request_id: the answer's ``X-Request-Id``; empty if it has none.
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
    """4xx: the server refused the request."""


class Unauthorized(RequestRejected):
    """401: the token is missing, expired or revoked."""


class NotFoundOrForbidden(RequestRejected):
    """403 or 404: it does not exist, or this token can't see it; the API answers the same."""


class RateLimited(RequestRejected):
    """429, still after all of the client's retries.

    Attributes:
        retry_after: seconds until the server accepts requests again, as it announced.
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
    """5xx, or an answer that can't be read; a write may or may not have taken effect."""


class ListMoved(ServerBroken):
    """A list changed each time it was read; a later attempt may succeed."""


class NoResponse(ApiError):
    """The server gave no answer.

    Attributes:
        sent: False if the request can't have reached the server (connection refused, no such
            host, TLS failure), so that even a write may be sent again.
        lasting: True if trying again can't help (an untrusted certificate).
    """

    def __init__(self, message: str, *, sent: bool, lasting: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.lasting = lasting


class RetriesSpent(ApiError):
    """The client has stopped sending; this is not the failure of one operation.

    The server was away for longer than the job waits, or too many requests failed.
    """
