"""A transport without a network that gives scripted answers in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import anyio

from bulkops.api.messages import Request, Response
from bulkops.client.caller import Caller
from bulkops.client.pace.pacing import Pacer
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.clock import Clock
from bulkops.errors import NoResponse


class Scripted:
    """A transport whose answers come from a function, with a delay; records the requests."""

    def __init__(
        self, answer: Callable[[Request], Response | NoResponse], seconds: float = 0.0
    ) -> None:
        self._answer = answer
        self._seconds = seconds
        self.sent: list[tuple[float, Request]] = []
        self.under_way = self.most_under_way = 0

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        if not permit.holds():
            raise Withheld
        self.sent.append((anyio.current_time(), request))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await anyio.sleep(self._seconds)
        self.under_way -= 1
        answer = self._answer(request)
        if isinstance(answer, NoResponse):
            raise answer
        return answer


def one_by_one(*answers: Response | NoResponse) -> Scripted:
    """Return a transport that gives the answers in order, and then repeats the last one."""
    left = list(answers)
    return Scripted(lambda _: left.pop(0) if len(left) > 1 else left[0])


def caller(transport: Scripted, limit: float | None = None) -> Caller:
    """Return a caller with the given rate limit, by default none."""
    clock, random = Clock(), Random(7)
    pacer = Pacer(clock, random)
    pacer.learn(limit)
    return Caller(transport, pacer, clock, random)
