"""Carries out many operations at once, and stops in good order.

Operations are taken up in their order while there is a place free; one that only waits for a
lost answer's effect to settle gives its place to another, unless so many wait already that their
failing would be more than is tolerated. Stopped, by a signal, by too many failures, by a refused
token, the runner takes up nothing new and drains: what is in flight is finished and recorded.
Only a journal that can't be written ends it at once.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

import anyio

from bulkops.client.caller import Caller
from bulkops.errors import JournalWriteFailed
from bulkops.journal.file import Journal
from bulkops.journal.records import How, Result
from bulkops.journal.replay import Progress
from bulkops.operations.model import Kind, Operation
from bulkops.outcome import TROUBLE, Outcome
from bulkops.worker import Worker

LEAST_PLACES = 4
MOST_PLACES = 256
"""Operations in flight, whatever the latency: a server that gets slower and slower is ill."""

UNPACED = 32
"""Operations in flight where no limit is told."""


class Runner:
    """One execution of a job's pending operations.

    Args:
        max_at_once: operations in flight; one that only waits isn't counted. ``None``: as many
            as the latency asks for, see ``places``.
        settle: seconds after a lost answer in which its effect may still land.
        tolerated: failures borne; one more stops the runner.
        strict: never have more in flight than may still fail, and one; those that only wait are
            in flight, too.
        on_result: told every result as it is recorded.
        failures: found in this execution before anything was sent.

    Attributes:
        stopped: why nothing new is taken up: of ``How``, or what ``stop`` was told; empty while
            running.
        failures: so far.
    """

    def __init__(
        self,
        caller: Caller,
        kind: Kind,
        journal: Journal,
        *,
        max_at_once: int | None,
        settle: float,
        tolerated: int,
        strict: bool = False,
        on_result: Callable[[Operation, Result], None],
        failures: int = 0,
    ) -> None:
        self.stopped = ""
        self.failures = failures
        self._caller = caller
        self._kind = kind
        self._journal = journal
        self._max_at_once = max_at_once
        self._tolerated = tolerated
        self._strict = strict
        self._places = anyio.CapacityLimiter(self._wanted_places())
        self._settle = settle
        self._on_result = on_result
        self._scope = anyio.CancelScope()
        self._error: Exception | None = None
        self._waiting = 0

    async def run(self, work: Iterable[Progress]) -> None:
        """Carry out what is pending and look at what is in doubt.

        Raises:
            ApiError: the token was refused, or the server can't be reached; what was in flight
                is finished and recorded, and the next execution goes on.
            JournalWriteFailed: nothing was sent after it.
            Exception: whatever ``on_result`` raised; what was in flight is finished, too.
        """
        self._stop_if_too_many()
        with self._scope:
            async with anyio.create_task_group() as workers:
                for progress in work:
                    await self._places.acquire_on_behalf_of(progress.operation.key)
                    if self.stopped:
                        # Somebody who only waits may still need it to read back.
                        self._places.release_on_behalf_of(progress.operation.key)
                        break
                    workers.start_soon(self._carry_out, progress)
        if self._error is not None:
            raise self._error

    def stop(self, why: str, drain: float | None = None) -> None:
        """Take up nothing new; leave in doubt what is still in flight after ``drain`` seconds."""
        self.stopped = self.stopped or why
        if drain is not None:
            self._scope.deadline = min(self._scope.deadline, anyio.current_time() + drain)

    def stop_at_once(self, why: str) -> None:
        """Leave in doubt whatever is in flight."""
        self.stopped = self.stopped or why
        self._scope.cancel()

    async def _carry_out(self, progress: Progress) -> None:
        operation, in_doubt = progress.operation, progress.outcome is Outcome.IN_DOUBT
        worker = Worker(
            operation,
            self._kind,
            self._caller,
            self._journal,
            settle=self._settle,
            aside=partial(self._place_given_away, progress),
        )
        try:
            result = await worker.result(in_doubt=in_doubt)
            self._journal.post(result)
            self.failures += result.outcome in TROUBLE
            self._stop_if_too_many()
            self._on_result(operation, result)
        except JournalWriteFailed as error:
            self._error = error
            self.stop_at_once(How.ERROR)
        except Exception as error:  # noqa: BLE001 - raised by ``run``: a group would wrap it
            # Without a result the operation is in doubt: the next execution looks at it.
            self._error = self._error or error
            self.stop(How.ERROR)
        finally:
            # In this order: whoever waits for a place must not get one that is there no more.
            self._places.total_tokens = self._wanted_places()
            self._places.release_on_behalf_of(progress.operation.key)

    def _wanted_places(self) -> int:
        wanted = self._max_at_once or places(self._caller.pacer.rate, self._caller.latency)
        # One where none may be: whoever gets it finds that the runner has stopped.
        return min(wanted, max(1, self._tolerated - self.failures + 1)) if self._strict else wanted

    def _stop_if_too_many(self) -> None:
        if self.failures > self._tolerated:
            self.stop(How.TOLERANCE)

    @asynccontextmanager
    async def _place_given_away(self, progress: Progress) -> AsyncIterator[None]:
        if self._strict or self.failures + self._waiting >= self._tolerated:
            yield
            return
        self._waiting += 1
        self._places.release_on_behalf_of(progress.operation.key)
        try:
            yield
        finally:
            # Stopped at once or not: its place is given back once, at its end.
            with anyio.CancelScope(shield=True):
                await self._places.acquire_on_behalf_of(progress.operation.key)
            self._waiting -= 1


def places(rate: float | None, latency: float) -> int:
    """Return how many operations to have in flight at a pace and a latency (Little's law).

    Twice as many as are on their way to the server and back, so that there is always one whose
    intent is on disk when the next may leave.

    Args:
        rate: requests a second, ``None`` where nothing limits it.
        latency: seconds until an answer, 0 where nobody knows yet.
    """
    if rate is None:
        return UNPACED
    return min(MOST_PLACES, LEAST_PLACES + math.ceil(2 * rate * latency))
