"""Events of an execution: its progress and its result. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import msgspec
from msgspec import Meta

from bulkops.errors import SIGNALS
from bulkops.events.model import Action, Counts, OfShard, OfTarget, Time, TimeOrEmpty
from bulkops.journal.states import Held, How, Outcome, Reached
from bulkops.operations.named_steps import NamedStep

if TYPE_CHECKING:
    from bulkops.journal import records
    from bulkops.operations import model
    from bulkops.report import model as reports

# Only for the schema: journals of later versions may have other values and are still reported.
HeldOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Held), ""]})]
ReachedOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Reached), ""]})]
End = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, How), *SIGNALS, ""]})]


class Result(OfTarget, frozen=True, kw_only=True, tag="result"):
    """The result of one operation.

    Attributes:
        key: the operation's key (see `operation`).
        aspect: the aspect that is written (see `operation`).
        action: the action of the operation (see `operation`).
        outcome: the outcome; the next execution checks an operation in doubt again.
        attempts: number of requests sent for it in this execution.
        reason: the reason for the outcome, human-readable; empty if it simply succeeded.
        at: time at which the outcome was known.
    """

    key: str
    aspect: str
    action: Action
    outcome: Outcome
    attempts: int
    reason: str
    at: Time

    @classmethod
    def of(cls, operation: model.Operation, result: records.Result) -> Result:
        """Return the event of an operation's result."""
        return cls(
            **operation.target.fields,
            key=result.key,
            aspect=operation.aspect,
            action=operation.verb,
            outcome=result.outcome,
            attempts=result.attempts,
            reason=result.reason,
            at=result.at,
        )


class Wave(OfShard, frozen=True, kw_only=True, tag="wave"):
    """A wave's progress; not printed for a job with a single wave and no gate.

    Attributes:
        number: the wave's number, starting at 1.
        of: number of waves.
        operations: number of operations in the wave.
        reached: the step that the wave has reached.
        drifted: number of its finished operations that had drifted when it was verified; in a job
            of several steps, of workspaces with such operations.
        until: end of the pause after the wave; empty if there is no pause.
        held: what keeps the job from continuing by itself; empty if nothing does.
        status: the gate's exit status; null unless the gate has just ended.
        reason: why the gate was inconclusive, human-readable, if `status` does not show it; else
            empty.
        at: time at which the wave reached this step.
    """

    number: int
    of: int
    operations: int
    reached: Reached
    drifted: int
    until: TimeOrEmpty
    held: HeldOrEmpty
    status: int | None
    reason: str
    at: Time

    @classmethod
    def reached_by(cls, wave: records.WaveReached, of: int) -> Wave:
        """Return the event of a wave; ``of``: number of waves."""
        return cls(
            number=wave.number,
            of=of,
            operations=wave.end - wave.start,
            reached=wave.reached,
            drifted=wave.drifted,
            until=wave.until,
            held=wave.held,
            status=wave.status,
            reason=wave.reason,
            at=wave.at,
        )


class Progress(OfShard, frozen=True, kw_only=True, tag="progress"):
    """The progress of an execution; printed every few seconds.

    Attributes:
        at: time of these values.
        done: number of finished operations, over all executions of the journal.
        of: number of operations in the journal.
        counts: outcome (or `pending`) → number of operations in the journal.
        in_flight: number of operations in flight.
        requests: number of requests sent in this execution, including reads and retries; null
            from `watch`: no journal records it.
        retries: number of those requests that were retries; null from `watch`.
        rate: recently finished operations per second.
        limit: requests per second that the server allows; null if the server reports no limit.
        pause_seconds: seconds left of a pause that the server requested; 0 for none.
        outage_seconds: seconds for which the job has been waiting for a server that does not
            answer; 0 while it answers; null from `watch`.
        wave: number of the current wave, starting at 1; null if there is none.
        waves: number of waves.
        seconds_left: estimated seconds until all operations are finished; null if unknown.
    """

    at: Time
    done: int
    of: int
    counts: Counts
    in_flight: int
    requests: int | None
    retries: int | None
    rate: float
    limit: float | None
    pause_seconds: float
    outage_seconds: float | None
    wave: int | None
    waves: int
    seconds_left: float | None


class CurrentWave(msgspec.Struct, frozen=True, kw_only=True):
    """The current wave of an unfinished job.

    Attributes:
        number: the wave's number, starting at 1.
        of: number of waves.
        first: its first operation, counted from 1 over the whole job.
        last: its last operation, counted from 1 over the whole job.
        reached: the step that the wave has reached; empty if it has not started.
        held: what keeps the job from continuing by itself; empty if nothing does.
        until: end of the pause after the wave; empty if there is no pause.
        status: the gate's exit status; null if the gate has not ended.
        reason: why the gate was inconclusive, human-readable, if `status` does not show it; else
            empty.
    """

    number: int
    of: int
    first: int
    last: int
    reached: ReachedOrEmpty
    held: HeldOrEmpty
    until: TimeOrEmpty
    status: int | None
    reason: str


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The failure tolerance that stopped a job.

    Attributes:
        failures: number of failures since the start, or since the last `--continue` after such a
            stop.
        tolerated: number of failures that are tolerated.
        of: number of operations in the job, or in the wave; in a job of several steps, of
            workspaces.
        wave: number of the wave whose own tolerance was exceeded; 0 for the whole job's.
    """

    failures: int
    tolerated: int
    of: int
    wave: int


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification of `[notify]`.

    Attributes:
        event: what it tells: `started`, `paused`, `stopped`, `finished`; or `heartbeat`, if some of
            the heartbeats were not delivered.
        receiver: the environment variable that names its receiver.
        at: time at which it was delivered or given up.
        attempts: number of times it was sent; of a `heartbeat`, number of heartbeats.
        reason: why it was not delivered, human-readable; empty if it was.
    """

    event: str
    receiver: str
    at: Time
    attempts: int
    reason: str


class Facts(OfShard, frozen=True, kw_only=True):
    """A report without its rows.

    Attributes:
        run_id: id of this run of the job, from its journal.
        undo_of: run id of the journal that this run reverts; empty if it is not an undo.
        job: the job's name.
        kind: the kind of operation, as in the job file; of several steps, joined by `+`.
        steps: the job's `[operation]` tables, in order.
        organization: the organization's name.
        address: the server's URL.
        task: the run task's name; empty for a kind without one, and for several steps.
        replaces: name of the run task that is replaced; empty for a kind without one.
        created_at: time at which the journal was created.
        executions: number of executions.
        ended: how the last execution ended; empty if it was killed or is still running.
        saved_plan: whether it applies a saved plan and makes no decisions of its own.
        counts: outcome (or `pending`) → number of operations.
        skips: reason → number of targets skipped when planned.
        verified: number of operations whose desired state the server showed; null if it was not
            read again.
        wave: the current wave; null if there is only one, or if all are done.
        drifted: number of operations that were done but had drifted when they were read again.
        stopped: the failure tolerance that stopped the job, which needs `--continue` to resume;
            null if it was not stopped by one.
        unreadable: number of operations whose result can't be read back from any server.
        notifications: the notifications of the last execution, delivered or not.
        exit_code: exit code of the last execution; null if it was killed or is still running.
    """

    run_id: str
    undo_of: str
    job: str
    kind: str
    steps: tuple[NamedStep, ...]
    organization: str
    address: str
    task: str
    replaces: str
    created_at: Time
    executions: int
    ended: End
    saved_plan: bool
    counts: Counts
    skips: dict[str, int]
    verified: int | None
    wave: CurrentWave | None
    drifted: int
    stopped: Stopped | None
    unreadable: int
    notifications: tuple[Notification, ...]
    exit_code: int | None

    @classmethod
    def of(cls, report: reports.Report) -> Self:
        """Return the event of a report."""
        return msgspec.convert(report, cls, from_attributes=True)


class Report(Facts, frozen=True, kw_only=True, tag="report"):
    """The result of an execution; its last line."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The process that holds a journal: it runs the job, or is about to.

    Attributes:
        host: name of its machine.
        pid: its process id there.
        since: time at which it locked the journal.
    """

    host: str
    pid: int
    since: Time


class Status(Facts, frozen=True, kw_only=True, tag="status"):
    """The state of a journal's job.

    Attributes:
        running: the process that holds the journal, for example `apply`; null if this machine
            sees none.
        killed: whether the last execution certainly was killed; false if it may still be running.
    """

    running: Running | None
    killed: bool
