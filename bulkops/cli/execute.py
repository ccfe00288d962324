"""One execution of a journal as the command line sees it: asked, watched, interrupted, told."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bulkops.cli.options import Asked
from bulkops.cli.printing import fail, heard_or_not, note, print_json, print_text
from bulkops.errors import BulkopsError

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.execution import JobExecution
    from bulkops.job import Job
    from bulkops.journal.reading import Contents
    from bulkops.journal.records import Holder, Result
    from bulkops.journal.replay import Replay
    from bulkops.operations.model import Operation
    from bulkops.report.model import Report

LONGEST_COLUMN = 40
"""Characters of a name up to which the columns after it are aligned."""

LONGEST_REASON = 160


def execute(
    client: Client,
    path: Path,
    contents: Contents,
    job: Job,
    by: Holder,
    *,
    asked: Asked,
) -> None:
    """Run a journal's job on, print every result and the report, and end with its exit code."""
    from bulkops.cli.session import run
    from bulkops.cli.waves import teller
    from bulkops.execution import JobExecution
    from bulkops.hmac_key import key_to_go_on
    from bulkops.report.json_document import facts
    from bulkops.report.model import exit_code, report
    from bulkops.report.text import lines as report_lines

    tell = _tell_json if asked.json else _teller(contents.replay)

    def told(operation: Operation, result: Result) -> None:
        with heard_or_not():
            tell(operation, result)

    rollout = job.rollout.undoing if contents.replay.header.undo_of else job.rollout
    execution = JobExecution(
        client,
        path,
        contents,
        job,
        by,
        retry_failed=asked.retry_failed,
        go_on=asked.go_on,
        key=key_to_go_on(job, contents.replay, retry_failed=asked.retry_failed),
        on_result=told,
        on_wave=teller(rollout, len(contents.replay.operations), json=asked.json),
    )
    try:
        replay = run(client, lambda _client: _watched(execution, asked.drain))
    except BulkopsError as error:
        note(*end_lines(report(contents.replay), path))
        if execution.interrupted and error.exit_code == 1:
            # Of the two, what the user did is told by the exit code, what went wrong by the text.
            fail(error)
            raise typer.Exit(128 + signal.Signals[execution.interrupted]) from error
        raise
    summary = report(replay)
    with heard_or_not():
        if asked.json:
            print_json({"type": "report", **facts(summary)})
        else:
            print_text("", *report_lines(summary))
    note(*end_lines(summary, path))
    raise typer.Exit(exit_code(replay))


async def _watched(execution: JobExecution, drain: float) -> Replay:
    import asyncio

    def interrupt(number: signal.Signals) -> None:
        again = bool(execution.interrupted)
        # First of all, before anything that could go wrong.
        execution.interrupt(number.name, drain)
        if again:
            note("Stopping at once.")
        else:
            note(f"Stopping: finishing what is in flight, {drain:g} s at most (again: at once).")

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    return await execution.run()


def end_lines(report: Report, path: Path) -> list[str]:
    """Return where the journal is and, where there is one, the next command to run."""
    return ["", f"Journal: {path}", *next_step(report, path)]


def next_step(report: Report, path: Path) -> list[str]:
    """Return what to run next, nothing where all is done."""
    import shlex

    from bulkops.cli.waves import held_line

    resume = f"bulkops resume {shlex.quote(str(path))}"
    wave = report.wave
    unfinished = report.counts.get("pending") or report.counts.get("in_doubt") or wave is not None
    failed = report.counts.get("failed") or report.counts.get("conflict")
    steps = [f"Not finished: `{resume}` goes on."] if unfinished else []
    if wave is not None and wave.held:
        steps = [held_line(wave, resume)]
    if failed:
        too = ", too" if unfinished else ""
        steps.append(f"`{resume} --retry-failed` tries again what failed{too}.")
    return steps


def _teller(replay: Replay) -> Callable[[Operation, Result], None]:
    """Return what prints one aligned line a result."""
    from bulkops.columns import filled, widest
    from bulkops.operations import wording
    from bulkops.report.text import words

    names = (p.operation.target.name for p in replay.operations.values())
    width = min(widest(names), LONGEST_COLUMN)

    def tell(operation: Operation, result: Result) -> None:
        line = f"{words(result.outcome):<9}  {filled(operation.target.name, width)}"
        reason = f"  ({shortened(result.reason)})" if result.reason else ""
        print_text(f"{line}  {wording.change(operation)}{reason}")

    return tell


def shortened(text: str) -> str:
    """Return a reason cut to a few lines of a terminal; reports have it whole."""
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def _tell_json(operation: Operation, result: Result) -> None:
    from bulkops.operations import wording

    print_json(
        {
            "type": "result",
            "key": result.key,
            **operation.target.said,
            "aspect": operation.aspect,
            "action": wording.verb(operation),
            "outcome": result.outcome,
            "attempts": result.attempts,
            "reason": result.reason,
            "at": result.at,
        }
    )
