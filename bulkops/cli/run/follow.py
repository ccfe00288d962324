"""``bulkops watch JOURNAL``: show a job that another process runs, from its journal alone.

The journal is only read: nothing is created, locked or sent. This machine may write it, or another
one through a shared folder; or it is a copy that arrives in pieces.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.live import LiveView
from bulkops.cli.output.next_step import end_lines
from bulkops.cli.output.printing import note, print_text
from bulkops.cli.run.follow_view import FollowView, Screen, is_live
from bulkops.cli.signals import received
from bulkops.errors import BulkopsError, ExitCode
from bulkops.job.duration import in_words
from bulkops.journal.following.follower import Follower
from bulkops.journal.following.outlook import GONE_AFTER, Outlook, Sight, Writer, outlook
from bulkops.journal.local.holder import is_alive
from bulkops.journal.place import Place
from bulkops.journal.reader import disagreeing
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.plan.trusted import disagreement_as_known, sound_journal
from bulkops.report.model import exit_code, report
from bulkops.report.text import head, totals
from bulkops.report.text import lines as report_lines
from bulkops.text import as_argument

POLL = 0.5
"""Seconds from one look at the file to the next: a network file system sends no notifications."""

SETTLED_AFTER = 2.0
"""Seconds for which a file must look damaged to be reported so: a copy in progress may, too."""

QUIET = 1.0
"""Seconds without a new byte after which bulkops checks if the writer still runs."""


class Surroundings(NamedTuple):
    """The environment, which tests replace: the time, and whether a process of this host runs.

    Attributes:
        now: monotonic seconds.
        sleep: waits for a number of seconds.
        wall: the date and time, in UTC.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    is_alive: Callable[[Holder], bool] = is_alive

    def date(self) -> str:
        """Return the date and time in the format of events."""
        return self.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def follow(place: Place, *, json: bool, around: Surroundings | None = None) -> ExitCode:
    """Show a job until it ends, and return its exit code.

    Raises:
        JournalError: there is no such journal, or another run's journal has replaced it.
        JournalDamaged: it is damaged or contradicts itself.
        WriterGone: its writer is gone, and the job is not finished.
    """
    around = around or Surroundings()
    screen = Screen(LiveView(sys.stdout) if is_live(json=json) else None)
    advice = f" `bulkops resume {as_argument(place)}` resumes it."
    view = FollowView(screen, around.date, json=json)
    following = Following(place, around, view, json=json, advice=advice)
    try:
        with screen.shown():
            while not (replay := following.look()):
                received.check()
                around.sleep(POLL)
        return _conclude(following, replay, json=json)
    except SystemExit:
        if received.first:
            note("Stopped watching. The job itself is not affected.")
        raise


class WriterGone(BulkopsError):
    """The process that ran a job is gone, and the job is not finished."""


class Following:
    """Follows one journal.

    Args:
        view: shows what is new.
        advice: what to do if its writer is gone, after a space; empty if the caller says it.

    Attributes:
        place: the journal's.
    """

    def __init__(
        self,
        place: Place,
        around: Surroundings,
        view: FollowView,
        *,
        json: bool,
        advice: str = "",
    ) -> None:
        self.place = place
        self._advice = advice
        self._around = around
        self._json = json
        self._follower = Follower(place.reader())
        self._view = view
        self._writer = Writer.UNKNOWN
        self._began = self._has_more = self._waits = False
        self._replaced = 0
        self._looked_at = self._new_at = around.now()
        self._arrived = 0
        self._trouble_since: float | None = None

    @property
    def replay(self) -> Replay | None:
        """The job's state; ``None`` until its whole plan has arrived."""
        return self._follower.replay if self._follower.planned else None

    @property
    def arrived(self) -> int:
        """The journal's size at the last look, in bytes."""
        return self._follower.arrived

    def look(self) -> Replay | None:
        """Read the journal once; return the job's state if it has ended, else ``None``.

        Raises:
            BulkopsError: see ``follow``.
        """
        now = self._around.now()
        self._read(now)
        self._look_at_trouble(now)
        replay, silent = self._follower.replay, now - self._new_at
        sight = self._sight(replay, silent)
        expected = outlook(sight)
        if not self._began:
            self._begin(replay, over=expected is Outlook.ENDED)
        arrives_late = self._writer is Writer.UNKNOWN
        if self._view.is_idle or not arrives_late:
            self._view.followed.passes(now - self._looked_at)
        self._view.followed.arrives_late = arrives_late
        self._looked_at = now
        if expected is Outlook.ENDED:
            return replay
        if expected is Outlook.GONE:
            return self._gone()
        self._view.show(now, self._silence(replay, silent) if expected is Outlook.SILENT else "")
        return None

    def _read(self, now: float) -> None:
        """Show the new records."""
        follower = self._follower
        for record in follower.look():
            if follower.replaced != self._replaced:
                self._replaced, self._began = follower.replaced, False
                self._view.restart()
                self._view.say(f"{self.place}: it was replaced with another state of the same job")
            self._view.take(record)
            self._has_more = True
        if follower.arrived != self._arrived:
            self._arrived, self._new_at = follower.arrived, now

    def _sight(self, replay: Replay | None, silent: float) -> Sight:
        if replay is None:
            return Sight(ended=False, more=False, writer=Writer.UNKNOWN, silent=silent)
        follower = self._follower
        sound = follower.planned and not follower.damaged
        ended = sound and replay.ended is not None
        if ended or silent >= QUIET or not self._began:
            self._writer = self.place.writer(replay, self._around.is_alive)
        more = ended and (replay.unfinished or replay.to_retry or not replay.passed)
        return Sight(ended, more, self._writer, silent)

    def _begin(self, replay: Replay | None, *, over: bool) -> None:
        """Show the job if the journal has its whole plan."""
        if replay is None or not self._follower.planned:
            if not (self._waits or self._follower.missing):
                self._waits = True
                self._view.say(f"{self.place}: its plan is still incomplete: waiting for the rest")
            return
        if self._follower.damaged:
            return
        self._check(replay)
        self._began, self._has_more = True, False
        if not self._json and not over:
            watched = self._watching(replay.last_runner)
            self._view.introduce(next(head(report(replay))), watched)
        self._view.begin(replay, self._around.wall().timestamp())
        if self._json and not self._replaced:
            for record in self._follower.of_last_execution():
                self._view.tell(record)

    def _watching(self, runner: Holder) -> str:
        known = {
            Writer.UNKNOWN: "; whether it is still running can't be seen from here",
            Writer.GONE: "; it no longer holds the journal",
            Writer.FOLLOWS: "; another process holds it now",
        }
        return (
            f"Watching {self.place}, written by pid {runner.pid} on {runner.host} since "
            f"{runner.started_at}{known.get(self._writer, '')}"
        )

    def _silence(self, replay: Replay | None, silent: float) -> str:
        silence = f"No new record for {in_words(silent)}"
        if replay is None or not self._follower.planned:
            return f"{silence}: waiting for the rest of the plan"
        if self._writer is Writer.FOLLOWS:
            return f"{silence} from the process that holds the journal now"
        runner = replay.last_runner
        return f"{silence} from pid {runner.pid} on {runner.host}"

    def _look_at_trouble(self, now: float) -> None:
        """Read the journal as other commands do, since its problem lasts."""
        follower = self._follower
        if not (follower.missing or follower.damaged or follower.other):
            self._trouble_since = None
            return
        if self._trouble_since is None:
            self._trouble_since = now
        lasted = now - self._trouble_since
        known = follower.replay is not None
        patience = GONE_AFTER if known and follower.missing else SETTLED_AFTER if known else 0.0
        if lasted >= patience:
            sound_journal(self.place.reader())

    def _gone(self) -> Replay:
        """Return the job's state if it has ended after all; else raise an error."""
        replay = sound_journal(self.place.reader()).replay
        if replay.ended is not None:
            return replay
        runner = replay.last_runner
        if not self._json:
            self._view.say(f"  {totals(report(replay))}")
        raise WriterGone(
            f"{self.place}: the process that ran this job is gone (pid {runner.pid} on "
            f"{runner.host}, since {runner.started_at}): the journal's lock is free, and the job "
            f"is not finished.{self._advice}"
        )

    def check_ended(self, replay: Replay) -> None:
        """Check the records that have arrived since the job was first shown.

        Raises:
            JournalDamaged: they contradict the job.
        """
        if self._has_more:
            self._check(replay)

    def _check(self, replay: Replay) -> None:
        if problem := disagreement_as_known(replay):
            raise disagreeing(self.place, problem)


def _conclude(following: Following, replay: Replay, *, json: bool) -> ExitCode:
    following.check_ended(replay)
    summary = report(replay)
    if json:
        print_json(events.Report.of(summary))
    else:
        print_text("", *report_lines(summary))
    note(*end_lines(summary, following.place))
    return exit_code(replay)
