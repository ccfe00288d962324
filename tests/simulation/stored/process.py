"""A process of a whole run: it can be frozen and killed at any point, and has its own clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar, copy_context
from datetime import datetime
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import anyio

from bulkops.clock import Clock
from bulkops.journal.place import Hold
from bulkops.journal.records import Holder
from bulkops.journal.remote.lease.calls import Call
from tests.engine.world import EPOCH
from tests.simulation.invariants import must
from tests.simulation.running import Running
from tests.simulation.stored.freezing import OWNER, Freezable
from tests.simulation.stored.troubles import Part, Point
from tests.simulation.weather import Weather

if TYPE_CHECKING:
    from tests.simulation.stored.machine import StoreMachine


class LeaseClock(Clock):
    """The boot clock of one machine.

    Args:
        now: returns the seconds since the world began.
        passed: what it showed then.
        rate: its seconds per second.
    """

    def __init__(self, now: Callable[[], float], passed: float, rate: float) -> None:
        self._now = now
        self._passed = passed
        self._rate = rate

    def boot(self) -> float:
        """Return its time."""
        return self._passed + self._rate * self._now()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many of its seconds."""
        await anyio.sleep(seconds / self._rate)

    def wall(self) -> datetime:
        """Return a date: only messages show it."""
        return EPOCH


class Process(Freezable, Running):
    """One process that runs an execution.

    Attributes:
        part: how it differs from the others.
        holder, nonce: what its lease shows.
        number: 1 for the first of an execution.
        hold: the journal while it holds it.
        dead: whether it was killed.
        sent: number of its requests; ``fatal``: the number, among all, of the one that kills it.
        in_window: whether it was frozen since it checked that it may send what it sends now.
        network: the context of what it has sent: that goes on while it is frozen.
        how: how it ended.
    """

    def __init__(self, machine: StoreMachine, number: int, part: Part, weather: Weather) -> None:
        Freezable.__init__(self)
        Running.__init__(self, weather)
        self.part = part
        self.number = number
        self.nonce = f"{machine.random.getrandbits(64):016x}"
        self.holder = Holder("ann", f"host-{number}", number, f"start {self.nonce}")
        random = Random(self.nonce)
        self.clock = LeaseClock(machine.world.now, random.uniform(0, 1e6), part.rate)
        self.hold: Hold | None = None
        self.dead = False
        self.sent = self.fatal = 0
        self.in_window = False
        self.network = Context()
        self.how = ""
        self._scope: anyio.CancelScope | None = None
        self._machine = machine
        self._random = random
        self._calls = 0
        self._reached: Counter[Point] = Counter()

    def enter(self) -> anyio.CancelScope:
        """Make the current task this process's; return the scope that a kill cancels."""
        PROCESS.set(self)
        self.network = copy_context()
        OWNER.set(self)
        self._scope = anyio.CancelScope()
        return self._scope

    def kill(self) -> None:
        """Stop it: nothing that it has not sent yet leaves."""
        self.dead = True
        self.thaw_now()
        if self._scope is not None:
            self._scope.cancel()

    def requests(self, asked: Sequence[object]) -> int:  # noqa: ARG002 - others send, too
        """See ``Running``."""
        return self.sent

    async def while_alive(self) -> None:
        """Return at once, or never if it was killed."""
        if self.dead:
            await anyio.sleep_forever()

    async def reach(self, point: Point) -> bool:
        """Return whether it was frozen at this point."""
        seconds = 0.0 if self.dead else self._due(point)
        if seconds:
            self._note(point)
            await self.stop_here(seconds)
            await self.while_alive()
        return seconds > 0

    def freeze_at(self, point: Point, seconds: float = 0.0) -> None:
        """Freeze it as it gets to a point outside its own code."""
        seconds = seconds or self._due(point)
        if seconds and not self.dead and not self.how:
            self._note(point)
            self.freeze(seconds)

    async def run(self, call: Callable[[], None]) -> None:
        """Run a call to the store, which takes effect in the middle of the time that it takes."""
        await self.while_alive()
        of_lease = isinstance(call, Call)
        await self.reach(Point.RENEWAL_LEAVES if of_lease else Point.CALL_LEAVES)
        must(not self.frozen, "a frozen process renews nothing", self.holder)
        self._calls += 1
        fatal = self._calls == self.part.die_call
        if fatal and not self.weather.dies_after:
            self._machine.met["store: killed before call"] += 1
            self.kill()
            await self.while_alive()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()

        def effect() -> None:
            error = _outcome(call)
            if fatal and not self.dead and not self.how:
                self._machine.met["store: killed after call"] += 1
                self.kill()
            if of_lease or (error is None and _has_intent(call)):
                self.freeze_at(Point.RENEWED if of_lease else Point.INTENT_WRITTEN)
            loop.call_later(self._latency(), _answer, answered, error, context=self.network)

        loop.call_later(self._latency(), effect, context=self.network)
        await answered

    def _latency(self) -> float:
        return self._random.uniform(0.001, self._machine.store_weather.slow)

    def _due(self, point: Point) -> float:
        self._reached[point] += 1
        number = self._reached[point]
        due = (f.seconds for f in self.part.freezes if (f.point, f.number) == (point, number))
        return next(due, 0.0)

    def _note(self, point: Point) -> None:
        self._machine.say(f"frozen {point.value}")
        self._machine.met[f"store: frozen {point.value}"] += 1


def _has_intent(call: Callable[[], None]) -> bool:
    data = call.args if isinstance(call, partial) else ()
    return any(isinstance(part, bytes) and b'"type":"intent"' in part for part in data)


def _outcome(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - raised where the call was made
        return error
    return None


def _answer(answered: asyncio.Future[None], error: BaseException | None) -> None:
    if answered.done():
        return
    if error is None:
        answered.set_result(None)
    else:
        answered.set_exception(error)


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
"""The process on whose behalf something happens, in it or in the network."""
