"""The records of a journal, one per line, distinguished by ``"type"``. Pure.

Their order: one header; the planned operations and skips; then executions, waves, intents, results
and verifications as they happen. Dates are RFC 3339 in UTC, for people; ``seq`` gives the order.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bulkops.journal.states import Exceeded, Outcome, Reached
from bulkops.operations.model import (
    Attributes,
    Observed,
    Operation,
    Resolved,
    Skip,
    Target,
    TaskRef,
)
from bulkops.text import escaped

FORMAT = 2
"""The format of new journals; ``bulkops.journal.formats`` lists the formats that can be read."""


class Holder(msgspec.Struct, frozen=True):
    """Who runs a job; contains no token and no key."""

    user: str
    host: str
    pid: int
    started_at: str

    def __str__(self) -> str:
        return escaped(f"{self.user} on {self.host}, pid {self.pid}, since {self.started_at}")


# gc=False: see bulkops.api.messages.
class _Record(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    pass


class Header(_Record, frozen=True, gc=False, tag="header"):
    """The first line: which job, where, and who started it.

    Attributes:
        job: the job file's content, in the form that ``bulkops.job.job`` reads.
        digest: of the job, saved plan or undo that alone resumes this journal (``Identity``).
        task: the run task of the operations, ``None`` for a kind without one.
        single_stage: whether the server knows only ``stage``, not ``stages``.
        operations: number of planned operations.
        skips: number of skips in the plan.
        undo_of: run id of the journal that this one undoes, empty if it isn't an undo.
        plan: SHA-256 of the saved plan, empty if there is none.
        replaces: the run task that ``task`` replaces, ``None`` for a kind without one.
        others: run tasks that other fields of the spec name, by field.
        folder: absolute folder of the job file, in which the gate runs; empty without a gate.
    """

    format: int
    run_id: str
    bulkops: str
    created_at: str
    started_by: Holder
    address: str
    organization: str
    job: dict[str, object]
    digest: str
    task: TaskRef | None
    single_stage: bool
    operations: int
    skips: int
    undo_of: str = ""
    replaces: TaskRef | None = None
    plan: str = ""
    others: dict[str, TaskRef] = {}
    folder: str = ""

    @property
    def resolved(self) -> Resolved:
        """The run tasks and server features to which the job's names were resolved."""
        return Resolved(
            organization=self.organization,
            task=self.task,
            replaces=self.replaces,
            others=self.others,
            single_stage=self.single_stage,
        )


class Planned(_Record, frozen=True, gc=False, tag="operation"):
    """One planned operation; a later line with the same key replaces it (``--retry-failed``)."""

    key: str
    target: Target
    before: Observed | None
    desired: Attributes | None
    aspect: str = ""
    after: tuple[str, ...] = ()
    verb: str = ""

    @classmethod
    def of(cls, operation: Operation) -> Planned:
        """Return the record of an operation."""
        return cls(
            operation.key,
            operation.target,
            operation.before,
            operation.desired,
            operation.aspect,
            operation.after,
            operation.verb,
        )


class Skipped(_Record, frozen=True, gc=False, tag="skip"):
    """One selected target that needs no operation, or can't have one (``blocked``)."""

    target: Target
    reason: str
    blocked: bool = False

    @classmethod
    def of(cls, skip: Skip) -> Skipped:
        """Return the record of a skip."""
        return cls(skip.target, skip.reason, skip.blocked)


class Execution(_Record, frozen=True, gc=False, tag="execution"):
    """The job was started or resumed.

    Attributes:
        continued: whether it continues past a stop by the failure tolerance; failures are then
            counted from zero again.
        nonce: in object storage, what makes this record differ from any other process's.
    """

    by: Holder
    bulkops: str
    continued: bool = False
    nonce: str = ""


class Paced(_Record, frozen=True, gc=False, tag="paced"):
    """The server reported its rate limit, which holds from here on.

    Attributes:
        limit: requests per second that the server allows, ``None`` if it sets no limit.
        rate: maximum requests per second that are sent, ``None`` if unlimited.
    """

    at: str
    limit: float | None
    rate: float | None


class Refused(_Record, frozen=True, gc=False, tag="refused"):
    """The server answered 429; no request is sent for ``seconds``, until its limit resets."""

    at: str
    seconds: float


class Intent(_Record, frozen=True, gc=False, tag="intent"):
    """The operation's request is about to be sent; this record is durable before that."""

    key: str
    at: str


class Result(_Record, frozen=True, gc=False, tag="result"):
    """The result of an operation.

    Attributes:
        key: key of the operation, such as ``attach:ws-…``.
        outcome: all but in doubt are final. The next execution reads an operation in doubt again;
            ``--retry-failed`` retries failed and conflicting ones.
        ours: whether this job wrote the state that the server shows, so that an undo may revert it.
        id: id of the attachment that was written.
        kept: the state that the server kept, if it differs from the desired one.
        attempts: requests sent for the operation in this execution.
        reason: human-readable; empty if it simply succeeded.
        status: HTTP status of the last answer, 0 if there was none.
        request_id: that answer's ``X-Request-Id``, empty if it had none.
        counts: whether a failure counts against the failure tolerance.
    """

    key: str
    outcome: Outcome
    at: str
    ours: bool = False
    id: str = ""
    kept: Attributes | None = None
    attempts: int = 0
    reason: str = ""
    status: int = 0
    request_id: str = ""
    counts: bool = True


class Verified(_Record, frozen=True, gc=False, tag="verified"):
    """The result of a verification.

    Attributes:
        verified: number of operations whose desired state the server shows.
        differing: key → what the server shows instead, for the other operations.
        unreadable: number of operations whose state no server ever shows.
    """

    at: str
    verified: int
    differing: dict[str, str] = {}
    unreadable: int = 0


class WaveReached(_Record, frozen=True, gc=False, tag="wave"):
    """The progress of a wave; its last record counts.

    Attributes:
        number: the wave's number, starting at 1.
        start, end: its operations are those of the plan from ``start`` up to ``end``.
        reached: the last step that is finished.
        drifted: number of its finished operations that had drifted when it was verified; in a job
            of several steps, of targets with such operations and without failures.
        until: date of the end of the pause, empty if the job isn't pausing.
        held: why the job stopped after this wave (of ``states.Held``), empty if it didn't.
        status: the gate's exit status, ``None`` if the gate hasn't just run to its end.
        reason: human-readable reason of an inconclusive gate that has no exit status.
    """

    number: int
    start: int
    end: int
    reached: Reached
    at: str
    drifted: int = 0
    until: str = ""
    held: str = ""
    status: int | None = None
    reason: str = ""


class Rest(_Record, frozen=True, gc=False, tag="rest"):
    """No operation begins from here on, since no window of the job is open; or one is again.

    Attributes:
        until: date of the next opening; empty if a window has opened.
        local: the same with the offset of its time zone ``zone``: ``2026-11-30T08:00:00+01:00``.
    """

    at: str
    until: str = ""
    local: str = ""
    zone: str = ""


class Notified(_Record, frozen=True, gc=False, tag="notified"):
    """A notification of ``[notify]`` was delivered, or given up; it may follow the ``end``.

    Attributes:
        event: of ``Occasion``, or ``heartbeat`` if some were not delivered.
        receiver: the environment variable that names the receiver, never what is in it.
        attempts: number of times it was sent, or of heartbeats.
        reason: why it was not delivered, human-readable; empty if it was.
    """

    event: str
    receiver: str
    at: str
    attempts: int = 1
    reason: str = ""


class Ended(_Record, frozen=True, gc=False, tag="end"):
    """The end of an execution; one without this record was killed or is still running.

    Attributes:
        how: a value of ``How``, or ``SIGHUP``, ``SIGINT``, ``SIGTERM``.
        exceeded: the failure tolerance that was exceeded, ``None`` if none was.
    """

    at: str
    how: str
    exceeded: Exceeded | None = None


_Early: TypeAlias = Header | Planned | Skipped | Execution | Paced | Refused | Intent | Result
Record: TypeAlias = _Early | WaveReached | Verified | Rest | Notified | Ended

_encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode
"""Bytes of one line → record; raises ``msgspec.DecodeError`` if they are not one."""


def encode(record: msgspec.Struct) -> bytes:
    """Return a record as JSON in which terminal control characters are escaped."""
    return escaped(_encode(record).decode()).encode()
