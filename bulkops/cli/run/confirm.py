"""What the user is shown and asked before anything is changed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from click.exceptions import Exit

from bulkops.cli.options import RunOptions
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
from bulkops.operations import steps
from bulkops.operations.model import Resolved
from bulkops.plan.model import Plan
from bulkops.plan.unfinished_jobs import Unfinished, unfinished_first
from bulkops.runner.gate import check_gate_to_resume
from bulkops.text import counted


def confirm_plan(
    plan: Plan, address: str, options: RunOptions, first: Sequence[Unfinished] = ()
) -> None:
    """Show a plan and have the user confirm it.

    Args:
        first: unfinished jobs that the plan contradicts.

    Raises:
        Exit: there is nothing to do, or the answer was no.
        JobError: there is no terminal to ask on, and the options don't confirm the plan.
    """
    if options.json:
        with heard_or_not():
            print_objects(plan)
    # Without a question, each operation soon appears as a result on stdout.
    shown = lines(plan, width_of(sys.stderr))
    if options.yes or options.confirm or options.json or not plan.operations:
        rest = (*plan_lines(plan), *time_lines(plan), *note_lines(plan))
        shown = [headline(plan), *blocked_lines(plan), *rest, summary(plan)]
    note(*shown, paint=painter(sys.stderr))
    if not plan.operations:
        append_plan(plan, ())
        note("Nothing to do: what remains is blocked." if plan.blocked else "Nothing to do.")
        raise Exit(ExitCode.UNFULFILLED if plan.blocked else ExitCode.DONE)
    if first and not options.despite_unfinished and (_answered(options) or not can_ask()):
        raise unfinished_first(first[0].place)
    what = counted(len(plan.operations), "operation")
    question = f"Apply {what} in {plan.job.organization} ({address})?"
    # The user reviewed a saved plan already.
    destructive = is_destructive(plan.job, plan.undo_of) and not plan.saved
    have_confirmed(question, plan.job, plan.resolved, options, destructive=destructive)


def have_confirmed(
    question: str, job: Job, resolved: Resolved, options: RunOptions, *, destructive: bool
) -> None:
    """Have the user answer yes or, for a destructive job, the name of the run task that is lost.

    If several steps are destructive, the names are separated by commas.

    Raises:
        Exit: the answer was another one.
        JobError: the options don't confirm it, and there is no terminal to ask on.
    """
    task = steps.to_confirm(job.steps, resolved)
    confirmed = _confirmed(options, task)
    if not destructive:
        confirm(question, yes=options.yes or confirmed)
        return
    name = task or job.organization
    option = f"--confirm {shlex.quote(name)}"
    if options.yes and not confirmed:
        raise JobError(f"nothing was changed: --yes is not enough for {job.kind}. Add {option}")
    confirm(question, yes=confirmed, answer=name, option=option)


def is_destructive(job: Job, undo_of: str) -> bool:
    """Return whether a job needs more than a yes; an undo, which restores, never does."""
    return steps.is_destructive(job.steps) and not undo_of


def _answered(options: RunOptions) -> bool:
    return options.yes or options.confirm is not None


def _confirmed(options: RunOptions, task: str) -> bool:
    """Return whether ``--confirm`` names the job's run task; False if it was not given.

    Raises:
        JobError: it names another one.
    """
    if options.confirm is None:
        return False
    actual = f"the job's run task is {task}" if task else "the job has no run task"
    if not task or options.confirm != task:
        raise JobError(f"nothing was changed: --confirm {options.confirm}: {actual}")
    return True


def confirm_resuming(
    contents: Contents, journal: object, options: RunOptions, job: Job, *, looked_at: bool = False
) -> None:
    """Show what is left of a journal's job, and have the user confirm it.

    Args:
        job: the job whose ``[rollout]`` applies.
        looked_at: the user gave the saved plan that this journal carries out.

    Raises:
        Exit: the answer was no.
        JobError: there is no terminal to ask on, or the job's gate can't run.
    """
    note(f"Resuming {journal}.")
    replay = contents.replay
    wave = _wave_to_pass(replay)
    reason = wave.held if wave else ""
    waits = reason == Held.MANUAL and not options.continue_paused
    passes = reason == Held.INCONCLUSIVE and options.continue_paused
    numbers = {
        "apply {}": 0 if waits else replay.count(None),
        "check {} in doubt": replay.count(Outcome.IN_DOUBT),
        "retry {} that failed": replay.count(*RETRIED) if options.retry_failed else 0,
    }
    parts = [what.format(counted(n, "operation")) for what, n in numbers.items() if n]
    decides = not (replay.header.undo_of or replay.header.plan)
    if options.retry_failed and decides and replay.count(*DONE):
        # Only the server knows whether there is any.
        parts.append("redo what has drifted")
    judge = f"run the gate of wave {wave.number}{' again' * bool(reason)}" if wave else ""
    if judge and job.rollout.gate and not (waits or passes):
        parts.insert(0, judge)
    if waits and not parts:
        return
    if not parts:
        note("Nothing is left to do. Checking for drift.")
        return
    note(*gate_lines(job))
    check_gate_to_resume(job, replay, retry_failed=options.retry_failed)
    header = replay.header
    what = f"the undo of {job.name}" if header.undo_of else job.name
    place = f"{header.organization} ({header.address})"
    question = f"Resume {what} in {place}: {', '.join(parts)}?"
    destructive = (
        is_destructive(job, header.undo_of)
        and not looked_at
        and any(part != judge for part in parts)
    )
    with only_reading():
        have_confirmed(question, job, header.resolved, options, destructive=destructive)


def _wave_to_pass(replay: Replay) -> WaveReached | None:
    """Return the wave that is carried out but has not passed its pause and its gate yet."""
    waves = (wave for _, wave in sorted(replay.waves.items()))
    current = next((wave for wave in waves if wave.reached is not Reached.PASSED), None)
    return None if current is None or current.reached is Reached.OPEN else current
