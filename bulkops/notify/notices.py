"""The notifications of one execution, sent in the background.

Each message has a task per receiver, which retries it for some minutes. Nothing of this ends or
delays an operation: the first error is logged, and the job continues. Only the end of the execution
waits, at most ``GRACE`` seconds, for what is still on its way. The journal
records what became of each message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)

import anyio
from anyio.abc import TaskGroup
from msgspec.structs import replace

from bulkops.clock import Clock
from bulkops.errors import BulkopsError, JournalTakenOver, JournalWriteFailed
from bulkops.journal.records import Holder, Notified
from bulkops.journal.replay import Replay
from bulkops.journal.states import How
from bulkops.log import Log
from bulkops.notify.delivery import Delivery, attempted
from bulkops.notify.message import Message, at_end, started
from bulkops.notify.receivers import Absent, Heartbeat, Receiver
from bulkops.report.model import Report, report
from bulkops.runner.assignment import Post

GRACE = 5.0
"""Seconds that the end of an execution waits at most for what is on its way."""

BEAT_SECONDS = 60.0
"""Seconds between two heartbeats."""

NextSteps = Callable[[Report], Sequence[str]]
"""Returns the commands to run next, one sentence each."""

log = Log(__name__)


def no_steps(_report: Report) -> Sequence[str]:
    """Return no commands."""
    return ()


class JobNotices:
    """The notifications of one execution; see ``Notices``.

    Args:
        on: the occasions of which the receivers are told.
        connections: opened while the execution runs.
        next_steps: called with the report at the end.
        shard: the name of the fleet's shard; empty for a job by itself.
    """

    def __init__(
        self,
        on: Sequence[str],
        receivers: Sequence[Receiver | Absent],
        clock: Clock,
        *,
        heartbeat: Heartbeat | Absent | None = None,
        connections: Sequence[AbstractAsyncContextManager[object]] = (),
        next_steps: NextSteps = no_steps,
        shard: str = "",
    ) -> None:
        self._on = on
        self._receivers = receivers
        self._clock = clock
        self._heartbeat = heartbeat
        self._connections = connections
        self._next_steps = next_steps
        self._shard = shard
        self._group: TaskGroup | None = None
        self._told: tuple[Replay, Post] | None = None
        self._pending: list[Delivery] = []
        self._late: list[Notified] | None = None
        self._beats = self._missed = 0
        self._beat_problem = ""
        self._warned = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """See ``Notices``."""
        error: Exception | None = None
        async with AsyncExitStack() as stack:
            for connection in self._connections:
                await stack.enter_async_context(self._connected(connection))
            async with anyio.create_task_group() as self._group:
                try:
                    yield
                except Exception as raised:  # noqa: BLE001 - raised below: the group would wrap it
                    error = raised
                self._group.cancel_scope.cancel()
        if error is not None:
            raise error

    def started(self, replay: Replay, by: Holder, post: Post) -> None:
        """See ``Notices``."""
        self._told = replay, post
        with self._tolerated():
            self._send(started(report(replay, holder=by), self._shard))
        if isinstance(self._heartbeat, Heartbeat) and self._group is not None:
            self._group.start_soon(self._keep_beating, self._heartbeat)

    async def ended(self, error: Exception | None) -> None:
        """See ``Notices``."""
        if self._told is None or isinstance(error, JournalTakenOver):
            return
        # A journal that can't be written has no record of its end.
        how = How.ERROR if isinstance(error, JournalWriteFailed) else ""
        await self._conclude(self._told[0], error, how)
        self._told = None

    async def _conclude(self, replay: Replay, error: Exception | None, how: str = "") -> None:
        """Send the last message, wait for what is on its way, and record what is given up."""
        self._late = []
        for delivery in self._pending:
            delivery.supersede()
        # The words of any other error are for whoever debugs it.
        why = str(error) if isinstance(error, BulkopsError) else ""
        with self._tolerated():
            summary = report(replay)
            summary = replace(summary, ended=how or summary.ended)
            self._send(at_end(summary, self._next_steps(summary), self._shard, why))
        try:
            with anyio.move_on_after(GRACE):
                for delivery in [*self._pending]:
                    await delivery.wait()
        finally:
            for delivery in [*self._pending]:
                self._record(delivery, f"{delivery.problem}; given up at the end of the job")
            self._record_beats()
            # Together: in a store each group of records is an object, and whoever looks for the
            # journal's end looks at the last few.
            self._post(*self._late)

    def _send(self, message: Message) -> None:
        if message.occasion not in self._on or self._group is None:
            return
        for receiver in self._receivers:
            if isinstance(receiver, Absent):
                self._note(str(message.occasion), receiver.name, 0, receiver.reason)
                continue
            delivery = Delivery(message, receiver, self._clock)
            self._pending.append(delivery)
            self._group.start_soon(self._deliver, delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        with self._tolerated():
            await delivery.run()
            if delivery in self._pending:
                self._record(delivery, delivery.problem)

    def _record(self, delivery: Delivery, problem: str) -> None:
        self._pending.remove(delivery)
        occasion, name = str(delivery.message.occasion), delivery.receiver.name
        self._note(occasion, name, delivery.attempts, problem)

    def _note(self, event: str, receiver: str, attempts: int, problem: str) -> None:
        with self._tolerated():
            fields = {"told": event, "receiver": receiver, "attempts": attempts}
            name = "notification_failed" if problem else "notification_delivered"
            log.info(name, extra={**fields, "reason": problem or None})
            record = Notified(event, receiver, self._clock.date(), attempts, problem)
            if self._late is None:
                self._post(record)
            else:
                self._late.append(record)

    def _post(self, *records: Notified) -> None:
        if self._told is not None:
            _, post = self._told
            with self._tolerated(), suppress(JournalWriteFailed):
                for record in records:
                    post(record)

    async def _keep_beating(self, heartbeat: Heartbeat) -> None:
        while True:
            with self._tolerated():
                attempt = await attempted(heartbeat.beat)
                self._beats += 1
                if attempt.problem:
                    self._missed += 1
                    self._beat_problem = attempt.problem
            await self._clock.sleep(BEAT_SECONDS)

    def _record_beats(self) -> None:
        beats = self._heartbeat
        if isinstance(beats, Absent):
            self._note("heartbeat", beats.name, 0, beats.reason)
        elif beats is not None and self._missed:
            problem = f"{self._missed} of {self._beats} not delivered, the last time: "
            self._note("heartbeat", beats.name, self._beats, problem + self._beat_problem)

    @asynccontextmanager
    async def _connected(
        self, connection: AbstractAsyncContextManager[object]
    ) -> AsyncIterator[None]:
        entered = False
        with self._tolerated():
            await connection.__aenter__()
            entered = True
        if not entered:
            yield
            return
        try:
            yield
        finally:
            with self._tolerated():
                await connection.__aexit__(None, None, None)

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        """Warn once instead of raising what the block raises."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - no fault of notifications may stop a job
            if not self._warned:
                self._warned = True
                # Not its text, which may contain the URL.
                log.warning("notifications_failed", extra={"error": type(error).__name__})
