"""Clients that send the same writes, 64 concurrently, and measure their speed and CPU time.

Each runs in its own process, ``python -m benchmarks.clients.NAME ADDRESS OPERATIONS LOOP``, so that
none pays for another's imports (in garbage collection), and prints its ``Cost`` as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext

import msgspec
import uvloop

from benchmarks import records
from benchmarks.case import DESIRED, ORGANIZATION, TASK, TOKEN, requests
from benchmarks.sampler import Sampler
from bulkops.api.messages import MEDIA_TYPE, Request
from bulkops.job.job import job_from_builtins
from bulkops.operations.model import Operation, Resolved, Target
from bulkops.plan.model import Plan

AT_ONCE = 64
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": MEDIA_TYPE,
    "Accept": MEDIA_TYPE,
    "User-Agent": "benchmark",
}
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


class Cost(msgspec.Struct):
    """The cost of a client's operations.

    Attributes:
        operations: the number of operations.
        seconds: the elapsed time.
        cpu: the CPU seconds of all threads of this process.
        modules, callers: the samples (see ``Sampler``); empty if none were taken.
    """

    operations: int
    seconds: float = 0.0
    cpu: float = 0.0
    modules: dict[str, int] = {}
    callers: dict[str, int] = {}

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds

    @property
    def microseconds(self) -> float:
        """CPU microseconds per operation."""
        return self.cpu / self.operations * 1e6

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the block, and sample it if the command line has ``--sample``."""
        sampler = Sampler("bulkops.") if "--sample" in sys.argv else None
        gc.collect()
        with sampler.sampling() if sampler else nullcontext():
            began, cpu = time.perf_counter(), time.process_time()
            yield
            self.seconds = time.perf_counter() - began
            self.cpu = time.process_time() - cpu
        if sampler:
            self.modules, self.callers = dict(sampler.modules), dict(sampler.callers)


def plan_of(operations: int) -> Plan:
    """Return a plan that attaches a run task to this many workspaces."""
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
    # The one in the fixed server's answer, the first of every simulator.
    resolved = Resolved(organization=job.organization, task=records.TASK)
    planned = [Operation("attach", t, None, DESIRED) for t in targets]
    return Plan(job, resolved, operations=planned, skips=[])


async def sent(
    send: Callable[[Request], Awaitable[int]], plan: Plan, at_once: int = AT_ONCE
) -> Cost:
    """Send a plan's requests with a function that returns the status; check only that."""
    waiting = iter(list(requests(plan, lambda: True)))

    async def worker() -> None:
        for request in waiting:
            if await send(request) != 201:
                raise RuntimeError("not a 201")

    cost = Cost(len(plan.operations))
    with cost.measured():
        async with asyncio.TaskGroup() as workers:
            for _ in range(at_once):
                workers.create_task(worker())
    return cost


def main(client: Callable[[str, Plan], Awaitable[Cost]]) -> None:
    """Run an asynchronous client with the command line's arguments."""
    address, operations, loop = sys.argv[1:4]
    plan = plan_of(int(operations))

    async def measured() -> Cost:
        return await client(address, plan)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        show(runner.run(measured()))


def show(cost: Cost) -> None:
    """Print the cost as JSON."""
    print(msgspec.json.encode(cost).decode())
