"""``bulkops fleet watch FLEET``: show a fleet that other processes run, from its journals alone.

What the journals don't say, the record of the rollout and its stop do, beside them. All of them are
only read: nothing is created, locked or sent.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from bulkops.cli.output.fleet.live import FleetView
from bulkops.cli.output.fleet.reports import print_reports
from bulkops.cli.output.fleet.text import progress_in_words
from bulkops.cli.output.printing import note, print_text
from bulkops.cli.output.watch import EVERY, FIRST
from bulkops.cli.run.begun_fleet import report_of, with_found
from bulkops.cli.run.fleet_view.shard import AGAIN, FollowedShard, ShardView
from bulkops.cli.run.follow import POLL, Surroundings
from bulkops.cli.run.follow_view import Screen, is_live
from bulkops.cli.run.open_fleet import address_of, objects_of, shard_jobs
from bulkops.cli.signals import received
from bulkops.errors import ExitCode
from bulkops.fleet.file import load_fleet, load_fleet_job
from bulkops.fleet.fleet import Fleet
from bulkops.fleet.outlook import is_over
from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.report.next_steps import next_steps
from bulkops.fleet.report.text import elsewhere, headline, lines, state
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.waves import Course, ShardProgress, State, exceeded, next_step
from bulkops.job.job import Job
from bulkops.text import as_argument


def follow_fleet(
    path: Path, *, json: bool, trust_files: bool, around: Surroundings | None = None
) -> ExitCode:
    """Show a fleet until it ends, and return the worst exit code of its shards.

    Raises:
        JobError: the fleet file or the job file is wrong.
        JournalError: the place of the journals can't be read.
    """
    fleet = load_fleet(path, trust_files=trust_files)
    following = _Following(fleet, load_fleet_job(fleet), around or Surroundings(), json=json)
    try:
        following.run()
        return following.conclude(as_argument(path))
    except SystemExit:
        if received.first:
            note("Stopped watching. The fleet itself is not affected.")
        raise


class _Following:
    def __init__(self, fleet: Fleet, job: Job, around: Surroundings, *, json: bool) -> None:
        self._fleet = fleet
        self._job = job
        self._around = around
        self._json = json
        self._view = FleetView(sys.stdout) if is_live(json=json) else None
        self._screen = Screen(self._view)
        self._shards = dict[str, FollowedShard]()
        self._new_at = self._next_line_at = around.now()
        self._next_line_at += FIRST
        self._objects = objects_of(fleet, trusted=True)
        self._stopped = ""
        self._found_at: float | None = None
        self._read_at: float | None = None
        self._seen: object = None
        self._waits = False

    def run(self) -> None:
        self._find()
        if not self._json:
            fleet = self._report()
            print_text(
                headline(fleet.fleet, fleet.kind, fleet.task, len(fleet.shards), fleet.waves)
            )
        with self._screen.shown():
            while not self._look():
                if not self._waits and not any(one.replay for one in self._shards.values()):
                    self._waits = True
                    self._say("No shard has begun yet: waiting for the first one")
                    note(*elsewhere(one.elsewhere() for one in self._shards.values()))
                self._show()
                received.check()
                self._around.sleep(POLL)

    def _look(self) -> bool:
        """Read the journals once; return whether the fleet has ended."""
        self._find()
        before = {name: shard.state for name, shard in self._shards.items()}
        for shard in self._shards.values():
            shard.look()
            self._screen.suspend_if_asked()
            received.check()
        changed = [one for name, one in self._shards.items() if one.state is not before[name]]
        self._read_rollout(now=bool(changed))
        if self._seen is not None:
            self._say_what_ended(before)
        now = self._around.now()
        seen = [(shard.state, shard.arrived) for shard in self._shards.values()]
        if seen != self._seen:
            self._seen, self._new_at = seen, now
        return is_over(
            self._waves,
            self._progress,
            self._fleet.rollout,
            now - self._new_at,
            complete=bool(self._fleet.shards),
            stopped=bool(self._stopped),
        )

    def _read_rollout(self, *, now: bool) -> None:
        """Read what the processes recorded, if it may be new.

        Args:
            now: read it although it was read a moment ago. It is written before a journal begins:
                what was read before that may be about an earlier attempt.
        """
        date = self._around.now()
        if not now and self._read_at is not None and date - self._read_at < AGAIN:
            return
        self._read_at = date
        targets = {name: shard.target for name, shard in self._shards.items()}
        entries, self._stopped = self._objects.read_rollout(self._job.digest, targets)
        for name, shard in self._shards.items():
            shard.entry = entries.get(name)

    def _say_what_ended(self, before: Mapping[str, State]) -> None:
        for name, shard in self._shards.items():
            if shard.state not in (before[name], State.RUNNING):
                for line in state(shard.report()).split("\n"):
                    self._say(f"{name}: {line}")

    def _find(self) -> None:
        """Find the shards: all at once if the fleet file lists them, else those known so far."""
        now = self._around.now()
        if self._fleet.shards and self._shards:
            return
        if self._found_at is not None and now - self._found_at < AGAIN:
            return
        self._found_at = now
        fleet = self._fleet
        if not fleet.shards:
            fleet, _ = with_found(fleet)
        for job in shard_jobs(fleet, self._job, address_of):
            if job.shard.name not in self._shards:
                self._shards[job.shard.name] = self._followed(job)

    def _followed(self, job: ShardJob) -> FollowedShard:
        def view(name: str) -> ShardView:
            return ShardView(self._screen, self._around.date, json=self._json, shard=name)

        return FollowedShard(job, self._around, view, json=self._json)

    @property
    def _waves(self) -> list[tuple[str, ...]]:
        # Of organizations that must be found, more may begin, in whatever wave.
        return self._fleet.waves() if self._fleet.shards else [tuple(self._shards)]

    def _say(self, line: str) -> None:
        if self._json:
            note(line)
        elif self._view is not None:
            self._view.alert(line, style="")
        else:
            print_text(line)

    def _show(self) -> None:
        now, shards = self._around.now(), self._shards.values()
        total = Counter[str]()
        for shard in shards:
            total.update(shard.counts)
        line = progress_in_words(
            total,
            running=sum(shard.state is State.RUNNING for shard in shards),
            in_flight=sum(shard.in_flight for shard in shards),
        )
        if self._view is not None:
            with received.deferred():
                self._view.show_shards([shard.line for shard in shards], line)
        elif total and now >= self._next_line_at:
            self._next_line_at = now + EVERY
            if self._json:
                note(line, passing=True)
            else:
                silent = (f"  {one.name}: {one.silence}" for one in shards if one.silence)
                print_text(line, *silent)

    def conclude(self, path: str) -> ExitCode:
        """Print the report and what to do next, and return the exit code.

        Args:
            path: the fleet file's, for a command line.
        """
        fleet = self._report()
        code = ExitCode.ERROR if fleet.exit_code is None else fleet.exit_code
        if self._json:
            print_reports(fleet, code)
        else:
            # Why it is stopped follows, with what to do about it.
            print_text("", *lines(replace(fleet, stopped="")))
        note(*next_steps(fleet, self._course, f"bulkops fleet apply {path}"))
        return code

    def _report(self) -> FleetReport:
        shards = (shard.report() for shard in self._shards.values())
        stopped = self._stopped
        if not stopped and self._course is Course.STOPPED:
            # Its processes ended before one of them wrote it down.
            stopped = exceeded(self._progress.values(), self._fleet.rollout)
        return report_of(self._fleet, self._job, shards, len(self._waves), stopped)

    @property
    def _progress(self) -> dict[str, ShardProgress]:
        return {name: shard.progress for name, shard in self._shards.items()}

    @property
    def _course(self) -> Course:
        stopped = bool(self._stopped)
        return next_step(self._waves, self._progress, self._fleet.rollout, stopped=stopped).course
