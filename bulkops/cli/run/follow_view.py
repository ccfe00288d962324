"""Shows a job that another process runs, for ``watch``; all output goes to stdout."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType

import msgspec
from msgspec.structs import replace

from bulkops import events
from bulkops.cli.outlet import settle
from bulkops.cli.output import waves
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.live import LiveView
from bulkops.cli.output.printing import note, obeys_escapes, print_text
from bulkops.cli.output.progress.model import Doing, JobProgress
from bulkops.cli.output.progress.tracker import ProgressTracker
from bulkops.cli.output.progress_text import plain_line
from bulkops.cli.output.results import liner
from bulkops.cli.output.watch import AT_REST, EVERY, FIRST, print_progress
from bulkops.cli.run.followed import Followed, seconds_of
from bulkops.cli.signals import received
from bulkops.events.model import OfShard
from bulkops.job.pace import Pace
from bulkops.journal.records import Execution, Record, Rest, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE, Reached
from bulkops.operations.model import Operation
from bulkops.report.current_wave import rollout_of

STILL = (Doing.PAUSING, Doing.GATE, Doing.CLOSED)
"""Steps that write no record and whose duration the job sets."""


class Screen:
    """The terminal that a watcher draws on.

    Attributes:
        live: the view at its bottom; ``None`` if stdout is no terminal.
    """

    def __init__(self, live: LiveView | None) -> None:
        self.live = live
        self._suspended = False

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the live view, if there is one, at the bottom while the block runs."""
        if self.live is None:
            yield
            return

        def suspend(_number: int, _frame: FrameType | None) -> None:
            self._suspended = True

        before = signal.signal(signal.SIGTSTP, suspend)
        stack = ExitStack()
        try:
            # A signal while the view is drawn would leave half of it on the screen.
            with received.deferred():
                stack.enter_context(self.live.shown())
            yield
        finally:
            with received.deferred():
                stack.close()
            signal.signal(signal.SIGTSTP, before)

    def suspend_if_asked(self) -> None:
        """Stop this process after Ctrl-Z, until ``fg``."""
        if self._suspended and self.live is not None:
            # The view is removed for the shell, and `fg` continues below its output.
            self._suspended = False
            with self.live.aside():
                settle()
                os.kill(os.getpid(), signal.SIGSTOP)


def is_live(*, json: bool) -> bool:
    """Return whether a watcher draws its progress on stdout."""
    return not json and obeys_escapes(sys.stdout)


class FollowView:
    """Shows the records of an execution as they arrive, and its progress in between.

    Args:
        json: results, waves and progress as objects.
        date: returns the current date and time, in the format of events.
        shard: the name of the fleet's shard; empty for a job by itself.
    """

    def __init__(
        self, screen: Screen, date: Callable[[], str], *, json: bool, shard: str = ""
    ) -> None:
        self.followed = Followed()
        self._screen = screen
        self._json = json
        self._date = date
        self._shard = shard
        self._shows: _Shown | None = None
        self._gate = ExitStack()
        self._next_line_at: float | None = None

    def begin(self, replay: Replay, wall: float) -> None:
        """Show a job from here on; its progress includes what happened before.

        Args:
            wall: seconds since 1970, because a pause may have begun long ago.
        """
        shown = self._shows = _Shown(replay, self.say, json=self._json)
        self._gate.close()
        if (wave := self.followed.wave) is not None:
            began = seconds_of(wave.at)
            age = max(0.0, wall - began) if wave.until and began is not None else 0.0
            shown.tracker.reached(wave, self.followed.now - age)
            self._at_gate(wave, shown)
        if (rest := self.followed.rest) is not None:
            shown.tracker.rests(rest, self.followed.now, datetime.fromtimestamp(wall, UTC))
            if not self._json:  # there, it is among the records of the last execution
                self._rest(rest)

    def introduce(self, head: str, watched: str) -> None:
        """Say what is watched.

        Args:
            head: what the job does.
            watched: the journal, and who writes it.
        """
        self.say(head)
        self.say(f"  {watched}")

    def restart(self) -> None:
        """Show nothing until ``begin``, because all records arrive again."""
        self._gate.close()
        self._shows, self.followed = None, Followed()

    def take(self, record: Record) -> None:
        """Show a record; before ``begin``, only remember it."""
        self.followed.take(record)
        shown = self._shows
        if shown is None:
            return
        if type(record) is Result:
            self._result(record, shown)
        elif type(record) is WaveReached:
            shown.tracker.reached(record, self.followed.now)
            self._at_gate(record, shown)
            self.wave(record)
        elif type(record) is Rest:
            shown.tracker.rests(record, self.followed.now, datetime.fromisoformat(record.at))
            self._rest(record)
        elif type(record) is Execution:
            self._shows = _Shown(shown.replay, self.say, json=self._json)
            if not self._json:
                self.say(f"Started again: pid {record.by.pid} on {record.by.host}")

    def tell(self, record: Record) -> None:
        """Print an earlier record as an object."""
        if self._shows is not None and type(record) is Result:
            self._print_result(self._shows.replay.operations[record.key].operation, record)
        elif type(record) is WaveReached:
            self.wave(record)
        elif type(record) is Rest:
            self._rest(record)

    def wave(self, record: WaveReached) -> None:
        """Show how far a wave came."""
        if self._shows is not None and self._shows.has_waves:
            if self._json:
                print_json(self._of_shard(events.Wave.reached_by(record, self._shows.waves)))
            else:
                self._shows.tell_wave(record)

    def _rest(self, record: Rest) -> None:
        waves.tell_rest(record, json=self._json, say=self.say, shard=self._shard * self._json)

    def say(self, line: str) -> None:
        """Show a line for people: on stdout, above the live view; with ``--json`` on stderr."""
        line = f"{self._shard}: {line.strip()}" if self._shard else line
        if self._json:
            note(line)
        elif self._screen.live is not None:
            self._screen.live.alert(line, style="")
        else:
            print_text(line)

    def show(self, now: float, silence: str) -> None:
        """Show the progress.

        Args:
            now: monotonic seconds of this machine.
            silence: how long no record has arrived, human-readable; empty if one just has.
        """
        self._screen.suspend_if_asked()
        if self._shows is not None:
            progress = self._shows.tracker.look(self.followed.now, self.followed.activity)
            if silence and progress.doing not in STILL:
                # The last rate, and a pause that began long ago, mean nothing any more.
                activity = progress.activity
                if self.followed.arrives_late:
                    activity = replace(activity, pause_seconds=0.0)
                progress = replace(
                    progress, activity=activity, silence=silence, rate=None, seconds_left=None
                )
            self._progress(progress, now)
        elif silence and self._is_due(now, EVERY):
            self.say(f"  {silence}")

    @property
    def is_idle(self) -> bool:
        """Whether it is in a step that writes no record and whose duration the job sets."""
        wave = self.followed.wave
        if self.followed.rest is not None:
            return True
        return wave is not None and bool(wave.until or wave.reached is Reached.PAUSE_OVER)

    def _result(self, result: Result, shown: _Shown) -> None:
        operation = shown.replay.operations[result.key].operation
        if self._json:
            self._print_result(operation, result)
        elif self._screen.live is None:
            self.say(shown.line(operation, result))
        elif result.outcome in TROUBLE:
            before = f"{self._shard}: " if self._shard else ""
            self._screen.live.alert(f"{before}{shown.line(operation, result)}")

    def _print_result(self, operation: Operation, result: Result) -> None:
        print_json(self._of_shard(events.Result.of(operation, result)))

    def _of_shard(self, event: OfShard) -> OfShard:
        return replace(event, shard=self._shard) if self._shard else event

    def _at_gate(self, wave: WaveReached, shown: _Shown) -> None:
        self._gate.close()
        if wave.reached is Reached.PAUSE_OVER and not wave.held and shown.has_gate:
            self._gate.enter_context(shown.tracker.at_gate())

    def _progress(self, progress: JobProgress, now: float) -> None:
        if self._screen.live is not None:
            with received.deferred():
                self._screen.live.show(progress)
        elif self._is_due(now, AT_REST if progress.doing in STILL else EVERY):
            if self._json:
                print_progress(progress, self._date(), journal_only=True, shard=self._shard)
                note(*filter(None, (progress.silence,)), passing=True)
            else:
                print_text(plain_line(progress))

    def _is_due(self, now: float, every: float) -> bool:
        """Return whether a line of progress is due; if so, schedule the next one."""
        if self._next_line_at is None:
            self._next_line_at = now + FIRST
        if now < self._next_line_at + every - EVERY:
            return False
        self._next_line_at = now + EVERY
        return True


class _Shown:
    """One execution on the screen."""

    def __init__(self, replay: Replay, say: Callable[[str], None], *, json: bool) -> None:
        rollout = rollout_of(replay)
        pace = msgspec.convert(replay.header.job.get("pace", {}), Pace)
        self.replay = replay
        self.tracker = ProgressTracker(replay, rollout, pace.rate)
        self.tracker.journal_only = True
        self.line = liner(replay)
        self.tell_wave = waves.teller(replay, rollout, json=json, say=say)
        self.waves = len(replay.waves_of(rollout))
        self.has_gate = rollout.gate is not None
        self.has_waves = self.waves > 1 or self.has_gate
