"""One execution of a journal as the command line sees it: asked, watched, interrupted, told."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.session import print_json

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.execution import JobExecution
    from bulkops.job import Job
    from bulkops.journal.file import Contents
    from bulkops.journal.records import Holder, Result
    from bulkops.journal.replay import Replay
    from bulkops.operations.model import Operation
    from bulkops.report.model import Report

RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Decide failed and conflicting operations anew, too."),
]
DrainTimeout = Annotated[
    float,
    typer.Option(
        "--drain-timeout",
        metavar="SECONDS",
        min=0,
        help="After Ctrl-C or SIGTERM, how long what is in flight may take to finish.",
    ),
]
DRAIN_SECONDS = 5.0
"""CI systems kill 7.5 to 10 seconds after they asked."""


def hold(stack: ExitStack, path: Path) -> Holder:
    """Lock a journal until the stack ends; raises ``JournalLocked``, ``JournalWriteFailed``."""
    from bulkops.clock import Clock
    from bulkops.execution import holder
    from bulkops.journal.lock import locked

    by = holder(Clock())
    stack.enter_context(locked(path, by))
    return by


def execute(
    client: Client,
    path: Path,
    contents: Contents,
    job: Job,
    by: Holder,
    *,
    retry_failed: bool,
    drain: float,
    json: bool,
) -> None:
    """Run a journal's job on, print every result and the report, and end with its exit code."""
    from bulkops.cli.session import run
    from bulkops.execution import JobExecution
    from bulkops.report.model import report

    told = _tell_json if json else _tell
    execution = JobExecution(
        client, path, contents, job, by, retry_failed=retry_failed, on_result=told
    )
    replay = run(lambda: _watched(execution, client, drain))
    summary = report(replay)
    if json:
        print_json({"type": "report", **without_rows(summary)})
    else:
        _tell_end(summary, path)
    raise typer.Exit(summary.exit_code)


async def _watched(execution: JobExecution, client: Client, drain: float) -> Replay:
    import asyncio

    def interrupt(number: signal.Signals) -> None:
        if execution.interrupted:
            typer.echo("Stopping at once.", err=True)
        else:
            typer.echo(
                f"Stopping: finishing what is in flight, for {drain:g} s at most (again: stop at "
                "once). The same command goes on later.",
                err=True,
            )
        execution.interrupt(number.name, drain)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    async with client:
        return await execution.run()


def _tell_end(report: Report, path: Path) -> None:
    from bulkops.report.text import lines

    typer.echo("")
    for line in lines(report, only_failed=True):
        typer.echo(line)
    going_on = report.counts.get("pending") or report.counts.get("in_doubt")
    typer.echo(f"\nJournal: {path}", err=True)
    if going_on:
        typer.echo(f"Not finished: `bulkops resume {path}` goes on.", err=True)
    elif report.counts.get("failed") or report.counts.get("conflict"):
        typer.echo(f"`bulkops resume {path} --retry-failed` tries what failed again.", err=True)


def without_rows(report: Report) -> dict[str, object]:
    """Return the report's facts without its long lists."""
    import msgspec

    facts: dict[str, object] = msgspec.to_builtins(report)
    return {name: value for name, value in facts.items() if name not in ("rows", "skipped")}


def _tell(operation: Operation, result: Result) -> None:
    from bulkops.operations import wording
    from bulkops.report.text import words

    reason = f"  ({result.reason})" if result.reason else ""
    line = f"{words(result.outcome):<10} {operation.target.name}  {wording.change(operation)}"
    typer.echo(line + reason)


def _tell_json(operation: Operation, result: Result) -> None:
    from bulkops.operations import wording

    print_json(
        {
            "type": "result",
            "key": result.key,
            "workspace": operation.target.name,
            "workspace_id": operation.target.id,
            "action": wording.verb(operation),
            "outcome": result.outcome,
            "attempts": result.attempts,
            "reason": result.reason,
            "at": result.at,
        }
    )
