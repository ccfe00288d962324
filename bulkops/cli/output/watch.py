"""Shows an execution while it runs: a live view on a terminal, periodic lines elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from types import FrameType

from msgspec import UNSET

from bulkops import events
from bulkops.cli.outlet import is_full, settle
from bulkops.cli.output import waves
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.live import LiveView
from bulkops.cli.output.printing import heard_or_not, note, obeys_escapes
from bulkops.cli.output.progress.model import Doing, JobProgress
from bulkops.cli.output.progress.tracker import ProgressTracker
from bulkops.cli.output.progress_text import plain_line
from bulkops.cli.output.results import Lines, print_result
from bulkops.cli.output.waves import tell_rest
from bulkops.clock import Clock
from bulkops.job.gate import GateCall
from bulkops.job.rollout import Rollout
from bulkops.journal.records import Rest, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE
from bulkops.operations.model import Operation
from bulkops.report.model import PENDING
from bulkops.runner.activity import Activity
from bulkops.runner.gate import run_gate

TICK = 0.2
"""Seconds between refreshes of the live view."""

FIRST = 5.0
"""Seconds before the first progress line, so that a short run prints none."""

EVERY = 10.0
"""Seconds between progress lines."""

AT_REST = 60.0
"""Seconds between progress lines while no operation is in flight."""


class Watch:
    """Shows the results, waves and progress of an execution.

    Args:
        replay: of its journal.
        rollout: the job's waves and pauses.
        rate: the job's own limit in requests per second; ``None`` for none.
        json: print JSON objects on stdout instead of text.
    """

    def __init__(
        self, clock: Clock, replay: Replay, rollout: Rollout, rate: float | None, *, json: bool
    ) -> None:
        self._clock = clock
        self._json = json
        self._tracker = ProgressTracker(replay, rollout, rate)
        self._lines = Lines(replay)
        self._print_wave = waves.teller(rollout, len(replay.operations), json=json)
        self._live = LiveView(sys.stderr) if may_draw(json=json) else None
        # On a terminal with the live view, a line per success would bury everything else.
        self._quiet = self._live is not None and sys.stdout.isatty()
        self._stalled = False
        self._next_line_at: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether the live view is shown, which counts down every wait."""
        return self._live is not None

    def result(self, operation: Operation, result: Result) -> None:
        """Show a result."""
        if self._live is not None and result.outcome in TROUBLE:
            self._live.alert(self._lines.line(operation, result))
        if self._quiet:
            return
        with heard_or_not():
            if self._json:
                print_result(operation, result)
            else:
                self._lines.print(operation, result)

    def takes_more(self) -> bool:
        """Return whether more output fits: ``--json`` drops nothing, so it may have to wait."""
        full = self._json and is_full(sys.stdout)
        if full and not self._stalled:
            self._stalled = True
            note("stdout is not being read: no further operation starts until it is.")
        return not full

    def catch_up(self) -> None:
        """Print how many results were only counted because stdout was not read."""
        self._lines.catch_up()

    def wave(self, wave: WaveReached) -> None:
        """Show the state of a wave."""
        self._tracker.reached(wave, self._clock.now())
        self._print_wave(wave)

    def rest(self, rest: Rest) -> None:
        """Show that it rests outside its windows, or that one has opened."""
        self._tracker.rests(rest, self._clock.now(), self._clock.wall())
        tell_rest(rest, json=self._json)

    async def gate(self, call: GateCall) -> int:
        """Run a gate, which has the terminal to itself while it runs."""
        with self._tracker.at_gate(), self._live.aside() if self._live else nullcontext():
            note(f"Gate of wave {call.variables['BULKOPS_WAVE']}: {call.command}")
            # The gate writes to the terminal directly: print everything before it first.
            await asyncio.to_thread(settle)
            return await run_gate(call)

    def stopping(self, drain: float) -> None:
        """Note that it was stopped and gives up operations in flight after ``drain`` seconds."""
        self._tracker.stopping(self._clock.now() + drain)

    @asynccontextmanager
    async def watching(self, activity: Callable[[], Activity]) -> AsyncIterator[None]:
        """Show the progress while the block runs."""
        ticker = asyncio.create_task(self._tick(activity))
        try:
            with shown(self._live) if self._live else nullcontext():
                yield
        finally:
            ticker.cancel()

    async def _tick(self, activity: Callable[[], Activity]) -> None:
        try:
            while True:
                await self._clock.sleep(TICK)
                self._show(self._tracker.look(self._clock.now(), activity()))
        except Exception as error:  # noqa: BLE001 - a rollout must not end because its view failed
            note(f"Progress can no longer be shown: {type(error).__name__}: {error}")

    def _show(self, progress: JobProgress) -> None:
        if self._live is not None:
            self._live.show(progress)
        if self._live is not None and not self._json:
            return
        if self._next_line_at is None:
            self._next_line_at = progress.at + FIRST
        due = self._next_line_at
        if progress.doing is not Doing.CARRYING_OUT:
            due += AT_REST - EVERY
        if progress.at < due:
            return
        self._next_line_at = progress.at + EVERY
        if self._json:
            if is_full(sys.stdout):
                return
            with heard_or_not():
                print_progress(progress, self._clock.date())
        else:
            note(plain_line(progress), passing=True)


def print_progress(
    progress: JobProgress, date: str, *, journal_only: bool = False, shard: str = ""
) -> None:
    """Print the progress of an execution as one JSON object.

    Args:
        journal_only: another process runs it, so that only its journal is known.
        shard: the name of the fleet's shard; empty for a job by itself.
    """
    activity = progress.activity
    pending = progress.of - sum(progress.counts.values())
    print_json(
        events.Progress(
            shard=shard or UNSET,
            at=date,
            done=progress.done,
            of=progress.of,
            counts={**progress.counts, **({PENDING: pending} if pending else {})},
            in_flight=activity.in_flight,
            requests=None if journal_only else activity.requests,
            retries=None if journal_only else activity.retries,
            rate=progress.rate or 0.0,
            limit=activity.limit,
            pause_seconds=activity.pause_seconds,
            outage_seconds=None if journal_only else activity.outage_seconds,
            wave=progress.wave or None,
            waves=len(progress.waves),
            seconds_left=progress.seconds_left,
        )
    )


@contextmanager
def shown(live: LiveView) -> Iterator[None]:
    """Show a view while the block runs in an event loop; Ctrl-Z leaves a clean terminal."""
    loop = asyncio.get_running_loop()

    def suspend(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(_suspend, live)

    # Not the loop's own handler: replacing it would stop the wake-ups for other signals.
    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        with live.shown():
            yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def _suspend(live: LiveView) -> None:
    # Ctrl-Z: leave the shell a clean terminal; after `fg` the view starts on a new line.
    with live.aside():
        settle()
        os.kill(os.getpid(), signal.SIGSTOP)


def may_draw(*, json: bool) -> bool:
    """Return whether stderr is a terminal that can show a view and stdout won't disturb it."""
    return obeys_escapes(sys.stderr) and not (json and sys.stdout.isatty()) and not _is_piped()


def _is_piped() -> bool:
    """Return whether stdout is a pipe, whose reader (tee, jq, less) may share the terminal."""
    with suppress(OSError):
        mode = os.fstat(sys.stdout.fileno()).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return False
