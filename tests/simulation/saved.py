"""A saved plan: one step creates it, another applies it, and changes happen in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import anyio
import msgspec

from bulkops.client.api import Client
from bulkops.plan.model import Plan
from bulkops.plan.saved import read_plan, save_plan
from tests.engine.world import HOLDER
from tests.simulation import others, weather
from tests.simulation.invariants import Violation, must
from tests.simulation.machine import Machine
from tests.simulation.weather import CALM, Weather

PATIENCE = 3
"""Calm runs of ``plan --out`` after which there must be a plan."""


class SavedPlan:
    """A file with a plan.

    Args:
        path: path of a real file, since writing plans isn't tested here.
    """

    def __init__(
        self,
        machine: Machine,
        path: Path,
        make_plan: Callable[[Client], Awaitable[Plan]],
        random: Random,
    ) -> None:
        self._machine = machine
        self._path = path
        self._make_plan = make_plan
        self._random = random
        self._digest = ""

    def make(self, storms: int) -> None:
        """Run ``plan --out`` until it succeeds, then change some of its targets."""
        machine, random = self._machine, self._random
        for number in range(storms + PATIENCE):
            today = CALM
            if number < storms:
                today = weather.draw(random, len(machine.world.names), torn=False)
                today = msgspec.structs.replace(today, rival=None)
            machine.execute(self._save, today)
            machine.world.disk.restart()
            machine.world.wire.dead = False
            if self._digest:
                break
        else:
            raise Violation("a plan is made", f"not after {storms + PATIENCE} tries")
        machine.world.pause = random.choice((0.0, 5.0, 60.0))
        machine.execute(self._others, CALM)

    async def read(self, _client: Client) -> Plan:
        """Read the file as ``apply PLAN`` does."""
        return read_plan(self._path, self._digest).plan

    async def _save(self, _weather: Weather) -> None:
        client = self._machine.world.client()
        plan = await self._make_plan(client)
        saved = save_plan(self._path, plan, client, HOLDER)
        read = read_plan(self._path).plan
        same = (read.operations, read.skips) == (list(plan.operations), list(plan.skips))
        must(same and read.saved == saved, "a plan is read as it was saved", read)
        self._digest = read.digest

    async def _others(self, _weather: Weather) -> None:
        self._machine.met["plan saved"] += 1
        for _ in range(self._random.choice((0, 1, 3, 10))):
            others.meddle(self._machine)
            await anyio.sleep(self._random.uniform(0, 4.0))
