"""A journal's replay → the one value every report is printed from. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.errors import SIGNALS, ExitCode
from bulkops.job.rollout import Wave
from bulkops.journal.progress import Progress
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED, TROUBLE, Exceeded, How, Outcome
from bulkops.operations import wording
from bulkops.operations.model import Skip
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.report.current_wave import CurrentWave, current_wave, is_over, rollout_of
from bulkops.report.timeline import NO_MOMENT, Timeline

PENDING = "pending"
"""An operation not taken up yet, where an outcome would stand."""

BLOCKED = "blocked"
"""A skip by which the job's wish stays unfulfilled, where an outcome would stand."""

_ENDS: dict[str, ExitCode] = {
    **SIGNALS,
    How.ERROR: ExitCode.ERROR,
    How.TOLERANCE: ExitCode.STOPPED,
    How.GATE: ExitCode.STOPPED,
    How.GONE: ExitCode.PLAN_STALE,
}


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """The target a row is of: a workspace or a run task; the other's fields are left out."""

    workspace: str | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    task: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET

    @property
    def name(self) -> str:
        """The target's name."""
        return str(self.workspace or self.task)


class Row(Of, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        aspect: which of its kind's aspects it writes, empty for a kind with one.
        action: attach, update, detach, enable, …: of ``Kind.verb``.
        change: in words: ``advisory at post_plan → mandatory at post_plan``.
        outcome: of ``Outcome``, or ``pending``.
        shows: what the server showed instead when it was last read, empty where it stood.
        status: HTTP status of the last answer, 0 where there was none.
        request_id: of that answer, for the server's support; only where the operation is in
            trouble (the journal has all).
        at: when it came to this outcome, RFC 3339; empty where it is pending, or the report is
            one that ``apply_plan`` returned (``read_report`` says it).
        seconds: from its intent to there, waiting and retries included; ``None`` where nothing
            was sent for it in that execution, or ``at`` is empty.
    """

    key: str
    action: str
    change: str
    outcome: str
    aspect: str = ""
    attempts: int = 0
    reason: str = ""
    shows: str = ""
    status: int = 0
    request_id: str = ""
    at: str = ""
    seconds: float | None = None

    @property
    def troubled(self) -> bool:
        """Whether somebody has to look at it: it was not done, or has drifted since."""
        return self.outcome in TROUBLE or bool(self.shows)


class SkippedRow(Of, frozen=True, kw_only=True):
    """One target on which nothing was to be done."""

    reason: str
    blocked: bool


S = TypeVar("S")
T = TypeVar("T")


class Rows(Generic[S, T]):
    """Rows, made anew each time they are gone through: of a million, none is kept.

    Args:
        of: what there is a row of.
        row: makes it.
    """

    def __init__(self, of: Collection[S], row: Callable[[S], T]) -> None:
        self._of = of
        self._row = row

    def __iter__(self) -> Iterator[T]:
        return map(self._row, self._of)

    def __len__(self) -> int:
        return len(self._of)

    def part(self, start: int, end: int) -> Iterator[T]:
        """Yield those from ``start``, counted from 0, up to ``end``."""
        return map(self._row, islice(self._of, start, end))


class Running(msgspec.Struct, frozen=True):
    """The process that holds a journal at this moment.

    Attributes:
        since: RFC 3339.
    """

    host: str
    pid: int
    since: str


class Report(msgspec.Struct, frozen=True):
    """Everything a report can say.

    Attributes:
        undo_of: run id of the journal this one takes back, empty for a job's own.
        replaces: the run task that ``task`` replaces, empty for a kind without one.
        ended: how the last execution ended: ``complete``, ``paused``, ``SIGINT``, …; empty
            where it was killed or still runs.
        wave: in which the job stands; ``None`` where there is but one, or all are done.
        stopped: by what the failure tolerance holds it until ``--continue``; ``None`` where it
            does not.
        saved_plan: it does what a saved plan says, and decides nothing anew.
        counts: outcome (and ``pending``) → operations.
        verified: operations the server showed as wanted, ``None`` where it wasn't read.
        drifted: operations that were done and that the server no longer showed as wanted.
        unreadable: operations of which no server shows anything.
        exit_code: what the last execution ended with; ``None`` where it was killed or still runs.
        waves: all waves of the rollout; one where it has none.
        timeline: when all that happened; ``None`` where the journal was not read for it.
        running: the process that holds the journal; ``None`` if none does, or the report is one
            that ``apply_plan`` returned.
        next_steps: what to run next, a sentence each; empty unless whoever knows the journal's
            place said so.
    """

    run_id: str
    undo_of: str
    job: str
    kind: str
    organization: str
    address: str
    task: str
    replaces: str
    created_at: str
    executions: int
    ended: str
    saved_plan: bool
    counts: dict[str, int]
    skips: dict[str, int]
    verified: int | None
    wave: CurrentWave | None
    drifted: int
    stopped: Exceeded | None
    unreadable: int
    exit_code: ExitCode | None
    rows: Rows[Progress, Row]
    skipped: Rows[Skip, SkippedRow]
    waves: list[Wave]
    timeline: Timeline | None = None
    running: Running | None = None
    next_steps: Sequence[str] = ()

    @property
    def operations(self) -> int:
        """How many operations were planned."""
        return len(self.rows)


def report(
    replay: Replay, timeline: Timeline | None = None, holder: Holder | None = None
) -> Report:
    """Return the report of a journal, finished or not.

    Args:
        timeline: of all its records.
        holder: of the journal at this moment.
    """
    header, verified = replay.header, replay.verified
    differing = verified.differing if verified else {}
    progress = replay.operations.values()
    operation = header.job.get("operation")
    return Report(
        run_id=header.run_id,
        undo_of=header.undo_of,
        job=str(header.job.get("name")),
        kind=str(operation.get("kind")) if isinstance(operation, dict) else "",
        organization=header.organization,
        address=header.address,
        task=header.task.name if header.task else "",
        replaces=header.replaces.name if header.replaces else "",
        created_at=header.created_at,
        executions=len(replay.executions),
        ended=replay.ended.how if replay.ended else "",
        saved_plan=bool(header.plan),
        counts=dict(Counter(map(_outcome, progress))),
        skips=dict(Counter(skip.reason for skip in replay.skips)),
        verified=verified.verified if verified else None,
        wave=current_wave(replay),
        drifted=replay.drifted,
        stopped=None if is_over(replay) else stopped_by_tolerance(replay, rollout_of(replay)),
        unreadable=verified.unreadable if verified else 0,
        exit_code=exit_code(replay) if replay.ended else None,
        rows=Rows(progress, partial(_row, differing, timeline)),
        skipped=Rows(replay.skips, _skipped_row),
        waves=rollout_of(replay).steps(len(replay.operations)),
        timeline=timeline,
        running=Running(holder.host, holder.pid, holder.started_at) if holder else None,
    )


def exit_code(replay: Replay) -> ExitCode:
    """Return what a command ends with that brought the job to where it stands.

    The first that holds: a signal's, an error, stopped by the tolerance or a gate, in doubt,
    paused, unfulfilled (failed, in conflict, blocked or no longer as wanted), else done.
    """
    how = replay.ended.how if replay.ended else ""
    if how in _ENDS:
        return _ENDS[how]
    if replay.count(Outcome.IN_DOUBT):
        return ExitCode.IN_DOUBT
    if how == How.PAUSED:
        return ExitCode.PAUSED
    undone = replay.count(*RETRIED)
    blocked = any(skip.blocked for skip in replay.skips)
    differing = replay.verified and replay.verified.differing
    unfulfilled = undone or blocked or differing
    return ExitCode.UNFULFILLED if unfulfilled else ExitCode.DONE


def _outcome(progress: Progress) -> str:
    return progress.outcome.value if progress.outcome else PENDING


def _skipped_row(skip: Skip) -> SkippedRow:
    return SkippedRow(**skip.target.said, reason=skip.reason, blocked=skip.blocked)


def _row(differing: dict[str, str], timeline: Timeline | None, progress: Progress) -> Row:
    operation, result = progress.operation, progress.result
    moment = timeline.of(operation.key) if timeline and result else NO_MOMENT
    return Row(
        key=operation.key,
        **operation.target.said,
        action=operation.verb,
        change=wording.change(operation),
        outcome=_outcome(progress),
        aspect=operation.aspect,
        attempts=result.attempts if result else 0,
        reason=result.reason if result else "",
        shows=differing.get(operation.key, ""),
        status=result.status if result else 0,
        request_id=result.request_id if result else "",
        at=moment.at,
        seconds=moment.seconds,
    )
