"""One shard in this process: what is left to do there, and doing it; the same as one ``apply``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import anyio
from anyio import to_thread

from bulkops.client.api import Client
from bulkops.errors import (
    SIGNALS,
    BulkopsError,
    ExitCode,
    JournalLocked,
    JournalTakenOver,
    RightMissing,
    Unauthorized,
)
from bulkops.fleet.shard_job import How, ShardJob
from bulkops.fleet.standing import before_running, ended_of, progress_of, stopped_by
from bulkops.fleet.waves import ShardProgress, State
from bulkops.journal.place import Place
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.library import plan_job
from bulkops.notify.opening import notifying
from bulkops.plan.current_state import check_names
from bulkops.plan.model import Plan
from bulkops.plan.trusted import open_journal
from bulkops.plan.unfinished_jobs import (
    unfinished_first,
    unfinished_jobs,
    with_unfinished_noted,
)
from bulkops.report.model import exit_code
from bulkops.runner.assignment import Instructions, LockedJournal, Observer
from bulkops.runner.execution import JobExecution
from bulkops.runner.gate import check_gate_to_resume
from bulkops.runner.hmac_key import key_to_resume

_NOT_RUN = {State.FAILED: ExitCode.STOPPED, State.PAUSED: ExitCode.PAUSED}
"""The exit code of a shard that this process has not run, because only ``--continue`` does."""

Observe = Callable[["ShardRun", Replay], Observer]
"""Returns the observer of a shard's execution; the state is that of its journal."""
Check = Callable[[], Awaitable[None]]
"""Raises ``BulkopsError`` if a shard must not begin after all."""


class ShardRun:
    """A shard's job in this process: ``look`` at it first, then ``carry_out``.

    Attributes:
        state: how far it is.
        problem: what prevents it, or ended it; ``None`` if nothing does.
        plan: what it will do if it has no journal to resume; ``None`` before ``look``.
        place: its journal's; ``None`` if it has none.
        replay: that journal's.
        execution: the execution in this process; ``None`` before it begins.
    """

    def __init__(self, of: ShardJob, how: How) -> None:
        self.name = of.shard.name
        self.job = of.job
        self.address = of.address
        self.state = State.NOT_BEGUN
        self.problem: BulkopsError | None = None
        self.plan: Plan | None = None
        self.place: Place | None = None
        self.replay: Replay | None = None
        self.execution: JobExecution | None = None
        self._of = of
        self._how = how
        self._waited = False
        self._contradicted = list[Place]()
        self._latest = ""
        self._signal = ""
        self._preparing: anyio.CancelScope | None = None

    @property
    def progress(self) -> ShardProgress:
        """How far it is, for the decision which shards begin next."""
        return progress_of(self.state, self.replay)

    @property
    def blocked(self) -> int:
        """The number of targets that its plan can't change; 0 if it has a journal to say so."""
        return len(self.plan.blocked) if self.plan is not None and self.replay is None else 0

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that ``apply`` of this shard alone would have."""
        if self.problem is not None:
            # The exit code reports the interruption, the text what went wrong.
            if self._signal and self.problem.exit_code == ExitCode.ERROR:
                return SIGNALS[self._signal]
            return ExitCode(self.problem.exit_code)
        if self._signal and self.state is State.INTERRUPTED:
            return SIGNALS[self._signal]
        if self.replay is not None:
            code = exit_code(self.replay)
            return code if self.execution is not None else _NOT_RUN.get(self.state, code)
        return ExitCode.UNFULFILLED if self.blocked else ExitCode.DONE

    async def look(self, client: Client) -> None:
        """Read the newest journal that can be resumed or, if there is none, plan; change nothing.

        An error is the shard's own: ``problem``.
        """
        try:
            await self._look(client)
        except BulkopsError as problem:
            self.problem = explained(problem, client)

    async def look_at_server(self, client: Client) -> None:
        """Plan, whatever its journals say; an error is the shard's own: ``problem``."""
        try:
            self.plan = await self._planned(client)
        except BulkopsError as problem:
            self.problem = explained(problem, client)

    async def _planned(self, client: Client) -> Plan:
        plan = await plan_job(client, self.job, self._of.source)
        if plan.denied:
            raise RightMissing(denied(plan, client.kept_in))
        return await self._with_unfinished(plan)

    async def _with_unfinished(self, plan: Plan, journal: Place | None = None) -> Plan:
        unfinished = await to_thread.run_sync(unfinished_jobs, plan, self.address, journal)
        self._contradicted = [one.place for one in unfinished if one.contradicts]
        return with_unfinished_noted(plan, unfinished)

    async def _look(self, client: Client) -> None:
        found = await to_thread.run_sync(lambda: self._of.newest(self._of.journals(), self._how))
        if found is not None:
            await self._look_into(found)
            if self.state is State.INTERRUPTED and self.replay is not None:
                await check_names(client, self.replay.header, found)
            return
        self._latest = await to_thread.run_sync(self._of.latest)
        self._take(await self._planned(client))

    def _take(self, plan: Plan) -> None:
        self.plan = plan
        if self._contradicted and plan.operations and not self._how.despite_unfinished:
            raise unfinished_first(self._contradicted[0])
        self.state = State.NOT_BEGUN if plan.operations else State.DONE

    def _note_waiting(self, busy: JournalLocked) -> None:
        if not self._waited:
            self._waited = True
            self._how.on_wait(self.name, busy)

    async def _look_into(self, found: Place) -> None:
        self.place = found
        self.replay, running = await self._read(found)
        if running is not None and not self._how.wait:
            self._leave(found, running)
            return
        self.state = self._before_running(self.replay)

    async def _read(self, place: Place) -> tuple[Replay, Holder | None]:
        """Return the state of a journal, and who holds it."""

        def state() -> Replay:
            return open_journal(place.reader(trusted=self._how.trust_files)).replay

        return await to_thread.run_sync(partial(place.read_with_holder, state))

    def _leave(self, place: Place, running: Holder) -> None:
        """Leave a journal to the process that holds it."""
        self.state = State.RUNNING
        by = f"{running.user} on {running.host}, process {running.pid}"
        self.problem = JournalLocked(f"{place}: is in use by {by}")

    def _before_running(self, replay: Replay) -> State:
        return before_running(
            replay,
            self.job.rollout,
            continue_paused=self._how.continue_paused,
            retry_failed=self._how.retry_failed,
        )

    async def carry_out(self, client: Client, observe: Observe, check: Check) -> None:
        """Start the journal, or resume it, and carry out what is left, until it ends.

        An error is the shard's own: ``problem``. A journal that another process has started
        meanwhile is resumed.

        Args:
            observe: returns the observer of the execution.
            check: called before anything is sent, when its journal is held.
        """
        self.state = State.RUNNING
        if self.problem is not None:
            self.state = stopped_by(self.problem)
            return
        try:
            async with AsyncExitStack() as stack:
                execution = None
                with anyio.CancelScope() as self._preparing:
                    execution = await self._prepared(stack, client, observe, check)
                if self._signal:
                    self.state = State.INTERRUPTED
                if execution is None or self._signal:
                    return
                self.execution = execution
                self.replay = await execution.run()
        except BulkopsError as problem:
            self._fail(problem, client)
            return
        self.state = ended_of(self.replay)

    def _fail(self, problem: BulkopsError, client: Client) -> None:
        self.problem = explained(problem, client)
        if isinstance(problem, JournalLocked | JournalTakenOver):
            self.state = State.RUNNING
        elif self._signal:
            self.state = State.INTERRUPTED
        else:
            self.state = stopped_by(problem)

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop: drain on the first call, stop immediately on the second."""
        self._signal = self._signal or signal
        if self.execution is not None:
            self.execution.interrupt(signal, drain)
        elif self._preparing is not None:
            self._preparing.cancel()

    async def _held(self, stack: AsyncExitStack, client: Client) -> LockedJournal | None:
        """Hold the journal to resume, or start one; see ``ShardJob.held``."""

        async def current() -> Plan:
            """Plan again if another process has carried out the job since."""
            if await to_thread.run_sync(self._of.latest) != self._latest:
                self._take(await self._planned(client))
            if self.plan is None:
                raise RuntimeError("look first")
            return self.plan

        resumed = None if self.plan is not None else self.place
        if self.plan is None and resumed is None:
            raise RuntimeError("look first")
        return await self._of.held(
            stack, client, self._how, resumed, current, on_wait=self._note_waiting
        )

    async def _prepared(
        self, stack: AsyncExitStack, client: Client, observe: Observe, check: Check
    ) -> JobExecution | None:
        """Return the execution of the held journal; ``None`` if nothing may or need be done."""
        journal = await self._held(stack, client)
        if journal is None:
            self.state = State.DONE
            return None
        hold, contents = journal.hold, journal.contents
        self.place, self.replay = hold.place, contents.replay
        retry, continued = self._how.retry_failed, self._how.continue_paused
        if self._before_running(self.replay) is State.FAILED:
            self.state = State.FAILED
            return None
        await check()
        await check_names(client, self.replay.header, hold.place)
        check_gate_to_resume(self.job, self.replay, retry_failed=retry)
        key = key_to_resume(self.job, self.replay, retry_failed=retry)
        return JobExecution(
            client,
            journal,
            self.job,
            Instructions(retry, continued, key, self._how.exit_outside_window),
            notifying(observe(self, contents.replay), self.job, client, shard=self.name),
        )


def denied(plan: Plan, kept_in: str) -> str:
    """Return the problem of a shard whose token may not change any workspace.

    Args:
        kept_in: where the token comes from; empty if that is unknown.
    """
    at = f" in {kept_in}" if kept_in else ""
    return (
        f"the token{at} lacks {plan.denied} on every selected workspace of "
        f"{plan.job.organization}. Grant it to the token's team, or use another token there"
    )


def explained(problem: BulkopsError, client: Client) -> BulkopsError:
    """Return a shard's problem, which names where a refused token comes from."""
    if isinstance(problem, Unauthorized) and client.kept_in:
        problem.args = (f"{problem}. Put a valid one in {client.kept_in}",)
    return problem
