"""Keeps the lease of a journal while a job runs, and releases it (``holding`` decides).

The event loop drives the renewals. If it stands still, for whatever reason, the lease lapses: a
thread of its own would go on renewing the lease of a process that can't notice anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from bulkops.clock import Clock
from bulkops.errors import JournalTakenOver, JournalWriteFailed
from bulkops.journal.remote.bucket.store import StoreError
from bulkops.journal.remote.lease.calls import Calls, LeaseObject, made, run_by
from bulkops.journal.remote.lease.content import Write, pause
from bulkops.journal.remote.lease.holding import Holding, Tenure
from bulkops.journal.storage import Executor
from bulkops.journal.writer import in_thread
from bulkops.log import Log

log = Log(__name__)


class Keeper:
    """Renews a lease in one event loop; the ``Holding`` may outlive it.

    A renewal that hangs delays the next one, so the store's calls should time out within about a
    sixth of the ttl. Nothing but the speed depends on it.

    Args:
        on_end: called once, if the lease is lost or cut off, so that everything stops at once.
    """

    def __init__(
        self,
        holding: Holding,
        at: LeaseObject,
        on_end: Callable[[JournalWriteFailed], None],
        clock: Clock,
        executor: Executor = in_thread,
    ) -> None:
        self._holding = holding
        self._at = at
        self._on_end = on_end
        self._clock = clock
        self._executor = executor
        self._attempting = anyio.Lock()
        self._error: JournalWriteFailed | None = None
        self._reason = ""

    def holds(self) -> bool:
        """Return whether a change may be sent now: a comparison, no I/O."""
        return self._holding.holds(self._clock.boot())

    async def wait(self) -> None:
        """Return once a change may be sent: at once, or after the lease was renewed.

        Raises:
            JournalTakenOver: another process has taken the journal over.
            JournalWriteFailed: the store gave no answer for too long.
        """
        while not self.holds():
            await self._renew()
            if self._error:
                raise self._error

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Renew the lease until the block ends; it is not released."""
        error: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep)
            try:
                yield
            except Exception as raised:  # noqa: BLE001 - raised below: the group would wrap it
                error = raised
            finally:
                group.cancel_scope.cancel()
        if error:
            raise error

    async def _keep(self) -> None:
        while not self._error:
            await self._clock.sleep(max(0.0, self._holding.due - self._clock.boot()))
            await self._renew()

    async def _renew(self) -> None:
        """Make one attempt, unless the lease was renewed while another was being made."""
        holding = self._holding
        async with self._attempting:
            if self._error or (not holding.ended and self._clock.boot() < holding.due):
                return
            decided = bool(holding.ended) or await run_by(self._executor, self._attempt())
            if holding.ended:
                self._error = self._explained()
                self._on_end(self._error)
            elif not decided:
                await self._clock.sleep(pause(holding.lease.ttl))

    def _attempt(self) -> Calls[bool]:
        """Yield the calls of one attempt; return whether it had an outcome."""
        holding, at, now = self._holding, self._at, self._clock.boot
        sent = now()
        write = holding.attempt(sent)
        try:
            version = yield from made(lambda: at.write(write))
            if version is not None:
                holding.written(version, sent)
                return True
            found = yield from made(at.read)
            self._reason = "it refuses to write, though no other process did"
            return holding.refused(found, now())
        except StoreError as error:
            # A denial, too: credentials can be renewed meanwhile.
            self._reason = str(error.strerror)
            holding.unanswered(now())
            return False

    def _explained(self) -> JournalWriteFailed:
        holding, journal = self._holding, self._at.journal
        if holding.ended is not Tenure.LOST:
            return JournalWriteFailed(
                f"{journal}: no answer from the store for {holding.silence:.0f} s "
                f"({self._reason}): nothing more was sent; what was in flight stays in doubt, and "
                "nothing is lost. Run the same command again once the store can be reached; if it "
                f"is only slow, make [journal] lease longer than {holding.lease.ttl:g} s"
            )
        taken, by = holding.taken_by, "another process, which has released it since"
        if taken is None:
            by = "an unknown process: its lease was deleted"
        elif taken.holder:
            by = taken.described()
        return JournalTakenOver(
            f"{journal}: this process did not renew its lease in time, and it was taken over by "
            f"{by}. Nothing more was sent; what was in flight stays in doubt, and nothing is lost. "
            "`watch` the journal, or run the same command again with --wait"
        )


def release(holding: Holding, at: LeaseObject) -> None:
    """Give a lease up, so that no other process has to wait for its ttl; failing is only logged."""
    if holding.ended:
        return
    reason = "it refuses to write"
    write: Write | None = holding.release()
    try:
        for _ in range(2):
            if write is None or at.write(write) is not None:
                return
            write = holding.release_again(at.read())
        if write is None:
            return
    except StoreError as error:
        reason = str(error.strerror)
    facts = {"journal": at.journal, "reason": reason, "ttl": holding.lease.ttl}
    log.warning("lease_not_released", extra=facts)
