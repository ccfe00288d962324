"""One execution of a journal, from its first reading of the server to its last.

The first execution and each later one do the same: read the server, update the journal to what it
shows, carry out what is left, verify. When the last window of the job closes meanwhile, it rests
until one opens, and then does the same again, because the server may show something else by then.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial

from bulkops import __version__
from bulkops.client.api import Client
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import JournalWriteFailed, RunTaskGone
from bulkops.inventory.lookout import Lookout
from bulkops.job.job import Job
from bulkops.job.windows.zones import windows_of
from bulkops.journal.place import Hold
from bulkops.journal.records import (
    Ended,
    Execution,
    Paced,
    Planned,
    Refused,
    Result,
)
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE, How
from bulkops.journal.writer import Journal
from bulkops.log import execution_of
from bulkops.operations.compare import absent
from bulkops.operations.model import Observations
from bulkops.plan.current_state import Weighed, read_current, read_settled
from bulkops.plan.reconcile import reconcile, rests_on_another
from bulkops.plan.recorded import kind_of
from bulkops.plan.tolerance import exceeded, stopped_by_tolerance
from bulkops.runner.activity import Activity
from bulkops.runner.assignment import (
    DEFAULTS,
    IGNORING,
    Assignment,
    Instructions,
    LockedJournal,
    Observer,
    ObserverFailed,
)
from bulkops.runner.interruption import Interruption
from bulkops.runner.log_events import log_ended, log_started, logged
from bulkops.runner.runner import Runner
from bulkops.runner.starts.rest import rest
from bulkops.runner.waves import Waves


class JobExecution:
    """One execution of a journal.

    Args:
        job: the job (see ``job_of``); its ``[pace]`` and ``[rollout]`` apply, all else comes from
            the journal.

    Raises:
        JobError: this machine doesn't know the time zone of one of its windows.
    """

    def __init__(
        self,
        client: Client,
        journal: LockedJournal,
        job: Job,
        instructions: Instructions = DEFAULTS,
        observer: Observer = IGNORING,
    ) -> None:
        self._client = client
        self._locked = journal
        self._job = job
        self._windows = windows_of(job)
        self._instructions = instructions
        self._observer = logged(observer)
        self._interruption = Interruption()
        self._runner: Runner | None = None
        self._past_tolerance = False

    @property
    def interrupted(self) -> str:
        """The signal that stopped it, empty if none did."""
        return self._interruption.signal

    def activity(self) -> Activity:
        """Return a snapshot of what it is doing."""
        client, runner = self._client, self._runner
        return Activity(
            in_flight=runner.in_flight if runner else 0,
            waiting=runner.waiting if runner else 0,
            settle_seconds=client.settling.seconds or (runner.settle_seconds if runner else 0.0),
            settle_reason=client.settling.reason,
            requests=client.requests,
            retries=client.retries,
            refused=client.pacer.refusals,
            limit=client.pacer.limit,
            others_rate=client.pacer.others_rate,
            pause_seconds=client.pacer.pause_seconds,
            pause_status=client.pacer.pause_status,
            outage_seconds=client.outage.lasting(client.clock.now()),
            outage_tolerated=client.outage.tolerated or 0.0,
            outage_reason=client.outage.reason,
        )

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: drain on the first call, stop immediately on the second."""
        self._interruption.interrupt(signal, drain)

    async def run(self) -> Replay:
        """Carry out what is left, verify, and return the job's state.

        A job that its failure tolerance stopped sends nothing, unless ``continue_paused``.

        Raises:
            Unauthorized, JournalWriteFailed: see ``Runner.run``.
            ApiError: the server could not be read, before the first write or to verify.
            Exception: the exception that a callback of the observer raised.
        """
        replay = self._locked.contents.replay
        stopped = stopped_by_tolerance(replay, self._job.rollout)
        if stopped and not self._instructions.continue_paused:
            return replay
        self._past_tolerance = stopped is not None
        try:
            with execution_of(replay.header.run_id):
                async with self._observer.notices.open():
                    try:
                        return await self._execute()
                    except JournalWriteFailed as unwritten:
                        await self._tell(unwritten)
                        raise
        except ObserverFailed as failed:
            error = failed.error
        # Outside the handler: otherwise it would get another context.
        raise error

    async def _execute(self) -> Replay:
        hold, contents = self._locked.hold, self._locked.contents
        kind = kind_of(contents.replay.header, self._instructions.key)
        async with (
            Journal.open(hold.storage, contents, hold.executor) as journal,
            self._kept(hold, journal) as permit,
        ):
            execution = Execution(hold.by, __version__, self._past_tolerance, hold.nonce)
            await journal.begin(execution, permit.wait)
            log_started(hold.place, self._job, journal.replay)
            self._observer.notices.started(journal.replay, hold.by, journal.post)
            assignment = Assignment(
                self._client, kind, journal, hold.place, self._job, permit, self._windows
            )
            try:
                with self._client.pacer.notifying(partial(self._refused, journal)):
                    how = await self._all_of(assignment)
            except Exception as error:
                how = How.GONE if isinstance(error, RunTaskGone) else How.ERROR
                log_ended(how, error)
                await self._end(journal, how, error)
                raise
            await self._end(journal, how)
            log_ended(how)
        return journal.replay

    async def _end(self, journal: Journal, how: str, error: Exception | None = None) -> None:
        """Record how the execution ended, then tell people."""
        await journal.append(self._ended(how))
        await self._tell(error)

    async def _tell(self, error: Exception | None) -> None:
        with self._interruption.concluding():
            await self._observer.notices.ended(error)

    def _kept(self, hold: Hold, journal: Journal) -> AbstractAsyncContextManager[Permit]:
        if hold.keep is None:
            return nullcontext(ALWAYS)
        return hold.keep(journal.break_off, self._job.journal.lease_seconds)

    def _ended(self, how: str) -> Ended:
        replay = self._locked.contents.replay
        return Ended(self._client.clock.date(), how, exceeded(replay, self._job.rollout))

    async def _all_of(self, assignment: Assignment) -> str:
        """Return how it ended; a signal takes precedence."""
        self._client.keep_to(self._job.pace)
        ends = self._instructions.exit_outside_window
        # What fails in this execution isn't retried by it, not even after a rest.
        how = await self._in_window(assignment, retry_failed=self._instructions.retry_failed)
        while how == How.WINDOW:
            how = await rest(assignment, self._observer, self._interruption, ends=ends)
            if how:
                return how
            how = await self._in_window(assignment, retry_failed=False)
        return how

    async def _in_window(self, assignment: Assignment, *, retry_failed: bool) -> str:
        """Carry out what is left, as long as a window is open; return how that ended."""
        client, read_at = self._client, self._client.clock.now()
        requests = client.requests
        with self._interruption.at_once():
            await client.ping()
            limit, rate = client.pacer.limit, client.pacer.rate
            assignment.journal.post(Paced(client.clock.date(), limit, rate))
            read_at = await self._bring_up(assignment, retry_failed=retry_failed)
        read = partial(read_current, client, assignment.replay, 0.0)
        lookout = Lookout(client.clock, read, client.requests - requests)
        self._runner = Runner(assignment, self._interruption, self._observer, read_at, lookout)
        waves = Waves(
            assignment,
            self._runner,
            self._observer,
            self._interruption,
            # It continued past the tolerance; the next stop is another one, and holds.
            continue_paused=self._instructions.continue_paused and not self._past_tolerance,
        )
        return await waves.run()

    def _refused(self, journal: Journal, seconds: float) -> None:
        # Those that wait for the journal learn that it can't be written; the request need not.
        with suppress(JournalWriteFailed):
            journal.post(Refused(self._client.clock.date(), round(seconds, 3)))

    async def _bring_up(self, assignment: Assignment, *, retry_failed: bool) -> float:
        """Record what a reading shows; return when every pending target was as planned."""
        journal, replay, kind = assignment.journal, assignment.replay, assignment.kind

        def records(
            observations: Observations, missing: Collection[str] = ()
        ) -> list[Planned | Result]:
            about, date = (replay, observations, kind), self._client.clock.date()
            return list(reconcile(*about, retry_failed=retry_failed, date=date, missing=missing))

        updates: list[Planned | Result] = []

        def weigh(observations: Observations) -> Weighed:
            # Only a reading past settle proves a change outside this job, an undone operation, or
            # the presence of the other run task.
            updates[:] = records(observations)
            doubtful = any(_by_a_reading(record, replay) for record in updates)
            doubtful = doubtful or rests_on_another(replay, kind)
            results = (record for record in updates if isinstance(record, Result))
            operations = (replay.operations[result.key].operation for result in results)
            return Weighed(doubtful, absent(operations, observations))

        settled = await read_settled(
            self._client, replay, assignment.settle, weigh, needs_tasks=True
        )
        if settled.missing:
            updates[:] = records(*settled)
        for record in updates:
            journal.post(record)
            if isinstance(record, Result):
                self._observer.on_result(replay.operations[record.key].operation, record)
        return self._client.clock.now()


def _by_a_reading(record: Planned | Result, replay: Replay) -> bool:
    """Whether a record follows from a reading of a target that was written before."""
    if isinstance(record, Result):
        return True
    again = replay.operations[record.key].result
    return again is not None and (again.ours or again.outcome in DONE)
