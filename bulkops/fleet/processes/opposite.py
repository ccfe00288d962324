"""A fleet is never applied and undone at once.

Each has a rollout of its own, and the newer one ends the older one: no further shard begins there.
So a process that finds a shard of the other one running is refused before it plans, and again when
it joins: before it writes the record, so that it doesn't end what is running, and after that. One
that begins a shard writes the record, holds the shard's journal, and reads the record again before
it sends anything. So of two processes in the same moment, at least one sees the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread

from bulkops.errors import JournalLocked, PlanStale
from bulkops.fleet.processes.objects import Objects
from bulkops.fleet.processes.record import RolloutRecord
from bulkops.fleet.waves import State
from bulkops.journal.records import Holder
from bulkops.journal.waiting import async_when_free

HolderOf = Callable[[str], Holder | None]
"""Returns the process that holds a shard's newest journal, ``None`` if none does."""
AGAIN = 5.0
"""Seconds until the next look at what is waited for."""


def rollout_job(digest: str, *, undo: bool) -> str:
    """Return what a rollout is of (``RolloutRecord.job``); ``digest``: the job's."""
    return f"undo of {digest}" if undo else digest


class Opposite:
    """The rollout that undoes what this process applies, or applies what it undoes.

    Args:
        digest: the job's.
        undo: it is the one that undoes.
        holder_of: see ``HolderOf``.

    Attributes:
        planned: its record as this process has planned after it; ``None`` if there was none.
    """

    def __init__(self, objects: Objects, digest: str, holder_of: HolderOf, *, undo: bool) -> None:
        self.planned: RolloutRecord | None = None
        self._objects = objects
        self._job = rollout_job(digest, undo=undo)
        self._done = "undone" if undo else "applied"
        self._holder_of = holder_of

    async def until_free(
        self,
        sleep: Callable[[float], Awaitable[object]],
        on_wait: Callable[[JournalLocked], object] = lambda _: None,
        *,
        wait: bool,
    ) -> None:
        """Return when no shard of it is running. What is planned after this holds until ``join``.

        Args:
            on_wait: called before each look after the first.
            wait: wait for it; else it is an error.

        Raises:
            JournalLocked: one is running.
            JournalError, JobError: see ``Objects.read``.
        """

        async def look() -> RolloutRecord | None:
            found, _ = await to_thread.run_sync(self._objects.read)
            await self.check_free(found)
            return found

        self.planned = await async_when_free(look, sleep, on_wait, wait=wait)

    async def check_free(self, found: RolloutRecord | None) -> None:
        """Raise ``JournalLocked`` if this is its record, and a process runs one of its shards."""
        if found is None or found.job != self._job:
            return
        running = [name for name, one in found.shards.items() if one.state is State.RUNNING]
        for name in running:
            by = await to_thread.run_sync(self._holder_of, name)
            if by is not None:
                raise JournalLocked(
                    f"this fleet is being {self._done}: {name} is in use by {by.user} on "
                    f"{by.host}, process {by.pid}",
                    "Nothing was changed. Run the same command again when it has ended, or add "
                    "--wait",
                    AGAIN,
                )

    def check_unchanged(self, found: RolloutRecord | None) -> None:
        """Raise ``PlanStale`` if this is its record, and it has gone on since ``until_free``."""
        if found is not None and found.job == self._job and found != self.planned:
            raise PlanStale(
                f"this fleet was {self._done} since this was planned; nothing was changed. Run the "
                "same command again"
            )
