"""Plan and apply a fleet: look at all shards, ask once, carry out, report."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NoReturn

from click.exceptions import Exit
from msgspec.structs import replace

from bulkops import events
from bulkops.cli.options import RunOptions
from bulkops.cli.outlet import MOST, leave_waiting
from bulkops.cli.output.fleet import text as fleet_text
from bulkops.cli.output.fleet.reports import print_reports
from bulkops.cli.output.fleet.watch import FleetWatch
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.plan_objects import print_objects
from bulkops.cli.output.plan_text import painter
from bulkops.cli.output.printing import fail, heard_or_not, note, print_text
from bulkops.cli.output.progress_text import draining
from bulkops.cli.output.waves import gate_lines
from bulkops.cli.run.begun_fleet import report_of
from bulkops.cli.run.confirm import have_confirmed, is_destructive
from bulkops.cli.run.fleet_view.metrics import FleetMetrics
from bulkops.cli.run.hold import Waiting
from bulkops.cli.run.open_fleet import OpenFleet, address_of, shard_jobs, task_of
from bulkops.cli.run.recorded_fleet import none_begun, noting_settling
from bulkops.cli.session import only_reading, run_all
from bulkops.cli.signals import Listener, received
from bulkops.clock import Clock
from bulkops.errors import ExitCode
from bulkops.fleet.fleet_run import FleetRun, side_by_side
from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.report.next_steps import next_steps
from bulkops.fleet.report.reading import with_ended
from bulkops.fleet.report.text import headline, lines, shard_lines, wave_lines
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import State
from bulkops.operations.model import Resolved
from bulkops.text import counted


def plan_fleet(opened: OpenFleet, *, json: bool) -> tuple[int, ExitCode]:
    """Plan all shards, and print their plans; return the number of operations and the exit code."""
    looks = {run.name: run.look_at_server for run in opened.runs}
    with only_reading():
        run_all(lambda: side_by_side(looks, opened.connect()))
    planned = [(run.name, run.plan) for run in opened.runs if run.plan is not None]
    plans = [plan for _, plan in planned]
    problems = {run.name: str(run.problem) for run in opened.runs if run.problem is not None}
    if json:
        for name, plan in planned:
            print_objects(plan, shard=name)
        print_json(
            events.FleetPlan(
                fleet=opened.fleet.name,
                job=opened.job.name,
                kind=opened.job.kind,
                waves=opened.waves,
                organizations={run.name: run.job.organization for run in opened.runs},
                operations=sum(len(plan.operations) for plan in plans),
                actions=fleet_text.actions_of(plans),
                skipped=sum(len(plan.skips) - len(plan.blocked) for plan in plans),
                blocked=sum(len(plan.blocked) for plan in plans),
                problems=problems,
            )
        )
    else:
        shown = [*_overview(opened), ""]
        shown.append(fleet_text.plan_summary(plans, len(problems)))
        print_text(*shown, paint=painter(sys.stdout))
    codes = [run.problem.exit_code for run in opened.runs if run.problem is not None]
    return sum(len(plan.operations) for plan in plans), worst(codes)


def apply_fleet(opened: OpenFleet, options: RunOptions, metrics: FleetMetrics) -> None:
    """Look at all shards, have the user confirm, carry out, report, and end the command.

    Raises:
        Exit: always, unless an error is raised.
        NotAJournal: this is an undo, and no shard has a journal.
        JobError: there is no terminal to ask on, and the options don't confirm it.
    """
    leave_waiting(MOST)
    looks = {run.name: run.look for run in opened.runs}
    watch = FleetWatch(Clock(), json=options.json)
    fleet = FleetRun(
        opened.runs,
        opened.waves,
        opened.fleet.rollout,
        opened.others,
        watch.observe,
        on_change=watch.ended,
        on_wait=watch.waits,
    )
    with only_reading():
        run_all(lambda: fleet.until_free(Waiting().note, wait=options.wait))
        run_all(lambda: side_by_side(looks, noting_settling(opened.connect())))
        run_all(fleet.peek)
        _confirm(opened, fleet, options)
    leave_waiting()

    async def carried_out() -> None:
        loop = asyncio.get_running_loop()
        with received.passed_to(_stopping(fleet, options.drain), loop):
            async with metrics.watching(), watch.watching(fleet):
                await fleet.run(opened.connect())

    run_all(carried_out)
    with heard_or_not():
        watch.catch_up()
    _conclude(opened, fleet, json=options.json)
    raise Exit(fleet.exit_code)


def _overview(opened: OpenFleet, *, retry_failed: bool = False) -> Iterator[str]:
    """Yield what the fleet does, and what each shard will do."""
    job, runs = opened.job, opened.runs
    kind, task, waves = job.kind, task_of(job), len(opened.waves)
    shards = len(opened.fleet.shards)
    yield headline(opened.fleet.name, kind, task, shards, waves, undo=opened.undo)
    yield from wave_lines(opened.waves)
    if opened.at is not None:
        own = f"{len(runs):,}" if runs else "None"
        yield f"{own} of them for this process ({opened.at.origin}){':' if runs else '.'}"
    for_each = partial(fleet_text.planned, retry_failed=retry_failed)
    yield from shard_lines((run.name, run.job.organization, for_each(run)) for run in runs)
    yield from fleet_text.notes_of({run.name: run.plan for run in runs if run.plan is not None})


def _report(opened: OpenFleet, stopped: str = "") -> FleetReport:
    """Return what became of this process's shards: what has ended earlier, too."""
    shards = tuple(map(fleet_text.shard_report, opened.runs))
    if not opened.undo:
        jobs = shard_jobs(opened.fleet, opened.job, address_of)
        shards = with_ended(shards, {one.shard.name: one for one in jobs})
    waves = len(opened.waves)
    return report_of(opened.fleet, opened.job, shards, waves, stopped, undo=opened.undo)


def _confirm(opened: OpenFleet, fleet: FleetRun, options: RunOptions) -> None:
    runs, retry = opened.runs, options.retry_failed
    plans = [(run.name, run.plan) for run in runs if run.plan is not None]
    if options.json:
        with heard_or_not():
            for name, plan in plans:
                print_objects(plan, shard=name)
    if opened.undo and all(fleet_text.has_no_journal(run) for run in runs):
        raise none_begun(opened.fleet)
    gates = () if opened.undo else gate_lines(opened.job)
    overview = [*_overview(opened, retry_failed=retry), *gates]
    every = [plan for _, plan in plans]
    totals = [fleet_text.plan_summary(every, _unplanned(runs))] if plans else []
    note(*overview, "", *totals)
    todo = fleet_text.to_do(runs, retry_failed=retry)
    resumed = any(run.state is State.INTERRUPTED for run in runs)
    if not fleet.has_more() or not (todo or resumed):
        _end_without_changes(opened, fleet, options)
    if opened.undo and not todo:
        # What is left is a verification, which changes nothing.
        return
    question = _question(opened, todo, retry_failed=retry)
    destructive = todo > 0 and not opened.undo and is_destructive(opened.job, "")
    have_confirmed(question, runs[0].job, _resolved(runs), options, destructive=destructive)


def _question(opened: OpenFleet, todo: int, *, retry_failed: bool) -> str:
    concerned = [
        run
        for run in opened.runs
        if fleet_text.to_do([run], retry_failed=retry_failed)
        or (run.state is State.INTERRUPTED and run.problem is None)
    ]
    addresses = ", ".join(dict.fromkeys(run.address for run in concerned))
    organizations = counted(len(concerned), "organization")
    verb = "Undo" if opened.undo else "Apply"
    return f"{verb} {counted(todo, 'operation')} in {organizations} ({addresses})?"


def _end_without_changes(opened: OpenFleet, fleet: FleetRun, options: RunOptions) -> NoReturn:
    """End the command: no shard has anything to do, or can."""
    runs = opened.runs
    unplanned = _unplanned(runs)
    if runs:
        run_all(fleet.settle)
    if all(run.state is State.DONE for run in runs):
        blocked = any(run.plan is not None and run.plan.blocked for run in runs)
        nothing = f"Nothing to {'undo' if opened.undo else 'do'}"
        note(f"{nothing}: what remains is blocked." if blocked else f"{nothing}.")
    if unplanned:
        shards = counted(unplanned, "shard")
        note(f"Nothing was changed. {shards} can't begin.")
    report = _report(opened, fleet.stops_here)
    _note_next(fleet, report)
    code = worst([fleet.exit_code, *(run.exit_code for run in runs)])
    if options.json:
        with heard_or_not():
            print_reports(report, code)
    raise Exit(code)


def _unplanned(runs: Sequence[ShardRun]) -> int:
    """Return how many shards can't begin."""
    return sum(run.state is State.NOT_BEGUN and run.problem is not None for run in runs)


def _resolved(runs: Sequence[ShardRun]) -> Resolved:
    """Return the run tasks to confirm: every shard's have the same names, or the same job."""
    planned = (run.plan.resolved for run in runs if run.plan is not None)
    resumed = (run.replay.header.resolved for run in runs if run.replay is not None)
    return next(iter((*planned, *resumed)), Resolved(organization=runs[0].job.organization))


def _stopping(fleet: FleetRun, drain: float) -> Listener:
    """Return a handler: a first signal drains all shards, a second one ends them immediately."""

    def interrupt(number: signal.Signals) -> None:
        again = bool(fleet.signal)
        # First, before anything that could fail.
        fleet.interrupt(number.name, drain)
        if again:
            note("Stopping immediately.")
            return
        received.deadline = time.monotonic() + drain
        flying = sum(
            run.execution.activity().in_flight
            for run in fleet.runs.values()
            if run.execution is not None and run.state is State.RUNNING
        )
        note(f"{draining(flying, drain)}. The same command resumes every shard.")

    return interrupt


def _conclude(opened: OpenFleet, fleet: FleetRun, *, json: bool) -> None:
    report = _report(opened, fleet.stops_here)
    with heard_or_not():
        if json:
            print_reports(report, fleet.exit_code)
        else:
            # Why it is stopped follows, with what to do about it.
            print_text("", *lines(replace(report, stopped="")))
    _note_next(fleet, report)


def _note_next(fleet: FleetRun, report: FleetReport) -> None:
    if fleet.problem is not None:
        fail(fleet.problem)
    note(*next_steps(report, fleet.course, signal=fleet.signal))
