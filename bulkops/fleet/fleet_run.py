"""The shards of this process side by side, in the waves of a rollout that others may share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack

import anyio
from anyio.abc import TaskGroup

from bulkops.client.api import Client
from bulkops.errors import SIGNALS, BulkopsError, ExitCode, JournalLocked
from bulkops.fleet.processes.others import Others
from bulkops.fleet.processes.own_shards import OwnShards
from bulkops.fleet.processes.record import NOT_BEGUN
from bulkops.fleet.processes.unattended import Awaited, Unattended
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.shard_run import Observe, ShardRun
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import Course, State

LOOK = 5.0
"""Seconds between two looks at the rollout while shards of other processes are waited for."""
SELDOM = 60.0
"""Seconds between two looks while only shards of this process are."""


class FleetRun:
    """Carries out the shards of this process: each when its wave's turn has come.

    Args:
        runs: one for each shard of this process.
        waves: the names of each wave's shards, those of other processes included.
        others: the other processes.
        observe: returns the observer of a shard's execution.
        on_change: called with a shard each time it has ended.
        on_wait: called when this process waits for shards of others, and now and then after that.

    Attributes:
        runs: name → run.
        signal: the signal that stopped it; empty if none did.
        problem: why it begins no further shard although one might: it doesn't know what the other
            processes do, they have begun another rollout, or none runs what it waits for.
    """

    def __init__(
        self,
        runs: Sequence[ShardRun],
        waves: Sequence[Sequence[str]],
        rollout: FleetRollout,
        others: Others,
        observe: Observe,
        *,
        on_change: Callable[[ShardRun], object] = lambda _: None,
        on_wait: Callable[[Awaited], object] = lambda _: None,
    ) -> None:
        self._own = OwnShards(runs, waves, rollout, others)
        self.runs = self._own.runs
        self.signal = ""
        self.problem: BulkopsError | None = None
        self._others = others
        self._observe = observe
        self._on_change = on_change
        self._unattended = Unattended(others.clock, others.holder_of, on_wait)
        self._changed = anyio.Event()

    async def until_free(
        self, on_wait: Callable[[JournalLocked], object] = lambda _: None, *, wait: bool
    ) -> None:
        """See ``Opposite.until_free``; what the shards look at after this is what they change."""
        await self._others.opposite.until_free(self._others.clock.sleep, on_wait, wait=wait)

    async def peek(self) -> None:
        """Read how far the rollout is, and change nothing; raises ``BulkopsError``."""
        await self._others.peek()

    async def settle(self) -> None:
        """Record what the shards of this process are, none of which has anything to do.

        An undo records nothing: it would end the rollout of those that apply the fleet.
        """
        try:
            if not self._others.undo:
                await self._others.join()
            for run in self.runs.values() if not self._own.stopped else ():
                if run.problem is not None and run.state is State.NOT_BEGUN:
                    run.state = State.FAILED
            if not self._others.undo:
                await self._record_ended()
        except BulkopsError as problem:
            self.problem = problem

    async def run(self, clients: Mapping[str, Client]) -> None:
        """Carry out all shards whose turn comes; each one's result is in its ``ShardRun``.

        Args:
            clients: name → client, which this opens and closes.
        """
        async with AsyncExitStack() as stack:
            for client in clients.values():
                await stack.enter_async_context(client)
            async with anyio.create_task_group() as group:
                try:
                    await self._lead(group, clients)
                except BulkopsError as problem:
                    # What has begun is finished.
                    self.problem = problem

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop all shards: drain on the first call, stop immediately on the second."""
        self._others.hurried = True
        self.signal = self.signal or signal
        for run in list(self._own.running.values()):
            run.interrupt(signal, drain)
        self._changed.set()

    def has_more(self) -> bool:
        """Return whether a shard begins now, or may begin once those of others have ended."""
        return self._own.has_more()

    @property
    def stops_here(self) -> str:
        """Why shards of this process don't begin; empty if they may, or all have begun."""
        return self._own.stopped if self._own.not_begun else ""

    @property
    def is_paused(self) -> bool:
        """Whether shards of this process begin only after ``--continue``."""
        return bool(self._own.not_begun) and self._own.next.course is Course.PAUSED

    @property
    def course(self) -> Course:
        """What its shards do next, unless the user does something first."""
        if self.stops_here:
            return Course.STOPPED
        paused = any(run.state is State.PAUSED for run in self.runs.values())
        return Course.PAUSED if paused or self.is_paused else Course.FINISHED

    @property
    def exit_code(self) -> ExitCode:
        """The worst exit code of all shards of this process."""
        begun = (run for run in self.runs.values() if run.state is not State.NOT_BEGUN)
        codes: list[int] = [run.exit_code for run in begun]
        if self.problem is not None:
            codes.append(self.problem.exit_code)
        if self.signal:
            codes.append(SIGNALS[self.signal])
        if self.stops_here:
            codes.append(ExitCode.STOPPED)
        if self.is_paused:
            codes.append(ExitCode.PAUSED)
        return worst(codes)

    async def _lead(self, group: TaskGroup, clients: Mapping[str, Client]) -> None:
        await self._others.join()
        self._own.keep_lifted()
        # A rollout that a process waits in is not stale.
        await self._others.record(self._own.waiting())
        await self._record_ended()
        while self.has_more() and not self.signal:
            changed = self._changed = anyio.Event()
            await self._begin(group, clients)
            if self.has_more():
                wave, others = self._own.awaited()
                await self._unattended.check(wave, others)
                with anyio.move_on_after(self._others.rest(LOOK if others else SELDOM)):
                    await changed.wait()
                await self._others.look()
                await self._stop_if_exceeded()

    async def _begin(self, group: TaskGroup, clients: Mapping[str, Client]) -> None:
        """Begin the shards whose turn has come, unless the newest state says otherwise."""
        if self._own.to_begin():
            await self._others.look(thorough=True)
            await self._stop_if_exceeded()
        runs = self._own.to_begin() if not self.signal else []
        before = {run.name: self._others.entry(run.name) or NOT_BEGUN for run in runs}
        await self._others.record({run.name: self._own.begins(run) for run in runs})
        if self.signal:
            await self._others.record(before)
            return
        for run in runs:
            self._own.begun.add(run.name)
            self._own.running[run.name] = run
            run.state = State.RUNNING
            group.start_soon(self._carry_out, run, clients[run.name])

    async def _carry_out(self, run: ShardRun, client: Client) -> None:
        try:
            await run.carry_out(client, self._observe, self._others.look)
        finally:
            del self._own.running[run.name]
        self._on_change(run)
        try:
            await self._record_ended()
        except BulkopsError as problem:
            self.problem = self.problem or problem
        self._changed.set()

    async def _record_ended(self) -> None:
        await self._others.record(self._own.ended())
        await self._stop_if_exceeded()

    async def _stop_if_exceeded(self) -> None:
        reason = self._own.reason_to_stop
        if reason and not self._others.seen.stopped:
            await self._others.stop(reason)


Look = Callable[[Client], Coroutine[None, None, None]]


async def side_by_side(looks: Mapping[str, Look], clients: Mapping[str, Client]) -> None:
    """Look at all shards side by side.

    Args:
        looks: name → ``ShardRun.look`` or ``look_at_server``.
        clients: name → client, which this opens and closes.
    """
    async with AsyncExitStack() as stack:
        for client in clients.values():
            await stack.enter_async_context(client)
        async with anyio.create_task_group() as group:
            for name, look in looks.items():
                group.start_soon(look, clients[name])
