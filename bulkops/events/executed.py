"""Events of an execution: its results, and how far it is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bulkops.events.model import (
    Action,
    Counts,
    LocalTimeOrEmpty,
    OfShard,
    OfTarget,
    Time,
    TimeOrEmpty,
)
from bulkops.journal.states import Held, Outcome, Reached

if TYPE_CHECKING:
    from bulkops.journal import records
    from bulkops.operations import model

# Only for the schema: journals of later versions may have other values and are still reported.
HeldOrEmpty = Annotated[str, Meta(extra_json_schema={"enum": [*map(str, Held), ""]})]


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
        drifted: number of its finished operations that had drifted when it was verified.
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


class Rest(OfShard, frozen=True, kw_only=True, tag="rest"):
    """The job rests, since none of its windows is open; or, with an empty `until`, one has opened.

    Attributes:
        until: time at which the next window opens; empty if one has opened.
        local: the same in the time zone of that window, with its offset from UTC; empty if one has
            opened.
        zone: name of that time zone; empty if one has opened.
        at: time at which it began to rest, or at which the window opened.
    """

    until: TimeOrEmpty
    local: LocalTimeOrEmpty
    zone: str
    at: Time

    @classmethod
    def of(cls, rest: records.Rest) -> Rest:
        """Return the event of a rest."""
        return cls(until=rest.until, local=rest.local, zone=rest.zone, at=rest.at)


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
