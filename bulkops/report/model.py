"""A journal's replay → the value from which every report is printed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.errors import SIGNALS, ExitCode
from bulkops.job.rollout import Wave
from bulkops.journal.progress import Progress
from bulkops.journal.records import Holder, Notified, Rest
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED, TROUBLE, Exceeded, How, Outcome
from bulkops.operations import wording
from bulkops.operations.model import Skip
from bulkops.operations.named_steps import NamedStep, tasks_of
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.report.current_wave import (
    CurrentWave,
    Running,
    current_wave,
    is_over,
    resting,
    rollout_of,
)
from bulkops.report.timeline import NO_MOMENT, Timeline

PENDING = "pending"
"""In place of an outcome: the operation has not started."""

BLOCKED = "blocked"
"""In place of an outcome: the job wants a change that is not possible."""

_ENDS: dict[str, ExitCode] = {
    **SIGNALS,
    How.ERROR: ExitCode.ERROR,
    How.TOLERANCE: ExitCode.STOPPED,
    How.GATE: ExitCode.STOPPED,
    How.GONE: ExitCode.PLAN_STALE,
}


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """A row's target (``Target.fields``), with the run task of its step; the others are unset."""

    workspace: str | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    project: str | UnsetType = UNSET
    task: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET

    @property
    def name(self) -> str:
        """The target's name."""
        return str(self.workspace or self.task)


class Row(Of, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        aspect: the aspect that it writes; empty for a kind with only one.
        action: attach, update, detach, enable, … (``Kind.verb``).
        change: the change, human-readable: ``advisory at post_plan → mandatory at post_plan``.
        outcome: of ``Outcome``, or ``pending``.
        shows: the state that the server showed instead when it was last read; else empty.
        status: HTTP status of the last answer; 0 if there was none.
        request_id: id of that request; only of an operation in trouble (the journal has all).
        at: time of the outcome, RFC 3339; empty if it is pending, or in a report that
            ``apply_plan`` returned (``read_report`` has it).
        seconds: time from its intent to the outcome, including waits and retries; ``None`` if
            nothing was sent for it in that execution, or if ``at`` is empty.
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
        """Whether it needs attention: it was not done, or it has drifted."""
        return self.outcome in TROUBLE or bool(self.shows)


class SkippedRow(Of, frozen=True, kw_only=True):
    """One target without an operation, skipped when planned."""

    reason: str
    blocked: bool


S = TypeVar("S")
T = TypeVar("T")


class Rows(Generic[S, T]):
    """Rows that are created at each iteration, so that a million take no memory.

    Args:
        of: source of the rows.
        row: creates a row.
    """

    def __init__(self, of: Collection[S], row: Callable[[S], T]) -> None:
        self._of = of
        self._row = row

    def __iter__(self) -> Iterator[T]:
        return map(self._row, self._of)

    def __len__(self) -> int:
        return len(self._of)

    def part(self, start: int, end: int) -> Iterator[T]:
        """Yield the rows from ``start`` (counted from 0) up to, but not including, ``end``."""
        return map(self._row, islice(self._of, start, end))


class Report(msgspec.Struct, frozen=True):
    """The facts of all report formats.

    Attributes:
        undo_of: run id of the journal that this run reverts; empty if it is not an undo.
        replaces: the run task that ``task`` replaces; empty for a kind without one.
        steps: each kind with its run tasks; of several steps, ``task`` and ``replaces`` are empty.
        created_at: time at which the journal was created, RFC 3339.
        executions: number of executions.
        ended: how the last execution ended (``complete``, ``SIGINT``, …); empty if it hasn't.
        saved_plan: whether it applies a saved plan and makes no decisions of its own.
        counts: outcome (or ``pending``) → number of operations.
        skips: reason → number of targets skipped when planned.
        verified: number of operations whose desired state was shown; ``None`` if not read again.
        wave: the current wave; ``None`` if there is only one, or if all are done.
        rest: until when none of its windows is open; ``None`` unless it rests or ended so.
        drifted: number of operations that were done but had drifted when they were read again.
        stopped: the failure tolerance that stopped the job until ``--continue``, ``None`` for none.
        unreadable: number of operations whose result can't be read back from any server.
        notifications: those of the last execution, delivered or not.
        exit_code: exit code of the last execution; ``None`` if it was killed or is still running.
        rows: operations, in order.
        skipped: targets skipped when planned.
        waves: all waves of the rollout; a single one if it has no waves.
        timeline: dates and durations; ``None`` if the journal was not read for them.
        running: process that holds the journal; ``None`` if none does, or after ``apply_plan``.
        killed: whether the last execution certainly was killed; False if it may still be running.
        next_steps: commands to run next, one sentence each; empty if the path is unknown.
    """

    run_id: str
    undo_of: str
    job: str
    kind: str
    organization: str
    address: str
    task: str
    replaces: str
    steps: tuple[NamedStep, ...]
    created_at: str
    executions: int
    ended: str
    saved_plan: bool
    counts: dict[str, int]
    skips: dict[str, int]
    verified: int | None
    wave: CurrentWave | None
    rest: Rest | None
    drifted: int
    stopped: Exceeded | None
    unreadable: int
    notifications: Sequence[Notified]
    exit_code: ExitCode | None
    rows: Rows[Progress, Row]
    skipped: Rows[Skip, SkippedRow]
    waves: list[Wave]
    timeline: Timeline | None = None
    running: Running | None = None
    killed: bool = False
    next_steps: Sequence[str] = ()

    @property
    def operations(self) -> int:
        """Number of planned operations."""
        return len(self.rows)


def report(
    replay: Replay,
    timeline: Timeline | None = None,
    holder: Holder | None = None,
    *,
    killed: bool = False,
) -> Report:
    """Return the report of a journal, finished or not.

    Args:
        timeline: the timeline of all its records; ``None`` for a report without dates.
        holder: the process that holds the journal; ``None`` if none does.
        killed: see ``Report.killed``.
    """
    header, verified = replay.header, replay.verified
    differing = verified.differing if verified else {}
    progress = replay.operations.values()
    return Report(
        run_id=header.run_id,
        undo_of=header.undo_of,
        job=str(header.job.get("name")),
        kind=wording.joined(step.kind for step in replay.steps),
        organization=header.organization,
        address=header.address,
        task=header.task.name if header.task else "",
        replaces=header.replaces.name if header.replaces else "",
        steps=replay.steps,
        created_at=header.created_at,
        executions=len(replay.executions),
        ended=replay.ended.how if replay.ended else "",
        saved_plan=bool(header.plan),
        counts=dict(Counter(map(_outcome, progress))),
        skips=dict(Counter(skip.reason for skip in replay.skips)),
        verified=verified.verified if verified else None,
        wave=current_wave(replay),
        rest=None if killed else resting(replay),
        drifted=replay.drifted,
        stopped=None if is_over(replay) else stopped_by_tolerance(replay, rollout_of(replay)),
        unreadable=verified.unreadable if verified else 0,
        notifications=replay.notified,
        exit_code=exit_code(replay) if replay.ended else None,
        rows=Rows(progress, partial(_row, tasks_of(replay.steps), differing, timeline)),
        skipped=Rows(replay.skips, _skipped_row),
        waves=replay.waves_of(rollout_of(replay)),
        timeline=timeline,
        running=Running(holder.host, holder.pid, holder.started_at) if holder else None,
        killed=killed,
    )


def exit_code(replay: Replay) -> ExitCode:
    """Return the exit code of the command that brought the job to its current state.

    The first one that applies: a signal's, an error's, stopped by the tolerance or a gate, in
    doubt, paused, unfulfilled (failed, in conflict, blocked or drifted), else done.
    """
    how = replay.ended.how if replay.ended else ""
    if how in _ENDS:
        return _ENDS[how]
    if replay.count(Outcome.IN_DOUBT):
        return ExitCode.IN_DOUBT
    if how in (How.PAUSED, How.WINDOW):
        return ExitCode.PAUSED
    blocked = any(skip.blocked for skip in replay.skips)
    differing = replay.verified and replay.verified.differing
    unfulfilled = replay.count(*RETRIED) or blocked or differing
    return ExitCode.UNFULFILLED if unfulfilled else ExitCode.DONE


def _outcome(progress: Progress) -> str:
    return progress.outcome.value if progress.outcome else PENDING


def _skipped_row(skip: Skip) -> SkippedRow:
    return SkippedRow(**skip.target.fields, reason=skip.reason, blocked=skip.blocked)


def _row(
    tasks: Mapping[str, dict[str, str]],
    differing: dict[str, str],
    timeline: Timeline | None,
    progress: Progress,
) -> Row:
    operation, result = progress.operation, progress.result
    moment = timeline.of(operation.key) if timeline and result else NO_MOMENT
    return Row(
        key=operation.key,
        **{**operation.target.fields, **tasks.get(operation.aspect, {})},
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
