"""A fleet's job as one shard applies it: which journal it resumes or starts, and holding that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

import msgspec
from anyio import to_thread

from bulkops.client.access.address import is_at
from bulkops.client.api import Client
from bulkops.errors import BulkopsError, JournalLocked
from bulkops.fleet.fleet import Shard
from bulkops.job.job import Job
from bulkops.journal.identity import Identity, identity_of
from bulkops.journal.place import JobJournals, Place, journals_at
from bulkops.journal.process import holder
from bulkops.journal.reader import Contents, header_of, read
from bulkops.journal.waiting import locked
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.plan.trusted import open_journal, sound_journal
from bulkops.plan.unfinished_jobs import is_resumable, is_undone
from bulkops.runner.assignment import LockedJournal

CurrentPlan = Callable[[], Awaitable[Plan]]
"""Returns a shard's plan while no other process can start a journal of its job."""


class How(NamedTuple):
    """How the shards are run: the options of ``apply`` that each of them has.

    Attributes:
        on_wait: called before the first wait for a shard's journal, with the shard's name.
    """

    retry_failed: bool = False
    continue_paused: bool = False
    trust_files: bool = False
    wait: bool = False
    despite_unfinished: bool = False
    exit_outside_window: bool = False
    on_wait: Callable[[str, JournalLocked], object] = lambda _name, _busy: None


class ShardJob(NamedTuple):
    """A fleet's job as one shard applies it.

    Attributes:
        source: the job file, for messages.
        base: see ``Fleet.journals_of``.
        address: the server's, as ``canonical`` returns it.
    """

    shard: Shard
    job: Job
    source: str
    base: str
    address: str

    @property
    def target(self) -> str:
        """The organization that it changes, and at which address."""
        return f"{self.job.organization} {self.address}"

    def journals(self) -> JobJournals:
        """Return its journals."""
        identity = f"{self.job.digest} {self.target}"
        return journals_at(self.base).of_job(self.job.name, identity)

    def is_mine(self, place: Place) -> bool:
        """Return whether a journal is this job's, whatever its state."""
        header = sound_journal(place.reader()).replay.header
        mine = Identity(self.job.digest, self.job.organization)
        return identity_of(header) == mine and is_at(header.address, self.address)

    def latest(self) -> str:
        """Return the newest journal of this job, whatever its state; empty if there is none."""
        return str(self.journals().newest(self.is_mine) or "")

    def elsewhere(self) -> str:
        """Return the address of another server of which there is a journal; empty for none.

        If the fleet file gives the shard's address, no other one can be meant. A journal that can't
        be read is left out.
        """
        mine = Identity(self.job.digest, self.job.organization)
        for place in () if self.shard.address else journals_at(self.base).all(self.job.name):
            try:
                header = header_of(place.reader())
            except (OSError, BulkopsError, msgspec.DecodeError):
                continue
            if header is None or identity_of(header) != mine:
                continue
            if not is_at(header.address, self.address):
                return header.address
        return ""

    def newest(self, journals: JobJournals, how: How) -> Place | None:
        """Return the newest journal that can be resumed, ``None`` if there is none.

        One that was undone is not resumed: the rest of its job alone would be done.

        Raises:
            JournalDamaged: a newer one is damaged, so that its content is unknown.
            JobError: other users may have written it.
        """
        mine = Identity(self.job.digest, self.job.organization)

        def fits(place: Place) -> bool:
            replay = sound_journal(place.reader(trusted=how.trust_files)).replay
            rollout, retry = self.job.rollout, how.retry_failed
            resumable = is_resumable(replay, mine, self.address, rollout, retry_failed=retry)
            return resumable and not is_undone(place, replay.header.run_id)

        return journals.newest(fits)

    async def held(
        self,
        stack: AsyncExitStack,
        client: Client,
        how: How,
        resumed: Place | None,
        current: CurrentPlan,
        *,
        on_wait: Callable[[JournalLocked], object],
    ) -> LockedJournal | None:
        """Hold the journal until the stack ends: the newest to resume, or else a new one.

        ``None``: none is needed, since the plan has no operation left.

        Args:
            resumed: the journal to resume, as it was seen earlier: if another process has finished
                it meanwhile, it is verified.
            current: called for the plan of a new journal, if there is none to resume.

        Raises:
            BulkopsError: see ``Place.locked``, ``newest`` and ``open_journal``.
        """
        by, trusted = holder(client.clock), how.trust_files
        journals = await to_thread.run_sync(self.journals)
        waiting = partial(locked, sleep=client.clock.sleep, on_wait=on_wait, wait=how.wait)
        # Until its journal is held, only this process starts one.
        started = await stack.enter_async_context(waiting(partial(journals.locked, by)))
        await to_thread.run_sync(lambda: journals.check_folder(trusted=trusted))
        place = await to_thread.run_sync(lambda: self.newest(journals, how)) or resumed
        plan = None
        if place is None:
            plan = await current()
            if not plan.operations:
                return None
            place = await to_thread.run_sync(journals.new, client.clock.wall())
        hold = await stack.enter_async_context(waiting(partial(place.locked, by)))

        def opened() -> Contents:
            if plan is not None:
                start_journal(hold.storage, plan, client, by)
                return read(hold.storage)
            return open_journal(hold.storage.owned(trusted=trusted))

        contents = await to_thread.run_sync(opened)
        await to_thread.run_sync(started)
        return LockedJournal(hold, contents)


def targets_of(jobs: Iterable[ShardJob]) -> dict[str, str]:
    """Return the name of each shard → its target."""
    return {one.shard.name: one.target for one in jobs}
