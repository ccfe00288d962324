"""Shows the shards of a fleet while they run: results and progress, with the shard's name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from bulkops import events
from bulkops.cli.outlet import is_full
from bulkops.cli.output import waves
from bulkops.cli.output.fleet.text import shard_report
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.cli.output.results import Lines
from bulkops.cli.output.watch import EVERY, FIRST
from bulkops.clock import Clock
from bulkops.fleet.fleet_run import FleetRun
from bulkops.fleet.report.model import counts_of
from bulkops.fleet.report.text import state
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import State
from bulkops.job.gate import GateCall
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.operations.model import Operation
from bulkops.report.words import counts_in_words
from bulkops.runner.assignment import Observer
from bulkops.runner.gate import run_gate
from bulkops.text import counted


class FleetWatch:
    """Shows results, waves and progress of all shards.

    Args:
        json: print JSON objects on stdout instead of text.
    """

    def __init__(self, clock: Clock, *, json: bool) -> None:
        self._clock = clock
        self._json = json
        self._lines = list[Lines]()
        self._stalled = False

    def observe(self, run: ShardRun, replay: Replay) -> Observer:
        """Return the observer of a shard's execution; ``replay``: of its journal."""
        lines = Lines(replay, f"{run.name}: ")
        self._lines.append(lines)

        def result(operation: Operation, result: Result) -> None:
            with heard_or_not():
                if self._json:
                    print_json(replace(events.Result.of(operation, result), shard=run.name))
                else:
                    lines.print(operation, result)

        async def gate(call: GateCall) -> int:
            note(f"{run.name}: Gate of wave {call.variables['BULKOPS_WAVE']}: {call.command}")
            return await run_gate(call)

        rollout, operations = run.job.rollout, len(replay.operations)
        tell = waves.teller(rollout, operations, json=self._json, shard=run.name)
        note(f"{run.name}: Journal: {run.place}")
        return Observer(result, tell, gate, self.takes_more)

    def takes_more(self) -> bool:
        """Return whether more output fits: ``--json`` drops nothing, so it may have to wait."""
        full = self._json and is_full(sys.stdout)
        if full and not self._stalled:
            self._stalled = True
            note("stdout is not being read: no further operation starts until it is.")
        return not full

    def ended(self, run: ShardRun) -> None:
        """Note that a shard has ended."""
        note(*(f"{run.name}: {line}" for line in state(shard_report(run)).split("\n")))

    def catch_up(self) -> None:
        """Print how many results were only counted because stdout was not read."""
        for lines in self._lines:
            lines.catch_up()

    @asynccontextmanager
    async def watching(self, fleet: FleetRun) -> AsyncIterator[None]:
        """Show the progress of all shards while the block runs."""
        ticker = asyncio.create_task(self._tick(fleet))
        try:
            yield
        finally:
            ticker.cancel()

    async def _tick(self, fleet: FleetRun) -> None:
        await self._clock.sleep(FIRST)
        while True:
            note(progress_line(fleet), passing=True)
            await self._clock.sleep(EVERY)


def progress_line(fleet: FleetRun) -> str:
    """Return the progress of all shards in one line."""
    runs = list(fleet.runs.values())
    counts = counts_of(shard_report(run).report for run in runs)
    done = counts_in_words(counts) or "nothing done yet"
    running = [run for run in runs if run.state is State.RUNNING and run.execution is not None]
    flying = sum(run.execution.activity().in_flight for run in running if run.execution)
    shards = counted(len(running), "shard")
    return f"{done}; {shards} running, {counted(flying, 'operation')} in flight"
