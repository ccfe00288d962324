"""What a process tells the other processes of its rollout, and learns from them.

They have two objects in common (``record`` and ``stop``). Each is read whole and replaced in the
state in which it was read; a process that loses a race reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import NamedTuple, TypeVar

import msgspec
from anyio import to_thread

from bulkops.clock import Clock
from bulkops.errors import JournalError, JournalWriteFailed, NotAJournal
from bulkops.fleet.processes import record, stop
from bulkops.fleet.processes.objects import Objects
from bulkops.fleet.processes.opposite import HolderOf, Opposite, rollout_job
from bulkops.fleet.processes.record import Entry, RolloutRecord
from bulkops.fleet.processes.stop import Stop
from bulkops.fleet.waves import ShardProgress, State
from bulkops.journal.place import SharedObject
from bulkops.journal.records import Holder

T = TypeVar("T")

TRIES = 200
"""Lost races in a row, each after a moment's rest, until something else must be wrong."""
REST, LONGEST_REST = 0.5, 5.0
"""Seconds: the longest rest after the first lost race, by which the next ones grow, and of all."""
PATIENCE = 300.0
"""Seconds for which a store that can't be read or written is tried again."""
AGAIN = 5.0
"""Seconds until such a store is tried again."""
FRESH = 60.0
"""Seconds for which what the journals of other processes' shards said is used."""
AT_ONCE = 16
"""Journals that are read at the same time: each may be in a store, whose answers take time."""

ReadRunning = Callable[[str], ShardProgress | None]
"""Returns the progress of a running shard from its journal, ``None`` if that doesn't say it."""


class RecordGone(JournalError):
    """Someone has deleted the record while a process took part in its rollout."""


class Seen(NamedTuple):
    """What a process knows of the rollout.

    Attributes:
        shards: name → progress, of those that have begun in it, in whichever process.
        stopped: why no other shard begins, and which object says so; empty if one may.
    """

    shards: Mapping[str, ShardProgress] = {}
    stopped: str = ""


class Others:
    """One process among those of a rollout.

    Args:
        job: the digest of its job.
        targets: name → target, of all shards of the fleet.
        own: names of those that are this process's.
        by: this process, for people.
        holder_of: see ``HolderOf``.
        undo: they undo what the job did.
        read_running: ``None`` if nothing depends on the failures of running shards.
        continue_paused: lift a stop (``--continue``).
        on_trouble: called with the first error of a store that is tried again from then on.

    Attributes:
        seen: what is known of the rollout since the last call.
        undo: see the argument.
        opposite: what may not go on at the same time.
        clock: of this process.
        hurried: whether a signal has arrived: a store that is away is not tried again.
    """

    def __init__(
        self,
        objects: Objects,
        job: str,
        targets: Mapping[str, str],
        own: Collection[str],
        by: str,
        *,
        holder_of: HolderOf,
        undo: bool = False,
        read_running: ReadRunning | None = None,
        continue_paused: bool = False,
        on_trouble: Callable[[JournalError], object] = lambda _: None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.seen = Seen()
        self.undo = undo
        self.clock = clock or Clock()
        self.hurried = False
        self._objects = objects
        self._job = rollout_job(job, undo=undo)
        self._targets = targets
        self._own = own
        self._by = by
        self._holder_of = holder_of
        self.opposite = Opposite(objects, job, holder_of, undo=not undo)
        self._read_running = read_running
        self._continue = continue_paused
        self._on_trouble = on_trouble
        self._random = random or Random()
        self._number = 0
        self._record: RolloutRecord | None = None
        self._running = dict[str, ShardProgress]()
        self._read_at: float | None = None

    def rest(self, seconds: float) -> float:
        """Return about that many seconds: processes that start together don't stay in step."""
        return seconds * self._random.uniform(0.8, 1.2)

    async def peek(self) -> None:
        """Read what the rollout is that this process would join; change nothing.

        Raises:
            JournalError, JobError: see ``Objects.read``.
        """
        found, stopped = await to_thread.run_sync(self._objects.read)
        mine = self._joined(found, stopped)
        if self._lifts(mine, stopped):
            self._see(mine.lifted({}), None)
        else:
            self._see(mine, stopped)

    async def join(self) -> None:
        """Join the rollout, or begin the next one; lift its stop if ``--continue`` was given.

        Raises:
            JournalError, JobError: see ``Objects.read`` and ``SharedObject.swap``.
            JournalLocked, PlanStale: see ``Opposite``.
        """
        found, stopped = await to_thread.run_sync(self._objects.read)
        await self.opposite.check_free(found)
        mine = self._joined(found, stopped)
        lifts = self._lifts(mine, stopped)
        self._record = mine
        running = await self._read_running_but(()) if lifts else {}

        def entered(seen: RolloutRecord | None) -> RolloutRecord:
            self.opposite.check_unchanged(seen)
            joined = self._joined(seen, stopped)
            return joined.lifted(running) if lifts else joined

        mine = await self._replace_record(entered)
        # A process that began a shard before it could read this.
        await self.opposite.check_free(self.opposite.planned)
        self._number = mine.number
        if lifts:
            await self._replace_stop(stop.lifted(mine, self._by, self.clock.date()))
        await self.look()

    async def look(self, *, thorough: bool = False) -> None:
        """Read both objects and, if it matters, journals of other processes' running shards.

        Args:
            thorough: read those journals although they were read less than a minute ago.

        Raises:
            JournalError, JobError: see ``Objects.read``.
            PlanStale: another rollout follows this one.
        """
        found, stopped = await self._patiently(self._objects.read)
        if found is None:
            raise RecordGone(f"{self._objects.record}: is gone: no further shard begins")
        found.check_number(self._number)
        self._record = found.among(self._targets)
        now = self.clock.now()
        if thorough or self._read_at is None or now - self._read_at >= FRESH:
            self._running = await self._read_running_but(self._own)
            self._read_at = now
        self._see(self._record, stopped)

    async def holder_of(self, name: str) -> Holder | None:
        """Return the process that holds a shard's newest journal, ``None`` if none does.

        Raises:
            JournalError: see ``_patiently``.
        """
        return await self._patiently(partial(self._holder_of, name))

    def entry(self, name: str) -> Entry | None:
        """Return what the rollout's record says of a shard."""
        return self._record.shards.get(name) if self._record else None

    async def record(self, entries: Mapping[str, Entry]) -> None:
        """Record shards that begin or end here.

        Raises:
            JournalError, JobError, PlanStale: see ``look`` and ``SharedObject.swap``.
        """

        def entered(found: RolloutRecord | None) -> RolloutRecord:
            if found is None:
                raise RecordGone(f"{self._objects.record}: is gone: no further shard begins")
            return found.with_entries(self._number, targeted).among(self._targets)

        targeted = {
            name: msgspec.structs.replace(entry, target=self._targets[name])
            for name, entry in entries.items()
        }
        if entries:
            mine = await self._replace_record(entered)
            self._see(mine, None, self.seen.stopped)

    async def stop(self, reason: str) -> None:
        """Stop the rollout: no process begins another shard; raises as ``record``."""
        date = self.clock.date()
        await self._replace_stop(Stop(self._number, date, stopped_by=self._by, reason=reason))
        await self.look()

    def _joined(self, found: RolloutRecord | None, stopped: Stop | None) -> RolloutRecord:
        now, last = self.clock.wall(), stopped.rollout if stopped else 0
        return record.joined(found, self._job, self._targets, now, last)

    def _lifts(self, mine: RolloutRecord, stopped: Stop | None) -> bool:
        return self._continue and stopped is not None and stopped.holds(mine.number)

    def _see(self, mine: RolloutRecord, stopped: Stop | None, reason: str = "") -> None:
        self._record = mine
        shards = {name: entry.progress for name, entry in mine.shards.items()}
        for name, progress in self._running.items():
            if name in shards and shards[name].state is State.RUNNING:
                shards[name] = msgspec.structs.replace(
                    shards[name],
                    operations=progress.operations,
                    failures=progress.failures,
                )
        if stopped is not None and stopped.holds(mine.number):
            reason = self._objects.in_words(stopped)
        self.seen = Seen(shards, reason)

    async def _read_running_but(self, own: Collection[str]) -> dict[str, ShardProgress]:
        read, mine = self._read_running, self._record
        if read is None or mine is None:
            return {}
        shards = mine.shards.items()
        names = [name for name, one in shards if one.state is State.RUNNING and name not in own]

        def read_all() -> dict[str, ShardProgress]:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = zip(names, pool.map(read, names), strict=True)
                return {name: progress for name, progress in found if progress is not None}

        return await to_thread.run_sync(read_all)

    async def _replace_stop(self, new: Stop) -> None:
        await self._until_done(self._objects.stop, lambda: self._objects.replace_stop(new))

    async def _replace_record(
        self, change: Callable[[RolloutRecord | None], RolloutRecord]
    ) -> RolloutRecord:
        at = self._objects
        return await self._until_done(at.record, lambda: at.replace_record(change))

    async def _until_done(self, at: SharedObject, attempt: Callable[[], T | None]) -> T:
        for lost in range(1, TRIES + 1):
            done = await self._patiently(attempt)
            if done:
                return done
            await self.clock.sleep(self._random.uniform(0.0, min(lost * REST, LONGEST_REST)))
        raise JournalWriteFailed(f"{at}: can't be written: other processes keep replacing it")

    async def _patiently(self, call: Callable[[], T]) -> T:
        """Return what a call returns; after it has joined, a store may be away for a while."""
        since, told = self.clock.now(), False
        while True:
            try:
                return await to_thread.run_sync(call)
            except (NotAJournal, RecordGone):
                raise
            except JournalError as problem:
                is_late = self.clock.now() - since > PATIENCE
                if not self._number or self.hurried or is_late:
                    raise
                if not told:
                    told = True
                    self._on_trouble(problem)
            await self.clock.sleep(self.rest(AGAIN))
