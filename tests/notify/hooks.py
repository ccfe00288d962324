"""A receiver of notifications, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import anyio
import msgspec

from bulkops.api.messages import Request, Response
from bulkops.client.permit import ALWAYS, Permit
from bulkops.clock import Clock
from bulkops.errors import NoResponse
from bulkops.notify.environment import SecretUrl
from bulkops.notify.notices import JobNotices, NextSteps, no_steps
from bulkops.notify.receivers import Heartbeat, Webhook
from bulkops.operations.secret import HmacKey

ALL = ("started", "paused", "stopped", "finished")
URL = SecretUrl("WEBHOOK", "https://hooks.example", "/T0/s3cret", ())
BEAT = SecretUrl("BEAT", "https://beats.example", "/s3cret", ())
HANGS = 0
"""In place of a status: it never answers."""

NOBODY = NoResponse("can't connect: Connection refused", sent=False)
UNTRUSTED = NoResponse("the server's certificate is not trusted", sent=False, lasting=True)
Scripted = int | NoResponse | Exception


class Sent(NamedTuple):
    """A request, and when it was sent, in seconds since the execution began."""

    at: float
    request: Request

    @property
    def members(self) -> dict[str, object]:
        """Its body."""
        return msgspec.json.decode(self.request.body, type=dict[str, object])


class Hooks:
    """A transport whose receiver gives these answers in order, and repeats the last one.

    Attributes:
        sent: what has arrived.
    """

    def __init__(self, *answers: Scripted) -> None:
        self._answers = list(answers or [200])
        self.sent: list[Sent] = []

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:  # noqa: ARG002 - changes nothing of the job
        """Answer as scripted."""
        self.sent.append(Sent(anyio.current_time(), request))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer == HANGS:
            await anyio.sleep_forever()
        return Response(answer)

    @property
    def events(self) -> list[object]:
        """What has arrived, by its event."""
        return [one.members["event"] for one in self.sent]


def notices(
    hooks: Hooks,
    *others: Hooks,
    on: tuple[str, ...] = ALL,
    key: str = "",
    beats: Hooks | None = None,
    next_steps: NextSteps = no_steps,
    shard: str = "",
    connections: Sequence[AbstractAsyncContextManager[object]] = (),
) -> Callable[[Clock], JobNotices]:
    """Return what creates the notices of an execution, given its clock."""

    def created(clock: Clock) -> JobNotices:
        secret = HmacKey(key) if key else None
        return JobNotices(
            on,
            [Webhook(URL, transport, secret) for transport in (hooks, *others)],
            clock,
            heartbeat=Heartbeat(BEAT, beats) if beats else None,
            next_steps=next_steps,
            shard=shard,
            connections=connections,
        )

    return created
