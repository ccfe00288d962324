"""Joins the parts: a journal from a plan, and one execution of a journal.

Every execution of a journal is the same, the first and each later one: read the server where
anything may have moved since, bring the journal up to it, carry out what is left, verify.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from bulkops import __version__
from bulkops.client.api import Client
from bulkops.errors import JournalWriteFailed
from bulkops.job.job import Job
from bulkops.journal.disk import FileCalls
from bulkops.journal.reader import Contents
from bulkops.journal.records import (
    Ended,
    Execution,
    Holder,
    Paced,
    Planned,
    Record,
    Refused,
    Result,
)
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Outcome
from bulkops.journal.writer import Executor, Journal, in_thread
from bulkops.log import execution_of
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import HmacKey, Showing
from bulkops.plan.reconcile import reconcile
from bulkops.plan.recorded import kind_of
from bulkops.plan.standing import read_standing
from bulkops.runner.activity import Activity
from bulkops.runner.gate import RunGate, run_gate
from bulkops.runner.interruption import Interruption
from bulkops.runner.log_events import log_ended, log_started, logging_results, logging_waves
from bulkops.runner.waves import OnResult, OnWave, Waves, unheard


class JobExecution:
    """One execution of a journal.

    Args:
        job: whose ``[pace]`` and ``[rollout]`` hold; the rest is the journal's.
        go_on: somebody said so (``--continue``): past the pause, or the gate that said nothing, at
            which the job stands.
        key: that the job's wish names, where something is left to be sent.
        on_result: told every result as it is recorded.
        on_wave: told how far a wave came as it is recorded.
        gate: runs the job's gate.
    """

    def __init__(
        self,
        client: Client,
        path: Path,
        contents: Contents,
        job: Job,
        by: Holder,
        *,
        retry_failed: bool = False,
        go_on: bool = False,
        key: HmacKey | None = None,
        on_result: OnResult = unheard,
        on_wave: OnWave = unheard,
        gate: RunGate = run_gate,
        files: FileCalls | None = None,
        executor: Executor = in_thread,
    ) -> None:
        self._client = client
        self._path = path
        self._contents = contents
        self._job = job
        self._by = by
        self._retry_failed = retry_failed
        self._go_on = go_on
        self._key = key
        self._on_result = logging_results(on_result)
        self._on_wave = logging_waves(on_wave)
        self._gate = gate
        self._files = files
        self._executor = executor
        self._interruption = Interruption()
        self._conflicts = list[str]()

    @property
    def interrupted(self) -> str:
        """The signal that stopped it, empty for none."""
        return self._interruption.signal

    def activity(self) -> Activity:
        """Return what it is doing just now."""
        client, runner = self._client, self._interruption.runner
        return Activity(
            in_flight=runner.in_flight if runner else 0,
            waiting=runner.waiting if runner else 0,
            requests=client.requests,
            retries=client.retries,
            refused=client.pacer.refusals,
            limit=client.pacer.limit,
            others_rate=client.pacer.others_rate,
            pause_seconds=client.pacer.pause_seconds,
        )

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: in good order the first time, at once the second."""
        self._interruption.interrupt(signal, drain)

    async def run(self) -> Replay:
        """Carry out what is left, verify, and return where the job stands.

        Raises:
            Unauthorized, JournalWriteFailed: as of ``Runner.run``.
            ApiError: the server could not be read, before the first write or to verify.
        """
        with execution_of(self._contents.replay.header.run_id):
            return await self._execute()

    async def _execute(self) -> Replay:
        header = self._contents.replay.header
        kind = kind_of(header, self._key)
        opened = Journal.open(self._path, self._contents, self._files, self._executor)
        async with opened as journal:
            await journal.append(Execution(self._by, __version__))
            log_started(self._path, self._job, journal.replay)
            try:
                with self._client.pacer.telling(partial(self._refused, journal)):
                    how = await self._all_of(journal, kind)
            except Exception as error:
                log_ended(How.ERROR, error)
                await journal.append(Ended(self._client.clock.date(), How.ERROR))
                raise
            await journal.append(Ended(self._client.clock.date(), how))
            log_ended(how)
        return journal.replay

    async def _all_of(self, journal: Journal, kind: Kind) -> str:
        """Return how it ended: a signal before all else."""
        self._client.pacer.lower(self._job.pace.rate)
        with self._interruption.at_once():
            await self._client.ping()
            pacer = self._client.pacer
            journal.post(Paced(self._client.clock.date(), pacer.limit, pacer.rate))
            await self._bring_up(journal, kind)
        waves = Waves(
            self._client,
            kind,
            journal,
            self._job,
            interruption=self._interruption,
            read=partial(self._standing, journal.replay),
            read_at=self._client.clock.now(),
            conflicts=self._conflicts,
            go_on=self._go_on,
            gate=self._gate,
            on_result=self._on_result,
            on_wave=self._on_wave,
        )
        return await waves.run()

    def _refused(self, journal: Journal, seconds: float) -> None:
        # Whoever waits for the journal learns that it can't be written; the request need not.
        with suppress(JournalWriteFailed):
            journal.post(Refused(self._client.clock.date(), round(seconds, 3)))

    async def _bring_up(self, journal: Journal, kind: Kind) -> None:
        records = await self._reconciled(journal.replay, kind)
        if any(_by_a_reading(record, journal.replay) for record in records):
            # A read may lag behind our own writes: only past that was it somebody else, or undone.
            await self._client.clock.sleep(self._job.pace.settle_seconds)
            records = await self._reconciled(journal.replay, kind)
        for record in records:
            journal.post(record)
            if isinstance(record, Result):
                if record.outcome is Outcome.CONFLICT:
                    self._conflicts.append(record.key)
                self._on_result(journal.replay.of(record.key).operation, record)

    async def _reconciled(self, replay: Replay, kind: Kind) -> list[Record]:
        showing = await self._standing(replay)
        date = self._client.clock.date()
        records = reconcile(replay, showing, kind, retry_failed=self._retry_failed, date=date)
        return list(records)

    async def _standing(self, replay: Replay) -> Showing:
        return await read_standing(self._client, replay, self._job.pace.settle_seconds)


def _by_a_reading(record: Record, replay: Replay) -> bool:
    """Whether a record says what it says for what was read of something that was written."""
    again = replay.of(record.key).result if isinstance(record, Planned) else None
    return isinstance(record, Result) or (again is not None and again.ours)
