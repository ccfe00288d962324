"""Measures a case in virtual time: the real engine on the simulator's core, exact and fast.

A request takes half the latency plus up to the full jitter to the server, which counts it on
arrival, and the answer takes as long with a new jitter. A journal's sync, which comes between the
pacer and the request, takes from half of the case's ``sync`` to one and a half times that.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import anyio
import msgspec

from benchmarks.case import A_WINDOW, TOKEN, Case, Figures, requests
from benchmarks.pacings import PACINGS
from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.api import Client
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.journal.local.disk import SystemFiles
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.place import Hold
from bulkops.journal.process import holder
from bulkops.journal.reader import read
from bulkops.journal.storage import Executor
from bulkops.library import plan_job
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.runner.assignment import LockedJournal
from bulkops.runner.execution import JobExecution
from bulkops.simulator.core import Simulator
from tests import virtual_time

HEADERS = {"authorization": f"Bearer {TOKEN}", "content-type": MEDIA_TYPE}


def measured(case: Case) -> Figures:
    """Return a case's figures."""
    return virtual_time.run(partial(_measured, case))


async def _measured(case: Case) -> Figures:
    random = Random(case.seed)
    simulator = case.simulator()
    network = Network(simulator, case.latency, case.jitter, random)
    # Windows begin at whole seconds of the server's clock, which a client doesn't know.
    await anyio.sleep(random.random())
    async with anyio.create_task_group() as background:
        background.start_soon(_stalling, case.stall, random)
        await _writing(case, network, random)
        background.cancel_scope.cancel()
    stats = simulator.stats
    return Figures.of(case, simulator.effects, stats.requests, stats.too_many)


async def _writing(case: Case, network: Network, random: Random) -> None:
    client = Client("https://tfe.example", TOKEN, transport=network, random=random)
    plan = await plan_job(client, case.job())
    if case.pacing == "bulkops":
        await _carry_out(plan, client, case.sync, random)
    else:
        await anyio.sleep(A_WINDOW)
        until = anyio.current_time() + case.seconds
        left = requests(plan, lambda: anyio.current_time() < until)
        await PACINGS[case.pacing](network.send, left, case.rate, random)


async def _stalling(most: float, random: Random) -> None:
    """Stall client and server from time to time, as a busy machine does.

    Everything due during a stall happens immediately afterwards.
    """
    loop = asyncio.get_running_loop()
    while most and isinstance(loop, virtual_time.VirtualTimeLoop):
        await anyio.sleep(random.expovariate(2.0))
        loop.stall(random.uniform(0, most))


class Network:
    """The network between a client and the simulator's core."""

    def __init__(self, simulator: Simulator, latency: float, jitter: float, random: Random) -> None:
        self._simulator = simulator
        self._latency = latency
        self._jitter = jitter
        self._random = random

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Deliver a request and its answer (see ``Transport``)."""
        if not permit.holds():
            raise Withheld
        full = msgspec.structs.replace(request, headers={**HEADERS, **request.headers})
        await self._way()
        answer = self._simulator.handle(full, anyio.current_time())
        await self._way()
        return answer

    async def _way(self) -> None:
        await anyio.sleep(self._latency / 2 + self._random.uniform(0, self._jitter))


class _Unsynced(SystemFiles):
    """A file system whose syncs only take virtual time."""

    def sync(self, descriptor: int) -> None:
        """Do nothing."""

    def sync_folder(self, path: Path) -> None:
        """Do nothing."""


def _syncing(sync: float, random: Random) -> Executor:
    async def executor(call: Callable[[], None]) -> None:
        call()
        await anyio.sleep(sync * random.uniform(0.5, 1.5))

    return executor


async def _carry_out(plan: Plan, client: Client, sync: float, random: Random) -> None:
    by, files = holder(client.clock), _Unsynced()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.jsonl")
        start_journal(JournalFile(path, files), plan, client, by)
        journal = LockedJournal(
            Hold(LocalPlace(path), JournalFile(path, files), by, _syncing(sync, random)),
            read(JournalFile(path)),
        )
        await JobExecution(client, journal, plan.job).run()
