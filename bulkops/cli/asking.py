"""What somebody is shown, and asked, before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bulkops.cli.options import Asked
from bulkops.cli.plan import blocked_lines, headline, lines, print_objects, summary
from bulkops.cli.printing import heard_or_not, note
from bulkops.cli.session import confirm, counted, only_reading
from bulkops.cli.waves import plan_lines

if TYPE_CHECKING:
    from bulkops.journal.reading import Contents
    from bulkops.plan import Plan


def confirm_plan(plan: Plan, address: str, asked: Asked) -> None:
    """Show a plan and have somebody say yes; ends the command where there is nothing to do."""
    if asked.json:
        with heard_or_not():
            print_objects(plan)
    # Unless somebody is asked, each operation is told soon enough, as a result on stdout.
    shown = lines(plan)
    if asked.yes or asked.json or not plan.operations:
        shown = [headline(plan), *blocked_lines(plan), *plan_lines(plan), summary(plan)]
    note(*shown)
    if not plan.operations:
        note("Nothing to do.")
        raise typer.Exit(3 if plan.blocked else 0)
    what = counted(len(plan.operations), "operation")
    confirm(f"Carry out {what} in {plan.job.organization} ({address})?", yes=asked.yes)


def confirm_going_on(contents: Contents, path: Path, asked: Asked) -> None:
    """Say what is left of a journal's job, and have somebody say yes to it."""
    from bulkops.outcome import RETRIED, Outcome
    from bulkops.report.model import standing_wave
    from bulkops.rollout import Held

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
        confirm(question[0].upper() + question[1:], yes=asked.yes)
