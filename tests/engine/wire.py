"""The connection to the simulated server, in virtual time, with its troubles.

A trouble is a fault of ``bulkops.simulator.faults``, scripted for one request or drawn from a
seed. Its effect may land some seconds after the client has lost the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import anyio
import msgspec

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.errors import NoResponse
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import FAULTS, Delivery, Fault, Faults, Manner

ANSWER_SECONDS = 60.0
"""How long the client waits for an answer, as ``bulkops.client.transport`` does."""

NEVER_LEFT = "never left"
"""A trouble that no server causes: the connection is refused."""

OWN = {
    fault.kind: fault
    for fault in (
        Fault(kind="html-200", effect=False, answer=Response(200, {}, b"<html>Welcome</html>")),
        Fault(kind="html-200-after", effect=True, answer=Response(200, {}, b"<html>Hi</html>")),
        Fault(kind="400", effect=False, answer=Response(400)),
        Fault(kind="401", effect=False, answer=Response(401)),
        Fault(kind="403", effect=False, answer=Response(403)),
        Fault(kind="404", effect=False, answer=Response(404)),
        Fault(kind="405", effect=False, answer=Response(405)),
    )
}
"""Answers without a fault in the simulator: a proxy's own page, a hidden resource."""


class Trouble(msgspec.Struct, frozen=True):
    """What happens to one request.

    Attributes:
        fault: a key of ``FAULTS`` or ``OWN``, or ``NEVER_LEFT``.
        lands_after: seconds after the client lost it at which a fault's effect happens.
        meanwhile: called at the server once the fault has struck.
    """

    fault: str
    lands_after: float | None = None
    meanwhile: Callable[[], None] = lambda: None


class Wire:
    """The transport between a client and the simulator's core.

    Attributes:
        spies: called with every request just before it leaves.
        troubles: returns the trouble that strikes a request, ``None`` if none does.
        faults: drawn for requests without a scripted trouble.
        asked: every request, in the order in which they left.
        most_at_once: the maximum number of concurrent requests.
        connecting: seconds that pass in ``send`` before a request leaves.
        dead: whether nothing passes any more, in either direction.
        die_at: number of the request at which it dies; ``dies_after``: after the server got it.
        died: called when it dies.
        adrift: returns, for the number of a request whose sender died or gave up before the
            server had it, the seconds after which it still arrives, ``None`` for never.
    """

    def __init__(
        self,
        simulator: Simulator,
        now: Callable[[], float],
        token: str,
        *,
        latency: float = 0.04,
        faults: Faults | None = None,
    ) -> None:
        self.spies: list[Callable[[Request], None]] = []
        self.troubles: Callable[[Request], Trouble | None] = lambda _request: None
        self.faults = faults
        self.asked: list[Request] = []
        self.most_at_once = 0
        self.connecting = 0.0
        self.dead = False
        self.die_at = 0
        self.dies_after = False
        self.died: Callable[[], None] = lambda: None
        self.adrift: Callable[[int], float | None] = lambda _number: None
        self._simulator = simulator
        self._now = now
        self._headers = {"authorization": f"Bearer {token}", "content-type": MEDIA_TYPE}
        self._latency = latency
        self._under_way = 0
        self._late: list[tuple[float, int, Request]] = []

    @property
    def writes(self) -> list[Request]:
        """The requests that write."""
        return [request for request in self.asked if request.writes]

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Carry one request there and its answer back; see ``Transport``."""
        await self._while_alive()
        if self.connecting:
            await anyio.sleep(self.connecting)
        if not permit.holds():
            raise Withheld
        return await self._carry(request, self._leaves(request))

    def _leaves(self, request: Request) -> int:
        """Take that a request leaves now, and return its number."""
        for spy in self.spies:
            spy(request)
        self.asked.append(request)
        return len(self.asked)

    async def _carry(self, request: Request, number: int) -> Response:
        """Carry a request that has left there, and its answer back."""
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            await self._there(request, number)
            return await self._and_back(request, number)
        finally:
            self._under_way -= 1

    async def _there(self, request: Request, number: int) -> None:
        try:
            await anyio.sleep(self._latency / 2)
            if self._kills(number, after=False):
                self._die()
            await self._while_alive()
        except BaseException:
            seconds = self.adrift(number)
            if seconds is not None:
                heappush(self._late, (self._now() + seconds, number, request))
            raise

    async def _and_back(self, request: Request, number: int) -> Response:
        self.land()
        trouble = self.troubles(request)
        delivery = self._struck(request, trouble, number) if trouble else self._deliver(request)
        if self._kills(number, after=True):
            self._die()
        try:
            await self._while_alive()
            await anyio.sleep(self._latency / 2)
            answer = await _arriving(delivery)
            await self._while_alive()
        except NoResponse:
            raise
        except BaseException:
            if trouble and trouble.lands_after is not None:
                self._lost_now(number, trouble.lands_after)
            raise
        return answer

    def _kills(self, number: int, *, after: bool) -> bool:
        return number == self.die_at and self.dies_after is after

    def _die(self) -> None:
        self.dead = True
        self.died()

    def _lost_now(self, number: int, lands_after: float) -> None:
        """Count an effect's seconds from now, when its sender stops waiting."""
        for at, (due, late, request) in enumerate(self._late):
            if late == number:
                self._late[at] = (min(due, self._now() + lands_after), late, request)
        heapify(self._late)

    async def _while_alive(self) -> None:
        if self.dead:
            await anyio.sleep_forever()

    def _deliver(self, request: Request) -> Delivery:
        return self._simulator.deliver(self._full(request), self._now(), self.faults)

    def _struck(self, request: Request, trouble: Trouble, number: int) -> Delivery:
        if trouble.fault == NEVER_LEFT:
            raise NoResponse("connection refused", sent=False)
        fault = OWN.get(trouble.fault) or FAULTS[trouble.fault]
        answer = Response(503)
        if trouble.lands_after is not None:
            lost_after = ANSWER_SECONDS if fault.manner is Manner.SILENT else self._latency / 2
            due = self._now() + lost_after + trouble.lands_after
            heappush(self._late, (due, number, request))
        elif fault.effect:
            answer = self._simulator.handle(self._full(request), self._now())
        trouble.meanwhile()
        return Delivery(fault.manner, fault.answer or answer)

    def land(self) -> None:
        """Let all due effects happen, each at the time at which it was due."""
        now = self._now()
        while self._late and self._late[0][0] <= now:
            due, _, request = heappop(self._late)
            self._simulator.handle(self._full(request), due)

    def _full(self, request: Request) -> Request:
        return msgspec.structs.replace(request, headers={**self._headers, **request.headers})


async def _arriving(delivery: Delivery) -> Response:
    """Return the answer in the manner of its delivery."""
    match delivery.manner:
        case Manner.WHOLE:
            return delivery.response
        case Manner.DRIBBLED:
            await anyio.sleep(2.0)
            return delivery.response
        case Manner.CUT if not delivery.response.body:
            return delivery.response
        case Manner.SILENT:
            await anyio.sleep(ANSWER_SECONDS)
            raise NoResponse("no answer in time", sent=True)
        case Manner.CLOSED | Manner.RESET | Manner.CUT:
            raise NoResponse(f"the connection was {delivery.manner.value}", sent=True)
