"""What a journal's lines say: one type a line, told apart by ``"type"``. Pure.

In this order: one header; the planned operations and skips; then, as they happen, executions,
waves, intents, results, verifications. Dates are RFC 3339 in UTC and only for people: order is
``seq``.
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
"""Of the journals that are written; ``bulkops.journal.formats`` has those that are read."""


class Holder(msgspec.Struct, frozen=True):
    """Who runs a job: never a token, never a key."""

    user: str
    host: str
    pid: int
    started_at: str


# gc=False: see bulkops.api.messages.
class _Record(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    pass


class Header(_Record, frozen=True, gc=False, tag="header"):
    """The first line: which job, where, by whom.

    Attributes:
        job: the job file's meaning, as ``bulkops.job.job`` reads it back.
        digest: of the job, saved plan or undo it carries out, see ``Identity``; nothing else
            goes on with this journal.
        task: the run task its operations are about, ``None`` for a kind without one.
        single_stage: the server knows only ``stage``.
        operations: how many were planned.
        undo_of: run id of the journal this one takes back, empty for a job's own.
        plan: SHA-256 of the saved plan it carries out, empty for none.
        replaces: the run task that ``task`` replaces, ``None`` for a kind without one.
        others: run tasks that other fields name, by the field.
        folder: of the job file, absolute, where the job's gate runs; empty for none.
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
        """What the job was bound to."""
        return Resolved(
            organization=self.organization,
            task=self.task,
            replaces=self.replaces,
            others=self.others,
            single_stage=self.single_stage,
        )


class Planned(_Record, frozen=True, gc=False, tag="operation"):
    """One operation; a later line with the same key replaces it (``--retry-failed``)."""

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

    @property
    def said(self) -> str:
        """What it does in one word; of a journal that does not say it, as 0.1 knew it."""
        if self.verb:
            return self.verb
        before = self.before.attributes if self.before else {}
        attachment = "enforcement-level" in {**before, **(self.desired or {})}
        if self.before is None:
            return "attach" if attachment else "create"
        if self.desired is None:
            return "detach" if attachment else "delete"
        if "hmac-key-sha256" in self.desired:
            return "rotate"
        if list(self.desired) == ["enabled"]:
            return "enable" if self.desired["enabled"] else "disable"
        return "update"


class Skipped(_Record, frozen=True, gc=False, tag="skip"):
    """One selected target on which nothing was to be done."""

    target: Target
    reason: str
    blocked: bool = False

    @classmethod
    def of(cls, skip: Skip) -> Skipped:
        """Return the record of a skip."""
        return cls(skip.target, skip.reason, skip.blocked)


class Execution(_Record, frozen=True, gc=False, tag="execution"):
    """The job was started, or started again.

    Attributes:
        continued: past a stop by the failure tolerance: failures are counted anew from here.
    """

    by: Holder
    bulkops: str
    continued: bool = False


class Paced(_Record, frozen=True, gc=False, tag="paced"):
    """The server was asked for its limit; everything sent from here on keeps it.

    Attributes:
        limit: requests a second that the server allows, ``None`` where it tells none.
        rate: requests a second that are sent at most, ``None`` where nothing limits them.
    """

    at: str
    limit: float | None
    rate: float | None


class Refused(_Record, frozen=True, gc=False, tag="refused"):
    """The server answered 429, and everything that would be sent waits.

    Attributes:
        seconds: until it counts anew, as it said.
    """

    at: str
    seconds: float


class Intent(_Record, frozen=True, gc=False, tag="intent"):
    """The operation's request is about to be sent; durable before it is."""

    key: str
    at: str


class Result(_Record, frozen=True, gc=False, tag="result"):
    """What became of an operation.

    Attributes:
        outcome: in doubt is looked at again by the next execution; all others are final
            (``--retry-failed`` takes failed and conflict up again).
        ours: the state the server shows is of our making, so undo may take it back.
        id: of the attachment written.
        kept: what the server made of the write where that is not what was wanted.
        attempts: requests sent for it in this execution.
        reason: in words, where it did not simply succeed.
        counts: it counts against the failure tolerance, where its outcome is one that does.
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
    """The organization was read again.

    Attributes:
        verified: operations that the server shows as wanted.
        differing: key → what it shows instead, for those done that it doesn't.
        unreadable: operations of which no server shows anything.
    """

    at: str
    verified: int
    differing: dict[str, str] = {}
    unreadable: int = 0


class WaveReached(_Record, frozen=True, gc=False, tag="wave"):
    """How far a wave came; the last such line of a wave counts.

    Attributes:
        number: from 1.
        start, end: its operations are those of the plan from ``start`` up to ``end``.
        drifted: of its finished operations, how many no longer stood when it was verified.
        until: the date to which the job rests, where it does.
        held: why the job does not go on: of ``bulkops.journal.states.Held``, else empty.
        status: the gate's exit status, ``None`` where it did not just run to its end.
        reason: in words, why the gate was inconclusive where its exit status does not say.
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


class Ended(_Record, frozen=True, gc=False, tag="end"):
    """An execution ended by itself; one without this record was killed, or still runs.

    Attributes:
        how: of ``How``, or ``SIGHUP``, ``SIGINT``, ``SIGTERM``.
        exceeded: by what the failure tolerance stopped the job, whatever came after that.
    """

    at: str
    how: str
    exceeded: Exceeded | None = None


Record: TypeAlias = (
    Header
    | Planned
    | Skipped
    | Execution
    | Paced
    | Refused
    | Intent
    | Result
    | WaveReached
    | Verified
    | Ended
)

_encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode
"""Bytes of one line → record; raises ``msgspec.DecodeError`` for what is none."""


def encode(record: msgspec.Struct) -> bytes:
    """Return a record as JSON in which whatever a terminal would obey is spelled."""
    return escaped(_encode(record).decode()).encode()
