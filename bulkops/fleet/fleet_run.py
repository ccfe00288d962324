"""All shards of a fleet in one process, side by side, in waves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack

import anyio
from anyio.abc import TaskGroup

from bulkops.client.api import Client
from bulkops.errors import SIGNALS, ExitCode
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.shard_run import Observe, ShardRun
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import Course, State, next_step


class FleetRun:
    """Carries out a fleet: each shard when its wave's turn has come.

    Args:
        runs: one for each shard that is in a wave.
        waves: the names of each wave's shards.
        observe: returns the observer of a shard's execution.
        on_change: called with a shard each time it has begun or ended.

    Attributes:
        signal: the signal that stopped it; empty if none did.
    """

    def __init__(
        self,
        runs: Sequence[ShardRun],
        waves: Sequence[Sequence[str]],
        rollout: FleetRollout,
        observe: Observe,
        on_change: Callable[[ShardRun], object] = lambda _: None,
    ) -> None:
        self.runs = {run.name: run for run in runs}
        self.signal = ""
        self._waves = waves
        self._rollout = rollout
        self._observe = observe
        self._on_change = on_change
        self._begun = dict[str, ShardRun]()
        self._running = dict[str, ShardRun]()

    async def run(self, clients: Mapping[str, Client]) -> None:
        """Carry out all shards whose turn comes; each one's result is in its ``ShardRun``.

        Args:
            clients: name → client, which this opens and closes.
        """
        async with AsyncExitStack() as stack:
            for client in clients.values():
                await stack.enter_async_context(client)
            async with anyio.create_task_group() as group:
                self._begin(group, clients)

    def interrupt(self, signal: str, drain: float) -> None:
        """Stop all shards: drain on the first call, stop immediately on the second."""
        self.signal = self.signal or signal
        for run in list(self._running.values()):
            run.interrupt(signal, drain)

    @property
    def course(self) -> Course:
        """What the fleet does next."""
        seen = {name: run.progress for name, run in self.runs.items()}
        return next_step(self._waves, seen, self._rollout).course

    @property
    def exit_code(self) -> ExitCode:
        """The worst exit code of all shards."""
        begun = (run for run in self.runs.values() if run.state is not State.NOT_BEGUN)
        codes = [run.exit_code for run in begun]
        if self.signal:
            codes.append(SIGNALS[self.signal])
        if self.course is Course.STOPPED:
            codes.append(ExitCode.STOPPED)
        return worst(codes)

    def _begin(self, group: TaskGroup, clients: Mapping[str, Client]) -> None:
        if self.signal:
            return
        seen = {name: run.progress for name, run in self.runs.items()}
        for name in next_step(self._waves, seen, self._rollout).begin:
            if name in self._begun:
                continue
            run = self._begun[name] = self._running[name] = self.runs[name]
            run.state = State.RUNNING
            group.start_soon(self._carry_out, run, group, clients)

    async def _carry_out(
        self, run: ShardRun, group: TaskGroup, clients: Mapping[str, Client]
    ) -> None:
        try:
            await run.carry_out(clients[run.name], self._observe)
        finally:
            del self._running[run.name]
        self._on_change(run)
        self._begin(group, clients)


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
