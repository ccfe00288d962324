"""One execution of a journal on the command line: shown live, interruptible, then reported."""

from __future__ import annotations

import asyncio
import signal
import time
from functools import partial

import msgspec
from click.exceptions import Exit

from bulkops import events
from bulkops.cli.options import RunOptions
from bulkops.cli.outlet import leave_waiting
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.next_step import end_lines, next_step, stopping
from bulkops.cli.output.printing import fail, heard_or_not, note, print_text
from bulkops.cli.output.step_summary import summarized
from bulkops.cli.output.watch import Watch
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.session import run
from bulkops.cli.signals import Listener, received
from bulkops.client.api import Client
from bulkops.errors import SIGNALS, BulkopsError, ExitCode
from bulkops.job.job import Job
from bulkops.journal.place import Hold, Place
from bulkops.journal.reader import Contents
from bulkops.journal.replay import Replay
from bulkops.notify.opening import notifying
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.report.model import Report, exit_code, report
from bulkops.report.text import lines as report_lines
from bulkops.report.text import totals
from bulkops.runner.assignment import Instructions, LockedJournal, Observer
from bulkops.runner.execution import JobExecution
from bulkops.runner.hmac_key import key_to_resume
from bulkops.telemetry.command import telemetry


def execute(
    client: Client,
    held: Hold,
    contents: Contents,
    job: Job,
    *,
    options: RunOptions,
    metrics: MetricsFile,
) -> None:
    """Run what is left of a journal's job, print every result and the report, and exit."""
    place = held.place
    watch = Watch(client.clock, contents.replay, job.rollout, job.pace.rate, json=options.json)
    if watch.is_live:
        client.settling.listeners.clear()
    key = key_to_resume(job, contents.replay, retry_failed=options.retry_failed)
    observer = Observer(watch.result, watch.wave, watch.gate, watch.takes_more, on_rest=watch.rest)
    observer = notifying(observer, job, client, next_steps=partial(next_step, journal=place))
    execution = JobExecution(
        client,
        LockedJournal(held, contents),
        job,
        Instructions(
            options.retry_failed, options.continue_paused, key, options.exit_outside_window
        ),
        telemetry.observed(observer, job, contents.replay),
    )

    async def carried_out(_client: Client) -> Replay:
        loop = asyncio.get_running_loop()
        with received.passed_to(_stopping(execution, watch, place, options.drain), loop):
            async with (
                metrics.watching(execution, contents.replay),
                watch.watching(execution.activity),
            ):
                return await execution.run()

    # The journal's lock is released before the command waits for a reader of its output.
    leave_waiting()
    try:
        with summarized(place):
            replay = run(client, carried_out)
    except BulkopsError as error:
        summary = report(contents.replay)
        note("", f"  {totals(summary)}", *end_lines(summary, place))
        if execution.interrupted and error.exit_code == ExitCode.ERROR:
            # The exit code reports the interruption, the text what went wrong.
            fail(error)
            raise Exit(SIGNALS[execution.interrupted]) from error
        raise
    with heard_or_not():
        watch.catch_up()
    _conclude(report(replay), place, json=options.json)
    raise Exit(exit_code(replay))


def end_if_stopped(
    place: Place, contents: Contents, job: Job, options: RunOptions, metrics: MetricsFile
) -> None:
    """End the command if too many failures stopped the job and ``--continue`` is not given.

    Raises:
        Exit: it is stopped; no request was sent, and the journal is unchanged.
    """
    stopped = stopped_by_tolerance(contents.replay, job.rollout)
    if stopped is None or options.continue_paused:
        return
    metrics.show(contents.replay)
    summary = report(contents.replay)
    summary = msgspec.structs.replace(summary, stopped=stopped, exit_code=ExitCode.STOPPED)
    with summarized(place):
        _conclude(summary, place, json=options.json)
    raise Exit(ExitCode.STOPPED)


def _conclude(summary: Report, place: Place, *, json: bool) -> None:
    """Print the report of a job, and what to run next."""
    with heard_or_not():
        if json:
            print_json(events.Report.of(summary))
        else:
            print_text("", *report_lines(summary))
    note(*end_lines(summary, place))


def _stopping(execution: JobExecution, watch: Watch, place: Place, drain: float) -> Listener:
    """Return a handler: a first signal drains the execution, a second one ends it immediately."""

    def interrupt(number: signal.Signals) -> None:
        again = bool(execution.interrupted)
        # First, before anything that could fail.
        execution.interrupt(number.name, drain)
        if again:
            note("Stopping immediately.")
        else:
            received.deadline = time.monotonic() + drain
            watch.stopping(drain)
            note(stopping(execution.activity().in_flight, drain, place))

    return interrupt
