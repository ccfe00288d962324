"""What an execution prints while it goes on, and what it comes to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import msgspec
from msgspec import Meta

from bulkops.errors import SIGNALS
from bulkops.events.model import Action, Counts, Event, OfTarget, Time, TimeOrEmpty
from bulkops.journal.states import Held, How, Outcome, Reached

if TYPE_CHECKING:
    from bulkops.journal import records
    from bulkops.operations import model
    from bulkops.report import model as reports

# Said to readers only: a journal of a later version is still told.
HeldOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Held), ""]})]
ReachedOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Reached), ""]})]
End = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, How), *SIGNALS, ""]})]


class Result(OfTarget, frozen=True, kw_only=True, tag="result"):
    """What became of one operation.

    Attributes:
        key: the operation's, as its event `operation` has it.
        aspect: which of several things about the target is written; empty for a kind with one.
        action: what was to happen to it, as of its event `operation`.
        outcome: what became of it; in doubt is looked at again by the next execution.
        attempts: requests sent for it in this execution.
        reason: in words; empty where it simply succeeded.
        at: when that was known.
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
            **operation.target.said,
            key=result.key,
            aspect=operation.aspect,
            action=operation.verb,
            outcome=result.outcome,
            attempts=result.attempts,
            reason=result.reason,
            at=result.at,
        )


class Wave(Event, frozen=True, kw_only=True, tag="wave"):
    """A wave came further, or the job is held after it; not of a job in one wave without a gate.

    Attributes:
        number: the wave's, from 1.
        of: how many waves there are.
        operations: how many it has.
        reached: how far it came.
        drifted: of its finished operations, how many no longer stood when it was verified.
        until: when the pause after it ends; empty where there is none.
        held: why the job does not go on by itself; empty where it does.
        status: the gate's exit status; null where it did not just run to its end.
        reason: in words, why the gate was inconclusive where `status` does not say; else empty.
        at: when it came so far.
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
        """Return the event of a wave, one of ``of``."""
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


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """How far an execution has come; printed every few seconds while it goes on.

    Attributes:
        at: when this was so.
        done: operations of the journal that are finished, in whichever execution.
        of: operations of the journal.
        counts: outcome (and `pending`) → operations of the journal.
        in_flight: operations under way now.
        requests: requests sent in this execution, reads and retries included; null from `watch`,
            since no journal says it.
        retries: of those, the ones that were sent again; null from `watch`.
        rate: operations finished a second, of late.
        limit: requests a second that the server allows; null where it tells none.
        pause_seconds: seconds left of a pause that the server asked for; 0 for none.
        outage_seconds: seconds since the server answers nothing, and the job waits for it; 0 while
            it answers; null from `watch`.
        wave: the number of the wave it is in, from 1; null where there is none.
        waves: how many waves there are.
        seconds_left: an estimate of the seconds until all is done; null where there is none.
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
    """The wave in which an unfinished job stands.

    Attributes:
        number: the wave's, from 1.
        of: how many waves there are.
        first: its first operation, counted from 1 over the whole job.
        last: its last operation, counted likewise.
        reached: how far it came; empty where it has not begun.
        held: why the job does not go on by itself; empty where it does.
        until: when the pause after it ends; empty where there is none.
        status: the gate's exit status; null where it did not run to its end.
        reason: in words, why the gate was inconclusive where `status` does not say; else empty.
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
    """By what its failure tolerance stopped a job.

    Attributes:
        failures: counted since the start, or since the last `--continue` after such a stop.
        tolerated: how many of them are borne.
        of: operations of the job, or of the wave.
        wave: the number of the wave whose own tolerance it was; 0 for the whole run's.
    """

    failures: int
    tolerated: int
    of: int
    wave: int


class Facts(Event, frozen=True, kw_only=True):
    """What a journal comes to: a report without its rows.

    Attributes:
        run_id: names this run of the job; its journal has it.
        undo_of: run id of the journal that this one takes back; empty for a job's own.
        job: the job's name.
        kind: the kind of operation, as the job file has it.
        organization: the organization's name.
        address: the server's, a URL.
        task: the name of the run task it is about; empty for a kind without one.
        replaces: the name of the run task that is replaced; empty for a kind without one.
        created_at: when the journal was started.
        executions: how often the job was started, or started again.
        ended: how the last execution ended; empty where it was killed or still runs.
        saved_plan: true where it does what a saved plan says, and decides nothing anew.
        counts: outcome (and `pending`) → operations.
        skips: reason → targets skipped when it was planned.
        verified: operations that the server showed as wanted; null where it was not read.
        wave: the wave in which the job stands; null where there is but one, or all are done.
        drifted: operations that were done and that the server no longer showed as wanted.
        stopped: by what its failure tolerance stopped it: it waits for `--continue`; null where it
            does not.
        unreadable: operations of which no server shows anything.
        exit_code: what the last execution ended with; null where it was killed or still runs.
    """

    run_id: str
    undo_of: str
    job: str
    kind: str
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
    exit_code: int | None

    @classmethod
    def of(cls, report: reports.Report) -> Self:
        """Return the event of a report."""
        return msgspec.convert(report, cls, from_attributes=True)


class Report(Facts, frozen=True, kw_only=True, tag="report"):
    """What an execution came to; its last line."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The process that holds a journal: it runs the job, or is about to.

    Attributes:
        host: the name of its machine.
        pid: its number there.
        since: when it took the journal.
    """

    host: str
    pid: int
    since: Time


class Status(Facts, frozen=True, kw_only=True, tag="status"):
    """Where a journal's job stands.

    Attributes:
        running: the process that holds the journal, such as `apply`; null if none does as far as
            this machine can tell.
    """

    running: Running | None
