"""One client each that sends the same writes: how fast, and at what cost of CPU."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import httpx
import msgspec
import uvloop
from pytfe import TFEClient, TFEConfig

from benchmarks.attaching import attach
from benchmarks.case import ORGANIZATION, TASK, TOKEN, WANTED, requests
from bulkops.client.api import Client
from bulkops.exchange import MEDIA_TYPE, Request
from bulkops.execution import holder, kind_of, start_journal
from bulkops.job import job_from_builtins
from bulkops.journal.file import Journal
from bulkops.journal.reading import read
from bulkops.operations.model import Operation, Target, TaskRef
from bulkops.plan import Plan
from bulkops.runner import Runner

AT_ONCE = 64
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": MEDIA_TYPE,
    "Accept": MEDIA_TYPE,
    "User-Agent": "benchmark",
}


class Cost(msgspec.Struct):
    """What a client took for so many operations.

    Attributes:
        seconds: by the wall clock.
        cpu: seconds of CPU of this process, all threads.
    """

    operations: int
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def microseconds(self) -> float:
        """CPU microseconds an operation."""
        return self.cpu / self.operations * 1e6

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the block."""
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds = time.perf_counter() - began
        self.cpu = time.process_time() - cpu


def plan_of(operations: int) -> Plan:
    """Return a plan that attaches a run task to so many workspaces."""
    job = job_from_builtins(
        {
            "name": "benchmark",
            "organization": ORGANIZATION,
            "operation": {"kind": "attach", "task": TASK, "enforcement_level": "mandatory"},
            "select": {"all": True},
            "pace": {"max_at_once": AT_ONCE},
        }
    )
    targets = (Target(f"ws-{n:016}", f"prod-{n:05}") for n in range(operations))
    task = TaskRef("task-2DUiCjjVLP7VYCYr", TASK)
    planned = [Operation(f"attach:{t.id}", t, None, WANTED) for t in targets]
    return Plan(job, task, single_stage=False, operations=planned, skips=[])


async def bulkops(address: str, plan: Plan) -> Cost:
    """Carry the plan out with the engine: intents and results durable, answers checked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.jsonl")
        async with Client(address, TOKEN) as client:
            client.pacer.learn(None)
            start_journal(path, plan, client, holder(client.clock))
            contents, cost = read(path), Cost(len(plan.operations))
            with cost.measured():
                async with Journal.open(path, contents) as journal:
                    await _run(client, journal)
            return cost


async def _run(client: Client, journal: Journal) -> None:
    runner = Runner(
        client,
        kind_of(journal.replay.header),
        journal,
        max_at_once=AT_ONCE,
        settle=10.0,
        tolerated=0,
        on_result=lambda _operation, _result: None,
    )
    await runner.run(list(journal.replay.having(None)))
    if runner.stopped:
        raise RuntimeError(f"stopped: {runner.stopped}")


async def bare_aiohttp(address: str, plan: Plan) -> Cost:
    """Send the same requests with aiohttp, 64 at once, no journal, answers read and no more."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=HEADERS
    ) as session:

        async def send(request: Request) -> int:
            async with session.request(
                request.method, address + request.path, data=request.body
            ) as answer:
                await answer.read()
                return answer.status

        return await _sent(send, plan)


async def bare_httpx(address: str, plan: Plan) -> Cost:
    """Send the same requests with httpx, as above."""
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(limits=limits, headers=HEADERS, trust_env=False) as session:

        async def send(request: Request) -> int:
            answer = await session.request(
                request.method, address + request.path, content=request.body
            )
            return answer.status_code

        return await _sent(send, plan)


async def _sent(send: Callable[[Request], Awaitable[int]], plan: Plan) -> Cost:
    waiting = iter(list(requests(plan, lambda: True)))

    async def worker() -> None:
        for request in waiting:
            if await send(request) != 201:
                raise RuntimeError("not a 201")

    cost = Cost(len(plan.operations))
    with cost.measured():
        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(worker())
    return cost


def pytfe(address: str, plan: Plan) -> Cost:
    """Attach with HashiCorp's own Python client, one after the other: it knows no other way."""
    cost = Cost(len(plan.operations))
    config = TFEConfig(address=address, token=TOKEN, ca_bundle=None)
    with TFEClient(config) as client, cost.measured():
        for operation in plan.operations:
            attach(client, operation.target.id, plan.task.id)
    return cost


Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, Loop] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run(
    client: Callable[[str, Plan], Awaitable[Cost]], loop: str, address: str, plan: Plan
) -> Cost:
    """Return what an asynchronous client costs on an event loop."""

    async def measured() -> Cost:
        return await client(address, plan)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(measured())


def rates(costs: Sequence[Cost]) -> list[float]:
    """Return the operations a second of several runs."""
    return [cost.rate for cost in costs]
