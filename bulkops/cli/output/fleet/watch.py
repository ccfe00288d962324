"""Shows the shards of a fleet while they run: results and progress, with the shard's name."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from functools import partial

from msgspec.structs import replace

from bulkops import events
from bulkops.cli.outlet import is_full, settle
from bulkops.cli.output import waves
from bulkops.cli.output.fleet.live import FleetView, ShardLine
from bulkops.cli.output.fleet.text import progress_in_words, shard_report
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.cli.output.results import Lines
from bulkops.cli.output.watch import EVERY, FIRST, TICK, may_draw, shown
from bulkops.clock import Clock
from bulkops.fleet.fleet_run import FleetRun
from bulkops.fleet.processes.unattended import LONGEST, Awaited
from bulkops.fleet.report.text import state
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import State
from bulkops.job.duration import in_words
from bulkops.job.gate import GateCall
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.operations.model import Operation
from bulkops.report.model import PENDING
from bulkops.report.words import date
from bulkops.runner.assignment import Observer
from bulkops.runner.gate import run_gate
from bulkops.telemetry.command import telemetry


class FleetWatch:
    """Shows results, waves and progress of all shards.

    Args:
        json: print JSON objects on stdout instead of text.
    """

    def __init__(self, clock: Clock, *, json: bool) -> None:
        self._clock = clock
        self._json = json
        self._live = FleetView(sys.stderr) if may_draw(json=json) else None
        # On a terminal with the live view, a line per success would bury everything else.
        self._quiet = self._live is not None and sys.stdout.isatty()
        self._lines = list[Lines]()
        self._stalled = False
        self._gates = 0
        self._hidden = ExitStack()

    def observe(self, run: ShardRun, replay: Replay) -> Observer:
        """Return the observer of a shard's execution; ``replay``: of its journal."""
        lines = Lines(replay, f"{run.name}: ")
        self._lines.append(lines)

        def result(operation: Operation, result: Result) -> None:
            if self._live is not None and result.outcome in TROUBLE:
                self._live.alert(f"{run.name}: {lines.line(operation, result)}")
            if self._quiet:
                return
            with heard_or_not():
                if self._json:
                    print_json(replace(events.Result.of(operation, result), shard=run.name))
                else:
                    lines.print(operation, result)

        async def gate(call: GateCall) -> int:
            with self._aside():
                note(f"{run.name}: Gate of wave {call.variables['BULKOPS_WAVE']}: {call.command}")
                # The gate writes to the terminal directly: print everything before it first.
                await asyncio.to_thread(settle)
                return await run_gate(call)

        rollout = run.job.rollout
        tell = waves.teller(replay, rollout, json=self._json, say=self.say, shard=run.name)
        self.say(f"{run.name}: Journal: {run.place}")
        rests = partial(waves.tell_rest, json=self._json, say=self.say, shard=run.name)
        observer = Observer(result, tell, gate, self.takes_more, on_rest=rests)
        return telemetry.observed(observer, run.job, replay, run.name)

    def say(self, line: str) -> None:
        """Print a line on stderr, above the live view."""
        if self._live is not None:
            self._live.alert(line, style="")
        else:
            note(line)

    def takes_more(self) -> bool:
        """Return whether more output fits: ``--json`` drops nothing, so it may have to wait."""
        full = self._json and is_full(sys.stdout)
        if full and not self._stalled:
            self._stalled = True
            note("stdout is not being read: no further operation starts until it is.")
        return not full

    def ended(self, run: ShardRun) -> None:
        """Print that a shard has ended."""
        for line in state(shard_report(run)).split("\n"):
            self.say(f"{run.name}: {line}")

    def waits(self, awaited: Awaited) -> None:
        """Print that shards of other processes have to end before one of this process begins."""
        self.say(f"Waiting for {awaited.in_words()}")
        if awaited.seconds:
            rest = in_words(LONGEST - awaited.seconds)
            self.say(
                f"No process has run any of them for {in_words(awaited.seconds)}: this one "
                f"ends in {rest} if none begins"
            )

    def catch_up(self) -> None:
        """Print how many results were only counted because stdout was not read."""
        for lines in self._lines:
            lines.catch_up()

    @asynccontextmanager
    async def watching(self, fleet: FleetRun) -> AsyncIterator[None]:
        """Show the progress of all shards while the block runs."""
        ticker = asyncio.create_task(self._draw(fleet) if self._live else self._tell(fleet))
        try:
            with shown(self._live) if self._live else nullcontext():
                yield
        finally:
            ticker.cancel()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Hide the view while the block runs, which others may enter meanwhile."""
        if self._gates == 0 and self._live is not None:
            self._hidden.enter_context(self._live.aside())
        self._gates += 1
        try:
            yield
        finally:
            self._gates -= 1
            if self._gates == 0:
                self._hidden.close()

    async def _tell(self, fleet: FleetRun) -> None:
        await self._clock.sleep(FIRST)
        while True:
            note(progress_line(fleet), passing=True)
            await self._clock.sleep(EVERY)

    async def _draw(self, fleet: FleetRun) -> None:
        try:
            while self._live is not None:
                await self._clock.sleep(TICK)
                lines = [shard_line(run) for run in fleet.runs.values()]
                self._live.show_shards(lines, progress_line(fleet))
        except Exception as error:  # noqa: BLE001 - a rollout must not end because its view failed
            note(f"Progress can no longer be shown: {type(error).__name__}: {error}")


def progress_line(fleet: FleetRun) -> str:
    """Return the progress of all shards in one line."""
    runs = list(fleet.runs.values())
    total = Counter[str]()
    for run in runs:
        total.update(_counts(run))
    running = [run for run in runs if run.state is State.RUNNING and run.execution is not None]
    flying = sum(run.execution.activity().in_flight for run in running if run.execution)
    return progress_in_words(total, running=len(running), in_flight=flying)


def shard_line(run: ShardRun) -> ShardLine:
    """Return a shard as the live view shows it."""
    counts = _counts(run)
    of = sum(counts.values())
    running = run.state is State.RUNNING and run.execution is not None
    rest = run.replay.rest if running and run.replay is not None else None
    what = f"rests until {date(rest.until)} UTC" if rest else run.state.value
    return ShardLine(run.name, of - counts[PENDING], of, what, running=running)


def _counts(run: ShardRun) -> Counter[str]:
    """Return outcome (or ``pending``) → number of operations; in doubt, it is still pending."""
    if run.replay is None:
        return Counter({PENDING: len(run.plan.operations) if run.plan is not None else 0})
    ended = (outcome for outcome in Outcome if outcome is not Outcome.IN_DOUBT)
    counts = Counter({outcome.value: run.replay.count(outcome) for outcome in ended})
    counts[PENDING] = run.replay.count(None, Outcome.IN_DOUBT)
    return counts
