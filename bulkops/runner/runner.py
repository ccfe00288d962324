"""Runs many operations concurrently, and drains when it has to stop.

Operations start in their order as long as a slot is free. One that only waits for the effect of a
lost answer to settle lends its slot to another, unless so many wait already that their failures
would exceed the tolerance. If a signal, too many failures, a refused token or the end of the job's
window stop the runner, it starts nothing new and drains: operations in flight are finished and
recorded. Only a journal that can't be written ends it immediately.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

import anyio

from bulkops.errors import JournalWriteFailed
from bulkops.inventory.lookout import Lookout
from bulkops.journal.progress import Progress
from bulkops.journal.records import Result
from bulkops.journal.states import TROUBLE, How, Outcome
from bulkops.log import CARRIED_OUT, Log
from bulkops.operations.model import Operation
from bulkops.plan.tolerance import Margin
from bulkops.runner.assignment import Assignment, Observer, WindowClosed
from bulkops.runner.interruption import Interruption
from bulkops.runner.starts.dependencies import Order
from bulkops.runner.starts.slots import Slots, slots_needed
from bulkops.runner.worker import MayLook, Worker

log = Log(__name__)

LOOK_SECONDS = 0.1
"""Seconds between two checks whether the observer takes results again."""


class Runner:
    """Runs an execution's operations, one wave after the other.

    Args:
        read_at: time of the reading that showed the state before the operations.
        lookout: reads several targets at once.
    """

    def __init__(
        self,
        assignment: Assignment,
        interruption: Interruption,
        observer: Observer,
        read_at: float,
        lookout: Lookout,
    ) -> None:
        self._assignment = assignment
        self._caller = assignment.client
        self._journal = assignment.journal
        self._strict = assignment.job.rollout.strict
        self._interruption = interruption
        self._on_result = observer.on_result
        self._takes_more = observer.takes_more
        self._carrying = observer.carrying
        self._waits_for_observer = False
        self._few_logged = False
        self._read_at = read_at
        self._lookout = lookout
        self._margin: Margin | None = None
        self._slots = Slots(0)
        self._order = Order((), self._journal.replay.operations)
        self._carriers = anyio.create_task_group()
        self._stopped = ""
        self._error: Exception | None = None
        self._waiting = 0
        self._settling: list[float] = []

    @property
    def stopped(self) -> str:
        """Why nothing new starts: a value of ``How`` or a signal's name; empty while it may."""
        return self._stopped or self._interruption.signal

    @property
    def in_flight(self) -> int:
        """Number of operations that have started and have no result, waiting ones included."""
        return self._slots.taken + self._waiting

    @property
    def waiting(self) -> int:
        """Number of those that only wait for the effect of a lost answer to settle."""
        return len(self._settling)

    @property
    def settle_seconds(self) -> float:
        """Seconds until the last of these has settled; 0 if there are none."""
        return max(0.0, max(self._settling, default=0.0) - self._caller.clock.now())

    async def run(self, work: Iterable[Progress], margin: Margin) -> str:
        """Run pending operations, read back those in doubt, and return what stopped the runner.

        Args:
            margin: the failures that are tolerated; one more stops the runner.

        Raises:
            ApiError: the token was refused, or the server can't be reached. Operations in flight
                are finished and recorded; the next execution resumes.
            JournalWriteFailed: the journal can't be written; nothing was sent after that.
            ObserverFailed: ``on_result`` raised; operations in flight are finished and recorded.
        """
        self._margin = margin
        self._order = Order(work, self._journal.replay.operations)
        self._not_tried(self._order.hopeless())
        self._stop_if_too_many()
        with self._interruption.draining():
            async with anyio.create_task_group() as self._carriers:
                self._fill()
        if self._error is not None:
            raise self._error
        # Without anything that stops it, only the end of a window leaves operations that are ready.
        return self.stopped or (How.WINDOW if self._order.ready else "")

    def _fill(self) -> None:
        """Start carriers until the slots or the operations run out."""
        self._slots.total = self._desired()
        while self._order.ready and self._may_take_up() and self._slots.take():
            self._carriers.start_soon(self._carry, self._order.ready.popleft())

    def _may_take_up(self) -> bool:
        """Return whether the next operation may start; poll a busy observer until it may."""
        may_begin = self._continues(self._order.ready[0]) or self._assignment.may_begin
        if self.stopped or not may_begin:
            return False
        if self._takes_more():
            return True
        if not self._waits_for_observer:
            self._waits_for_observer = True
            self._carriers.start_soon(self._until_more_is_taken)
        return False

    def _continues(self, progress: Progress) -> bool:
        return progress.operation.key in self._order.continuing

    async def _until_more_is_taken(self) -> None:
        # Polled: the observer may write in a thread, whose progress this event loop can't await.
        while self._order.ready and not self.stopped and not self._takes_more():
            await self._caller.clock.sleep(LOOK_SECONDS)
        self._waits_for_observer = False
        self._fill()

    def _desired(self) -> int:
        rate, seconds = self._caller.pacer.rate, self._caller.latency + self._journal.sync_seconds
        desired = self._assignment.job.pace.max_at_once or slots_needed(rate, seconds)
        most = self._caller.most_at_once
        if most is not None and desired > most:
            self._log_few(desired, most)
            desired = most
        # At least one: an operation that gets it finds that the runner has stopped.
        return min(desired, max(1, self._left + 1)) if self._strict else desired

    def _log_few(self, desired: int, most: int) -> None:
        if not self._few_logged:
            self._few_logged = True
            log.warning("few_descriptors", extra={"at_once": most, "needed": desired})

    async def _carry(self, progress: Progress) -> None:
        """Run one operation after the other; a task for each would take a quarter more time."""
        try:
            await self._carry_out(progress)
            self._slots.total = self._desired()
            while self._order.ready and self._may_take_up() and self._slots.enough:
                progress = self._order.ready.popleft()
                self._fill()
                await self._carry_out(progress)
                self._slots.total = self._desired()
        finally:
            self._slots.give()

    async def _carry_out(self, progress: Progress) -> None:
        operation, in_doubt = progress.operation, progress.outcome is Outcome.IN_DOUBT
        CARRIED_OUT.set(operation)
        worker = Worker(
            operation,
            self._assignment,
            read_at=self._read_at,
            aside=self._settles,
            at_any_time=self._continues(progress),
        )
        try:
            with self._carrying(operation):
                result = await worker.result(in_doubt=in_doubt)
                self._journal.post(result)
                self._take(result)
                self._on_result(operation, result)
            self._not_tried(self._order.done(operation.key, result.outcome))
        except WindowClosed:
            # Behind those that continue: the next window has an order of its own.
            self._order.ready.append(progress)
        except JournalWriteFailed as error:
            self._error, self._stopped = error, How.ERROR
            self._interruption.cut_short()
        except Exception as error:  # noqa: BLE001 - raised by ``run``: a group would wrap it
            # Without a result the operation is in doubt; the next execution reads it back.
            self._error = self._error or error
            self._stopped = self._stopped or How.ERROR
        finally:
            CARRIED_OUT.set(None)

    def _not_tried(self, given_up: Iterable[tuple[Operation, str]]) -> None:
        # They don't count as failures: the operation that comes first is counted already.
        for operation, first in given_up:
            # Without the target's own id, which would keep reports from grouping equal reasons.
            which = first.removesuffix(f":{operation.target.id}")
            reason = f"not tried: {which} must come first and did not succeed"
            date = self._caller.clock.date()
            result = Result(operation.key, Outcome.FAILED, date, reason=reason, counts=False)
            self._journal.post(result)
            self._on_result(operation, result)

    @property
    def _left(self) -> int:
        return self._margin.left if self._margin is not None else 0

    def _take(self, result: Result) -> None:
        if self._margin is not None and result.counts and result.outcome in TROUBLE:
            self._margin.take_failure(result.key)
            self._stop_if_too_many()

    def _stop_if_too_many(self) -> None:
        if self._left < 0:
            self._stopped = self._stopped or How.TOLERANCE

    @asynccontextmanager
    async def _settles(self, seconds: float) -> AsyncIterator[MayLook]:
        settled_at = self._caller.clock.now() + seconds
        self._settling.append(settled_at)
        try:
            async with self._slot_lent() as lent:
                yield partial(self._may_look, lent)
        finally:
            self._settling.remove(settled_at)

    async def _may_look(self, lent: bool, operation: Operation, since: float) -> bool:  # noqa: FBT001 - bound by ``partial``
        if lent and self._order.ready and not self.stopped:
            # The request would delay another operation, and so the end.
            return False
        return await self._lookout.may_be_done(operation, waiting=self.waiting, since=since)

    @asynccontextmanager
    async def _slot_lent(self) -> AsyncIterator[bool]:
        if self._strict or self._waiting >= self._left:
            yield False
            return
        self._waiting += 1
        self._slots.give()
        self._fill()
        try:
            yield True
        finally:
            # Even if stopped immediately, since the slot is given back at the end.
            with anyio.CancelScope(shield=True):
                await self._slots.take_again()
            self._waiting -= 1
