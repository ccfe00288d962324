"""A small organization in the simulator, and a client connected over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random

import anyio

from bulkops.client.api import Client
from bulkops.clock import Clock
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.state import User


class Impatient(Clock):
    """A clock that doesn't wait; the event loop's time is unaffected."""

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - that is the point
        """Let other tasks run."""
        await anyio.lowlevel.checkpoint()


def organization(
    *, profile: str = "hcp", tokens: Mapping[str, User] | None = None, limit: int = 0
) -> Simulator:
    """Return a simulator of a small organization with one run task, attached nowhere."""
    simulator = Simulator(rate=limit, profile=profile, tokens=tokens)
    simulator.add_organization("acme")
    simulator.add_agent_pool("apool-1")
    simulator.add_project("platform")
    for number in range(3):
        simulator.add_workspace(f"prod-{number}", project="platform", tags=["prod"])
    simulator.add_workspace("ws-odd")
    simulator.add_task("scan")
    return simulator


@asynccontextmanager
async def client_of(
    simulator: Simulator, *, faults: str = "", user: str = "t", clock: Clock | None = None
) -> AsyncIterator[Client]:
    """Serve the simulator and yield an unlimited client for it."""
    async with (
        serve(simulator, faults=Faults.parse(faults, seed=1)) as address,
        Client(address, user, random=Random(1), clock=clock or Impatient()) as client,
    ):
        client.pacer.learn(None)
        yield client
