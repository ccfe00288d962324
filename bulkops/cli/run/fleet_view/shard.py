"""One shard of a fleet that other processes run, from its newest journal and their record."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from bulkops.cli.output.fleet.live import ShardLine
from bulkops.cli.run.follow import Following, Surroundings, WriterGone
from bulkops.cli.run.follow_view import FollowView
from bulkops.errors import BulkopsError, ExitCode
from bulkops.fleet.processes.record import Entry
from bulkops.fleet.report.model import UNDONE, ShardReport
from bulkops.fleet.report.reading import completed, undo_of
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.standing import ended_of, progress_of
from bulkops.fleet.waves import ShardProgress, State
from bulkops.journal.place import Place
from bulkops.journal.replay import Replay
from bulkops.report.metrics import counts_so_far
from bulkops.report.model import PENDING, report

AGAIN = 2.0
"""Seconds from one look for a shard's newest journal to the next, while it is not running."""


class ShardView(FollowView):
    """Shows the records of a shard; its progress is in the fleet's own lines.

    Attributes:
        silence: how long no record has arrived, human-readable; empty if one just has.
    """

    silence = ""

    def introduce(self, head: str, watched: str) -> None:  # noqa: ARG002 - the same for all shards
        """See ``FollowView``."""
        self.say(watched)

    def show(self, now: float, silence: str) -> None:
        """See ``FollowView``."""
        self.silence = silence
        if self._json:
            super().show(now, silence)


class FollowedShard:
    """Follows the newest journal of a shard, which may begin, and be resumed, at any time.

    Args:
        view: returns a new view of it.

    Attributes:
        target: see ``ShardJob.target``.
        entry: in the rollout's record; ``None`` if there is none.
        problem: why it can't be followed, or isn't finished; ``None`` if there is none.
    """

    def __init__(
        self, job: ShardJob, around: Surroundings, view: Callable[[str], ShardView], *, json: bool
    ) -> None:
        self.name = job.shard.name
        self.target = job.target
        self.entry: Entry | None = None
        self.problem: BulkopsError | None = None
        self._state = State.NOT_BEGUN
        self._job = job
        self._around = around
        self._new_view = view
        self._json = json
        self._view = view(self.name)
        self._following: Following | None = None
        # After damage, the rest of a journal says nothing.
        self._is_broken = False
        self._undone, self._note = False, ""
        self._next_at: float | None = None
        # Journals of this job, and others below its folder: reading one whole takes time.
        self._known = dict[str, bool]()

    def look(self) -> None:
        """Read what is new, and show it; an error is the shard's own: ``problem``."""
        now = self._around.now()
        if self._next_at is not None and now < self._next_at:
            return
        try:
            self._find()
            if self._following is not None and not self._is_broken:
                self._follow(self._following)
        except WriterGone as problem:
            self.problem, self._state = problem, State.INTERRUPTED
        except BulkopsError as problem:
            self.problem, self._state, self._is_broken = problem, State.FAILED, True
        self._next_at = None if self._state is State.RUNNING else now + AGAIN

    def _find(self) -> None:
        """Find its newest journal, unless one is running."""
        if self._state is State.RUNNING:
            return
        place = self._job.journals().newest(self._is_mine)
        if place is None or (self._following and str(self._following.place) == str(place)):
            return
        self._view, self._is_broken = self._new_view(self.name), False
        self._undone, self._note = False, ""
        self._following = Following(place, self._around, self._view, json=self._json)

    def _is_mine(self, place: Place) -> bool:
        if str(place) not in self._known:
            self._known[str(place)] = self._job.is_mine(place)
        return self._known[str(place)]

    def _follow(self, following: Following) -> None:
        ended = following.look()
        if ended is not None:
            following.check_ended(ended)
        self.problem = None
        self._state = State.RUNNING if ended is None else ended_of(ended)
        if ended is not None and not self._undone:
            self._undone, self._note = undo_of(following.place, ended)

    def elsewhere(self) -> str:
        """See ``ShardJob.elsewhere``."""
        return self._job.elsewhere()

    @property
    def state(self) -> State:
        """How far it is."""
        if self.entry is None or self.problem is not None:
            return self._state
        return self.entry.completed(self._state)

    @property
    def replay(self) -> Replay | None:
        """Its journal's; ``None`` if it has none."""
        return self._following.replay if self._following is not None else None

    @property
    def progress(self) -> ShardProgress:
        """How far it is, for the decision whether the fleet has ended."""
        lifted, failures = (
            (self.entry.lifted, self.entry.lifted_failures) if self.entry else (False, 0)
        )
        progress = progress_of(self.state, self.replay)
        return replace(progress, lifted=lifted, lifted_failures=failures)

    @property
    def exit_code(self) -> ExitCode | None:
        """The exit code of ``watch`` of its journal; ``None`` if it has not begun."""
        return self.report().exit_code

    @property
    def counts(self) -> dict[str, int]:
        """Outcome (or ``pending``) → number of operations."""
        return counts_so_far(self.replay) if self.replay is not None else {}

    @property
    def line(self) -> ShardLine:
        """Its line in the live view."""
        counts = self.counts
        of = sum(counts.values())
        done = of - counts.get(PENDING, 0)
        words = self.silence or (UNDONE if self._undone else self.state.value)
        return ShardLine(self.name, done, of, words, running=self.state is State.RUNNING)

    @property
    def in_flight(self) -> int:
        """The number of operations in flight."""
        running = self.state is State.RUNNING
        return self._view.followed.activity.in_flight if running else 0

    @property
    def silence(self) -> str:
        """How long nothing has arrived, human-readable; empty if it is not running."""
        return self._view.silence if self.state is State.RUNNING else ""

    @property
    def arrived(self) -> int:
        """The size of its journal at the last look, in bytes."""
        return self._following.arrived if self._following is not None else 0

    def report(self) -> ShardReport:
        """Return what became of it."""
        replay = self.replay
        seen = ShardReport(
            shard=self.name,
            organization=self._job.job.organization,
            state=self._state,
            journal=str(self._following.place) if self._following is not None else "",
            report=report(replay) if replay is not None else None,
            problem=str(self.problem or ""),
            failed_with=ExitCode(self.problem.exit_code if self.problem else ExitCode.ERROR),
            undone=self._undone,
            note=self._note,
        )
        return completed(seen, self.entry)
