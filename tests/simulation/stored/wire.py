"""The connection of several processes to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bulkops.api.messages import Request, Response
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Delivery
from tests.engine.wire import Trouble, Wire
from tests.simulation.stored.process import PROCESS, Process
from tests.simulation.stored.troubles import Point


class SharedWire(Wire):
    """See ``Wire``: each process may be frozen or killed while the others go on.

    What a process has sent goes on while it is frozen; it hears of it once it thaws.
    """

    def __init__(
        self, simulator: Simulator, now: Callable[[], float], token: str, *, latency: float
    ) -> None:
        super().__init__(simulator, now, token, latency=latency)
        self._lands: dict[int, tuple[Process, float]] = {}

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Carry one request there and its answer back; see ``Transport``."""
        process = PROCESS.get()
        if process is None:
            return await super().send(request, permit)
        await process.while_alive()
        if request.writes:
            await process.reach(Point.BEFORE_CHECK)
        if not permit.holds():
            raise Withheld
        process.in_window = request.writes and await process.reach(Point.AFTER_CHECK)
        number = self._leaves(request)
        process.in_window = False
        process.sent += 1
        if process.sent == process.weather.die_request:
            process.fatal = number
        carried = self._carry(request, number)
        return await asyncio.get_running_loop().create_task(carried, context=process.network)

    def lost_by(self, process: Process) -> None:
        """Count the seconds of a process's late effects from now, if they have not landed."""
        for number, (sender, lands_after) in self._lands.items():
            if sender is process:
                self._lost_now(number, lands_after)

    def _struck(self, request: Request, trouble: Trouble, number: int) -> Delivery:
        process = PROCESS.get()
        if process is not None and trouble.lands_after is not None:
            self._lands[number] = process, trouble.lands_after
        return super()._struck(request, trouble, number)

    async def _while_alive(self) -> None:
        process = PROCESS.get()
        if process is None:
            await super()._while_alive()
        else:
            await process.while_alive()

    def _kills(self, number: int, *, after: bool) -> bool:
        process = PROCESS.get()
        if process is None:
            return super()._kills(number, after=after)
        return number == process.fatal and process.weather.dies_after is after

    def _die(self) -> None:
        process = PROCESS.get()
        if process is None:
            super()._die()
        else:
            process.kill()
