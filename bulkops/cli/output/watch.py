"""An execution while it runs: a live view on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from types import FrameType

from bulkops import events
from bulkops.cli.outlet import is_full, settle
from bulkops.cli.output import waves
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.live import LiveView
from bulkops.cli.output.printing import heard_or_not, note, obeys_escapes
from bulkops.cli.output.progress import Doing, JobProgress, ProgressTracker
from bulkops.cli.output.progress_text import plain_line
from bulkops.cli.output.results import Lines, tell_json
from bulkops.clock import Clock
from bulkops.job.gate import GateCall
from bulkops.job.rollout import Rollout
from bulkops.journal.records import Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE
from bulkops.operations.model import Operation
from bulkops.report.model import PENDING
from bulkops.runner.activity import Activity
from bulkops.runner.gate import run_gate

TICK = 0.2
"""Seconds from one picture of the live view to the next."""

FIRST = 5.0
"""Seconds until the first progress line: a short run has none."""

EVERY = 10.0
"""Seconds from one progress line to the next."""

AT_REST = 60.0
"""The same, while nothing is carried out."""


class Watch:
    """Shows what an execution tells, and how it goes on in between.

    Args:
        replay: of its journal.
        rollout: in what waves it goes.
        rate: requests a second that the job allows itself, ``None`` for no limit of its own.
        json: results, waves and progress as objects on stdout.
    """

    def __init__(
        self, clock: Clock, replay: Replay, rollout: Rollout, rate: float | None, *, json: bool
    ) -> None:
        self._clock = clock
        self._json = json
        self._tracker = ProgressTracker(replay, rollout, rate)
        self._lines = Lines(replay)
        self._tell_wave = waves.teller(rollout, len(replay.operations), json=json)
        self._live = _live_view(json=json)
        # Where the terminal shows the view, a line for each success would only drown the rest.
        self._quiet = self._live is not None and sys.stdout.isatty()
        self._held_up = False
        self._next_line_at: float | None = None

    def result(self, operation: Operation, result: Result) -> None:
        """Tell a result."""
        if self._live is not None and result.outcome in TROUBLE:
            self._live.say(self._lines.line(operation, result))
        if self._quiet:
            return
        with heard_or_not():
            if self._json:
                tell_json(operation, result)
            else:
                self._lines.tell(operation, result)

    def takes_more(self) -> bool:
        """Return whether more can be told: with ``--json``, which is complete, not always."""
        full = self._json and is_full(sys.stdout)
        if full and not self._held_up:
            self._held_up = True
            note("stdout is not read: no further operation is begun until it is.")
        return not full

    def catch_up(self) -> None:
        """Say how many results nobody had read, and were not printed."""
        self._lines.catch_up()

    def wave(self, said: WaveReached) -> None:
        """Tell how far a wave came."""
        self._tracker.reached(said, self._clock.now())
        self._tell_wave(said)

    async def gate(self, call: GateCall) -> int:
        """Show a gate and run it; the terminal belongs to it meanwhile."""
        with self._tracker.at_gate(), self._live.aside() if self._live else nullcontext():
            note(f"Gate of wave {call.told['BULKOPS_WAVE']}: {call.command}")
            # What was said before it, and it itself, stand above what it says.
            await asyncio.to_thread(settle)
            return await run_gate(call)

    def stopping(self, drain: float) -> None:
        """Take note that it was told to stop, and to give up what is in flight in ``drain`` s."""
        self._tracker.stopping(self._clock.now() + drain)

    @asynccontextmanager
    async def watching(self, activity: Callable[[], Activity]) -> AsyncIterator[None]:
        """Show how it goes on, while the block runs."""
        ticker = asyncio.create_task(self._tick(activity))
        try:
            with self._shown(self._live) if self._live else nullcontext():
                yield
        finally:
            ticker.cancel()

    @contextmanager
    def _shown(self, live: LiveView) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def suspend(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._suspend, live)

        # Not the loop's own: that would end what wakes the loop for the other signals.
        before = signal.signal(signal.SIGTSTP, suspend)
        try:
            with live.shown():
                yield
        finally:
            signal.signal(signal.SIGTSTP, before)

    def _suspend(self, live: LiveView) -> None:
        # Ctrl-Z: the shell gets its terminal in order, and `fg` goes on below what it wrote.
        with live.aside():
            settle()
            os.kill(os.getpid(), signal.SIGSTOP)

    async def _tick(self, activity: Callable[[], Activity]) -> None:
        try:
            while True:
                await self._clock.sleep(TICK)
                self._show(self._tracker.look(self._clock.now(), activity()))
        except Exception as error:  # noqa: BLE001 - a rollout must not end for a picture of it
            note(f"How it goes on can't be shown any more: {type(error).__name__}: {error}")

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


def print_progress(progress: JobProgress, date: str, *, journal_only: bool = False) -> None:
    """Print where an execution stands as one JSON object.

    Args:
        journal_only: another process runs it, and only its journal is known.
    """
    activity = progress.activity
    pending = progress.of - sum(progress.counts.values())
    print_json(
        events.Progress(
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


def _live_view(*, json: bool) -> LiveView | None:
    """Return a view where stderr is a terminal that can show one, and nobody else writes to it."""
    if not obeys_escapes(sys.stderr) or (json and sys.stdout.isatty()) or _is_piped():
        return None

    return LiveView(sys.stderr)


def _is_piped() -> bool:
    """Whether somebody reads stdout who may show it on the same terminal: tee, jq, grep, less."""
    with suppress(OSError):
        mode = os.fstat(sys.stdout.fileno()).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return False
