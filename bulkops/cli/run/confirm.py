"""What somebody is shown, and asked, before anything is changed."""

from __future__ import annotations

import shlex
import sys
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
from bulkops.cli.output.waves import plan_lines
from bulkops.cli.session import confirm, only_reading
from bulkops.errors import ExitCode, JobError
from bulkops.journal.reader import Contents
from bulkops.journal.states import RETRIED, Held, Outcome
from bulkops.operations import kind_named
from bulkops.operations.model import TaskRef
from bulkops.plan.model import Plan
from bulkops.report.standing import standing_wave
from bulkops.text import counted


def confirm_plan(plan: Plan, address: str, asked: Asked) -> None:
    """Show a plan and have somebody say yes; ends the command where there is nothing to do."""
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
    what = counted(len(plan.operations), "operation")
    question = f"Carry out {what} in {plan.job.organization} ({address})?"
    said = _confirmed(asked, plan.binding.task)
    if not _destroys(plan):
        confirm(question, yes=asked.yes or said)
        return
    name = plan.binding.task.name if plan.binding.task else plan.job.organization
    option = f"--confirm {shlex.quote(name)}"
    if asked.yes and not said:
        raise JobError(
            f"nothing was changed: --yes is not enough to {plan.job.operation_kind}, say {option}"
        )
    confirm(question, yes=said, answer=name, option=option)


def _destroys(plan: Plan) -> bool:
    """Return whether a yes is not enough; an undo gives back, a saved plan was looked at."""
    kind = kind_named(plan.job.operation_kind)
    return kind.destroys and not plan.undo_of and not plan.saved


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


def confirm_going_on(contents: Contents, path: Path, asked: Asked) -> None:
    """Say what is left of a journal's job, and have somebody say yes to it."""
    note(f"Going on with {path}.")
    replay = contents.replay
    wave = standing_wave(replay)
    held = wave.held if wave else ""
    waits = held == Held.MANUAL and not asked.go_on
    judged = held == Held.FAIL or (held == Held.INCONCLUSIVE and not asked.go_on)
    numbers = {
        "carry out {}": 0 if waits else replay.count(None),
        "look at {} in doubt": replay.count(Outcome.IN_DOUBT),
        "try {} again that failed": replay.count(*RETRIED) if asked.retry_failed else 0,
    }
    parts = [what.format(counted(n, "operation")) for what, n in numbers.items() if n]
    if wave and judged:
        parts.insert(0, f"run the gate of wave {wave.number} again")
    if waits and not parts:
        return
    if not parts:
        note("Nothing is left to do: only reading whether it still stands.")
        return
    question = f"{', '.join(parts)} in {replay.header.organization} ({replay.header.address})?"
    with only_reading():
        said = _confirmed(asked, replay.header.task)
        confirm(question[0].upper() + question[1:], yes=asked.yes or said)
