"""This process's shards in a rollout: how far all shards are, and which of its own begin next."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bulkops.fleet.processes import record
from bulkops.fleet.processes.others import Others
from bulkops.fleet.processes.record import Entry
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import ENDED, Course, Next, ShardProgress, State, exceeded, next_step


class OwnShards:
    """The shards of this process among those of the rollout.

    Args:
        runs: one for each shard of this process.
        waves: the names of each wave's shards, those of other processes included.

    Attributes:
        runs: name → run.
        begun: names of those that this process has begun or resumed.
        running: those that it runs at the moment.
    """

    def __init__(
        self,
        runs: Sequence[ShardRun],
        waves: Sequence[Sequence[str]],
        rollout: FleetRollout,
        others: Others,
    ) -> None:
        self.runs = {run.name: run for run in runs}
        self.begun = set[str]()
        self.running = dict[str, ShardRun]()
        self._waves = waves
        self._rollout = rollout
        self._others = others

    @property
    def progress(self) -> dict[str, ShardProgress]:
        """Name → progress, of each shard of the rollout that has begun or is this process's."""
        shards = {**self._others.seen.shards}
        for name, run in self.runs.items():
            shards[name] = self._of(run, shards.get(name, ShardProgress()))
        return shards

    def _of(self, run: ShardRun, recorded: ShardProgress) -> ShardProgress:
        """Return the progress of a shard of this process; ``recorded``: by any process."""
        if self._is_held(run.name):
            return recorded if recorded.state in ENDED else replace(recorded, state=State.RUNNING)
        if run.replay is None and run.state is recorded.state:
            # An earlier process carried it out: it knows how often it failed.
            return recorded
        return replace(
            run.progress, lifted=recorded.lifted, lifted_failures=recorded.lifted_failures
        )

    @property
    def next(self) -> Next:
        """What comes next in the rollout."""
        stopped = bool(self._others.seen.stopped)
        return next_step(self._waves, self.progress, self._rollout, stopped=stopped)

    @property
    def not_begun(self) -> list[str]:
        """The names of the shards of this process that have not begun."""
        return [name for name, run in self.runs.items() if run.state is State.NOT_BEGUN]

    @property
    def stopped(self) -> str:
        """Why no other shard begins; empty if one may."""
        return self._others.seen.stopped or exceeded(self.progress.values(), self._rollout)

    @property
    def reason_to_stop(self) -> str:
        """Why this process has to stop the rollout; empty if it hasn't to."""
        shards = self.progress
        left = any(
            shards.get(name, ShardProgress()).state is State.NOT_BEGUN
            for wave in self._waves
            for name in wave
        )
        return exceeded(shards.values(), self._rollout) if left else ""

    def to_begin(self) -> list[ShardRun]:
        """Return those that begin or resume now."""
        own = self.runs.keys() - self.begun
        return [self.runs[name] for name in self.next.begin if name in own]

    def has_more(self) -> bool:
        """Return whether one begins now, or may begin once others have ended."""
        if self.to_begin():
            return True
        step = self.next
        if not self.not_begun or self.stopped or step.course is Course.PAUSED:
            return False
        if any(self.runs[name].state is State.INTERRUPTED for name in self.begun):
            # Its wave can't end here: this command has to be run again.
            return False
        return not all(self._is_held(name) for name in self._unfinished(step.wave))

    def awaited(self) -> tuple[int, dict[str, ShardProgress]]:
        """Return the current wave, and other processes' shards that have to end before the next.

        None while a shard of that wave is running in this process.
        """
        wave, shards = self.next.wave, self.progress
        left = self._unfinished(wave)
        if any(name in self.running for name in left):
            return wave, {}
        return wave, {
            name: shards.get(name, ShardProgress()) for name in left if name not in self.runs
        }

    def _unfinished(self, wave: int) -> list[str]:
        shards = self.progress
        names = self._waves[wave - 1]
        return [name for name in names if shards.get(name, ShardProgress()).state not in ENDED]

    def _is_held(self, name: str) -> bool:
        """Return whether a shard is this process's, but runs in another one."""
        run = self.runs.get(name)
        return run is not None and run.state is State.RUNNING and name not in self.running

    def keep_lifted(self) -> None:
        """Let shards that fail again as they did before ``--continue`` not stop it again."""
        for run in self.runs.values():
            entry = self._others.entry(run.name)
            if run.problem is not None and run.state is State.NOT_BEGUN and entry and entry.lifted:
                run.state = State.FAILED

    def begins(self, run: ShardRun) -> Entry:
        """Return the entry of a shard that begins or resumes."""
        progress = run.progress
        if run.replay is None and run.plan is not None:
            progress = replace(progress, operations=run.plan.units)
        return record.begun(self._others.entry(run.name), progress)

    def waiting(self) -> dict[str, Entry]:
        """Return name → entry, of those that have yet to begin and aren't recorded."""
        names = (name for name in self.not_begun if self._others.entry(name) is None)
        return dict.fromkeys(names, record.NOT_BEGUN)

    def ended(self) -> dict[str, Entry]:
        """Return name → entry, of those that have ended or pause, unless recorded already."""
        entries = dict[str, Entry]()
        for name, run in self.runs.items():
            earlier = self._others.entry(name)
            over = run.state in (*ENDED, State.PAUSED)
            if over and (earlier is None or earlier.state is not run.state):
                problem = str(run.problem or "")
                entries[name] = record.ended(earlier, run.progress, problem, run.blocked)
        return entries
