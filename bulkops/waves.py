"""Carries out what is left of a journal's operations, and verifies it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bulkops.client.api import Client
from bulkops.interruption import Interruption
from bulkops.job import Job
from bulkops.journal.file import Journal
from bulkops.journal.records import How, Result, Verified
from bulkops.operations.model import Kind, Operation
from bulkops.outcome import Outcome
from bulkops.plan import Attachments
from bulkops.runner import Runner
from bulkops.verify import verify


class Waves:
    """One execution's way through a journal.

    Args:
        job: whose ``[pace]`` and ``[rollout]`` hold.
        read: returns what the server shows now of everything the journal is about.
        failures: found in this execution before anything was sent.
        on_result: told every result as it is recorded.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        journal: Journal,
        job: Job,
        *,
        interruption: Interruption,
        read: Callable[[], Awaitable[Attachments]],
        failures: int,
        on_result: Callable[[Operation, Result], None],
    ) -> None:
        self._client = client
        self._kind = kind
        self._journal = journal
        self._job = job
        self._interruption = interruption
        self._read = read
        self._failures = failures
        self._on_result = on_result

    async def run(self) -> str:
        """Return how it ended: of ``How``, or what a signal said.

        Raises:
            Exception: as of ``Runner.run``.
        """
        how = self._interruption.signal or await self._carry_out()
        if how == How.COMPLETE:
            with self._interruption.at_once():
                await self._journal.append(await self._verified())
        return self._interruption.signal or how

    async def _carry_out(self) -> str:
        pace, replay = self._job.pace, self._journal.replay
        runner = self._interruption.runner = Runner(
            self._client,
            self._kind,
            self._journal,
            max_at_once=pace.max_at_once,
            settle=pace.settle_seconds,
            tolerated=self._job.rollout.tolerated(len(replay.operations)),
            on_result=self._on_result,
            failures=self._failures,
        )
        await runner.run(list(replay.having(None, Outcome.IN_DOUBT)))
        return runner.stopped or How.COMPLETE

    async def _verified(self) -> Verified:
        replay, clock = self._journal.replay, self._client.clock
        verified = verify(replay, await self._read(), clock.date())
        done = (Outcome.SUCCEEDED, Outcome.SKIPPED)
        if not any(replay.of(key).outcome in done for key in verified.differing):
            return verified
        # A read may lag behind our last writes: only past that does a difference count.
        await clock.sleep(self._job.pace.settle_seconds)
        return verify(replay, await self._read(), clock.date())
