"""One execution of a journal as the command line sees it: asked, watched, interrupted, told."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bulkops.cli.metrics import MetricsFile
from bulkops.cli.options import Asked
from bulkops.cli.printing import fail, heard_or_not, note, print_json, print_text
from bulkops.cli.step_summary import summarized
from bulkops.errors import BulkopsError

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.execution import JobExecution
    from bulkops.job import Job
    from bulkops.journal.reading import Contents
    from bulkops.journal.records import Holder, Result
    from bulkops.journal.replay import Replay
    from bulkops.operations.model import Operation


def execute(
    client: Client,
    path: Path,
    contents: Contents,
    job: Job,
    by: Holder,
    *,
    asked: Asked,
    metrics: MetricsFile,
) -> None:
    """Run a journal's job on, print every result and the report, and end with its exit code."""
    from bulkops import events
    from bulkops.cli import waves
    from bulkops.cli.next_step import end_lines
    from bulkops.cli.results import tell_json, teller
    from bulkops.cli.session import run
    from bulkops.execution import JobExecution
    from bulkops.hmac_key import key_to_go_on
    from bulkops.report.model import exit_code, report
    from bulkops.report.text import lines as report_lines

    tell = tell_json if asked.json else teller(contents.replay)

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
        on_wave=waves.teller(rollout, len(contents.replay.operations), json=asked.json),
    )
    try:
        with summarized(path):
            replay = run(
                client,
                lambda _client: _watched(execution, contents.replay, asked.drain, metrics),
            )
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
            print_json(events.Report.of(summary))
        else:
            print_text("", *report_lines(summary))
    note(*end_lines(summary, path))
    raise typer.Exit(exit_code(replay))


async def _watched(
    execution: JobExecution, replay: Replay, drain: float, metrics: MetricsFile
) -> Replay:
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
    async with metrics.watching(execution, replay):
        return await execution.run()
