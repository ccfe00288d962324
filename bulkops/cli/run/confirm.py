"""What somebody is shown, and asked, before anything is changed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from click.exceptions import Exit

from bulkops.cli.options import Asked
from bulkops.cli.output.plan_objects import print_objects
from bulkops.cli.output.plan_text import (
    blocked_lines,
    headline,
    lines,
    note_lines,
    painter,
    summary,
    time_lines,
    width_of,
)
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.cli.output.step_summary import append_plan
from bulkops.cli.output.waves import gate_lines, plan_lines
from bulkops.cli.session import can_ask, confirm, only_reading
from bulkops.errors import ExitCode, JobError
from bulkops.job.job import Job
from bulkops.journal.reader import Contents
from bulkops.journal.records import WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE, RETRIED, Held, Outcome, Reached
from bulkops.operations import kind_named
from bulkops.operations.model import TaskRef
from bulkops.plan.model import Plan
from bulkops.plan.unfinished_jobs import Unfinished
from bulkops.runner.gate import check_gate_to_resume
from bulkops.text import counted


def confirm_plan(plan: Plan, address: str, asked: Asked, first: Sequence[Unfinished] = ()) -> None:
    """Show a plan and have somebody say yes; ends the command where there is nothing to do.

    Args:
        first: unfinished jobs that the plan contradicts.

    Raises:
        JobError: nobody can be asked, and what was said is not enough.
    """
    if asked.json:
        with heard_or_not():
            print_objects(plan)
    # Unless somebody is asked, each operation is told soon enough, as a result on stdout.
    shown = lines(plan, width_of(sys.stderr))
    if asked.yes or asked.confirm or asked.json or not plan.operations:
        rest = (*plan_lines(plan), *time_lines(plan), *note_lines(plan))
        shown = [headline(plan), *blocked_lines(plan), *rest, summary(plan)]
    note(*shown, paint=painter(sys.stderr))
    if not plan.operations:
        append_plan(plan, ())
        note("Nothing can be done about what is blocked." if plan.blocked else "Nothing to do.")
        raise Exit(ExitCode.UNFULFILLED if plan.blocked else ExitCode.DONE)
    if first and not asked.despite_unfinished and (_said_yes(asked) or not can_ask()):
        raise _not_first(first[0].path)
    what = counted(len(plan.operations), "operation")
    question = f"Carry out {what} in {plan.job.organization} ({address})?"
    # A saved plan was looked at.
    destructive = _is_destructive(plan.job, plan.undo_of) and not plan.saved
    _have_said(question, plan.job, plan.resolved.task, asked, destructive=destructive)


def _have_said(
    question: str, job: Job, task: TaskRef | None, asked: Asked, *, destructive: bool
) -> None:
    """Have somebody say yes or, of what destroys, the run task's name.

    Raises:
        JobError: it was not said, and there is no terminal to ask on.
    """
    said = _confirmed(asked, task)
    if not destructive:
        confirm(question, yes=asked.yes or said)
        return
    name = task.name if task else job.organization
    option = f"--confirm {shlex.quote(name)}"
    if asked.yes and not said:
        raise JobError(
            f"nothing was changed: --yes is not enough to {job.operation_kind}, say {option}"
        )
    confirm(question, yes=said, answer=name, option=option)


def _is_destructive(job: Job, undo_of: str) -> bool:
    """Return whether a yes is not enough; an undo gives back."""
    return kind_named(job.operation_kind).destructive and not undo_of


def _not_first(unfinished: Path) -> JobError:
    named = shlex.quote(str(unfinished))
    return JobError(
        f"nothing was changed: {unfinished} is not finished and comes first: finish it with "
        f"`bulkops resume {named}`, take it back with `bulkops undo {named}`, or say "
        "--despite-unfinished"
    )


def _said_yes(asked: Asked) -> bool:
    return asked.yes or asked.confirm is not None


def _confirmed(asked: Asked, task: TaskRef | None) -> bool:
    """Return whether ``--confirm`` was given, and rightly.

    Raises:
        JobError: it names another run task.
    """
    if asked.confirm is None:
        return False
    about = f"run task {task.name}" if task else "no run task"
    if task is None or asked.confirm != task.name:
        raise JobError(f"nothing was changed: --confirm {asked.confirm}: this job is about {about}")
    return True


def confirm_going_on(
    contents: Contents, path: Path, asked: Asked, job: Job, *, looked_at: bool = False
) -> None:
    """Say what is left of a journal's job, and have somebody say yes to it.

    Args:
        job: whose rollout holds.
        looked_at: it carries out a saved plan, and it is that plan that was given.

    Raises:
        JobError: nobody can be asked, or the job's gate surely can't be run.
    """
    note(f"Going on with {path}.")
    replay = contents.replay
    wave = _stands_after(replay)
    held = wave.held if wave else ""
    waits = held == Held.MANUAL and not asked.continue_paused
    passes = held == Held.INCONCLUSIVE and asked.continue_paused
    numbers = {
        "carry out {}": 0 if waits else replay.count(None),
        "look at {} in doubt": replay.count(Outcome.IN_DOUBT),
        "try {} again that failed": replay.count(*RETRIED) if asked.retry_failed else 0,
    }
    parts = [what.format(counted(n, "operation")) for what, n in numbers.items() if n]
    decides = not (replay.header.undo_of or replay.header.plan)
    if asked.retry_failed and decides and replay.count(*DONE):
        # Only the server knows whether there is any.
        parts.append("do again what has drifted")
    judge = f"run the gate of wave {wave.number}{' again' * bool(held)}" if wave else ""
    if judge and job.rollout.gate and not (waits or passes):
        parts.insert(0, judge)
    if waits and not parts:
        return
    if not parts:
        note("Nothing is left to do: only reading whether it still stands.")
        return
    note(*gate_lines(job))
    check_gate_to_resume(job, replay, retry_failed=asked.retry_failed)
    question = f"{', '.join(parts)} in {replay.header.organization} ({replay.header.address})?"
    question = question[0].upper() + question[1:]
    header = replay.header
    destructive = (
        _is_destructive(job, header.undo_of)
        and not looked_at
        and any(part != judge for part in parts)
    )
    with only_reading():
        _have_said(question, job, header.task, asked, destructive=destructive)


def _stands_after(replay: Replay) -> WaveReached | None:
    """Return the wave that was carried out, and has not passed its pause and its gate yet."""
    said = (wave for _, wave in sorted(replay.waves.items()))
    current = next((wave for wave in said if wave.reached is not Reached.PASSED), None)
    return None if current is None or current.reached is Reached.OPEN else current
