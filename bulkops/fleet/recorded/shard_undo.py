"""The undo of one shard's newest journal in this process; the same as ``undo`` of that journal."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from anyio import to_thread

from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.errors import JobError, PlanStale
from bulkops.fleet.shard_job import How, ShardJob
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import State
from bulkops.journal.identity import Identity, check_same, digest_of_undo
from bulkops.journal.place import Hold, Place, place_of_undo
from bulkops.journal.process import holder
from bulkops.journal.reader import Contents, disagreeing, read
from bulkops.journal.replay import Replay
from bulkops.journal.states import How as Ending
from bulkops.journal.together import both
from bulkops.journal.waiting import locked
from bulkops.plan.consistent import disagreement_with_undone
from bulkops.plan.current_state import check_names, undo_recorded
from bulkops.plan.recorded import job_of, start_journal
from bulkops.plan.trusted import open_journal
from bulkops.plan.undo import not_covered
from bulkops.runner.assignment import LockedJournal
from bulkops.text import as_argument, counted


class ShardUndo(ShardRun):
    """The undo of a shard's newest journal: ``look`` at it first, then ``carry_out``.

    Plan, place and replay are those of the undo, which has a journal of its own beside the other
    one. A shard without a journal is done, as is one that was undone completely.
    """

    def __init__(self, of: ShardJob, how: How) -> None:
        super().__init__(of, how)
        self._undone: Place | None = None
        self._executions = 0

    async def _look(self, client: Client) -> None:
        journals, is_mine = await to_thread.run_sync(self._of.journals), self._of.is_mine
        undone = self._undone = await to_thread.run_sync(journals.newest, is_mine)
        if undone is None:
            self.state = State.DONE
            return
        replay, running = await self._read(undone)
        while running is not None and self._how.wait:
            # What it still does is to be undone as well.
            await self._until_free(client, undone)
            replay, running = await self._read(undone)
        if running is not None:
            self._leave(undone, running)
            return
        self.job = job_of(replay.header).effective(replay.header.run_id)
        self._executions = len(replay.executions)
        place = place_of_undo(undone)
        await to_thread.run_sync(place.check)
        if await to_thread.run_sync(place.exists):
            await self._look_into_undo(client, place, undone, replay)
            return
        plan = await undo_recorded(client, replay, undone)
        self._take(await self._with_unfinished(plan, place))

    async def _look_into_undo(
        self, client: Client, place: Place, of: Place, undone: Replay
    ) -> None:
        await self._look_into(place)
        if self.replay is None or self.state is State.RUNNING:
            return
        check_undo(place, self.replay, of, undone)
        if is_finished(self.replay, retry_failed=self._how.retry_failed):
            self.state = State.DONE
        elif self.state is State.INTERRUPTED:
            await check_names(client, self.replay.header, place)

    async def _held(self, stack: AsyncExitStack, client: Client) -> LockedJournal:
        """Hold the undo's journal, which is started if it doesn't exist, and the one to undo.

        Raises:
            PlanStale: that one was resumed since its undo was planned.
            BulkopsError: see ``Place.locked``, ``open_journal`` and ``check_undo``.
        """
        if self._undone is None:
            raise RuntimeError("look first")
        # While it is undone, no other process resumes it.
        undone = await stack.enter_async_context(self._locked(client, self._undone))
        place = place_of_undo(undone.place)
        hold = await stack.enter_async_context(self._locked(client, place))
        contents = await to_thread.run_sync(self._opened, client, undone, hold)
        return LockedJournal(hold._replace(keep=both(hold.keep, undone.keep)), contents)

    def _opened(self, client: Client, undone: Hold, hold: Hold) -> Contents:
        plan, trusted = self.plan, self._how.trust_files
        replay = open_journal(undone.storage.owned(trusted=trusted)).replay
        if plan is not None and not hold.place.exists():
            if len(replay.executions) != self._executions or plan.undo_of != replay.header.run_id:
                raise PlanStale(
                    f"{undone.place}: has changed since its undo was planned; nothing was sent. "
                    "Run the same command again"
                )
            hold.place.check_folder(trusted=trusted)
            start_journal(hold.storage, plan, client, hold.by)
            return read(hold.storage)
        contents = open_journal(hold.storage.owned(trusted=trusted))
        check_undo(hold.place, contents.replay, undone.place, replay)
        return contents

    async def _until_free(self, client: Client, undone: Place) -> None:
        """Wait until no process uses a journal, or that of its undo.

        Of a dead process, both leases are watched at the same time: each must be unchanged for its
        ttl.
        """
        undo = place_of_undo(undone)
        places = [undone, undo] if await to_thread.run_sync(undo.exists) else [undone]

        async def wait(place: Place) -> Place:
            async with self._locked(client, place):
                return place

        calls = [partial(wait, place) for place in places]
        await in_order(calls, lambda _: None, at_once=len(calls))

    def _locked(self, client: Client, place: Place) -> AbstractAsyncContextManager[Hold]:
        by, sleep = holder(client.clock), client.clock.sleep
        return locked(partial(place.locked, by), sleep, self._note_waiting, wait=self._how.wait)


def check_undo(place: Place, replay: Replay, of: Place, undone: Replay) -> None:
    """Refuse a journal that is not that of the undo of another one.

    Raises:
        JobError: it is another job's, or the job made more changes since the undo was planned.
        JournalDamaged: it reverts what the job never did.
    """
    header = undone.header
    check_same(replay.header, Identity(digest_of_undo(header.run_id), header.organization), place)
    if problem := disagreement_with_undone(replay, undone):
        raise disagreeing(place, problem)
    if more := not_covered(undone, replay):
        named = as_argument(of)
        raise JobError(
            f"{of}: was resumed since its undo was planned, and made {counted(more, 'more change')}"
            f". Undo all of it with `bulkops undo {named} --journal FILE`, with a new FILE or URL"
        )


def is_finished(replay: Replay, *, retry_failed: bool) -> bool:
    """Return whether nothing is left of an undo, not even its last verification."""
    if replay.ended is None or replay.unfinished:
        return False
    if replay.ended.how == Ending.GONE:
        return True
    return replay.ended.how == Ending.COMPLETE and not (retry_failed and replay.to_retry)
