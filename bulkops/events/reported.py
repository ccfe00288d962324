"""Events of a job's state: the report of an execution, and ``status``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import msgspec
from msgspec import Meta

from bulkops.errors import SIGNALS
from bulkops.events.executed import HeldOrEmpty
from bulkops.events.model import Counts, LocalTime, OfShard, Time, TimeOrEmpty
from bulkops.journal.states import How, Reached
from bulkops.operations.named_steps import NamedStep

if TYPE_CHECKING:
    from bulkops.report import model as reports

# Only for the schema: journals of later versions may have other values and are still reported.
ReachedOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Reached), ""]})]
End = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, How), *SIGNALS, ""]})]


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


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """Until when a job rests, since none of its windows is open.

    Attributes:
        at: time at which it began to rest.
        until: time at which the next window opens.
        local: the same in the time zone of that window, with its offset from UTC.
        zone: name of that time zone.
    """

    at: Time
    until: Time
    local: LocalTime
    zone: str


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
        rest: until when the job rests outside its windows, or could not begin an operation when it
            ended; null if a window was open.
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
    rest: Resting | None
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
