"""What a notification is sent to: a webhook, a heartbeat's URL."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from bulkops.api.messages import Request, Response
from bulkops.client.transport import Transport
from bulkops.errors import NoResponse
from bulkops.notify.attempt import Attempt, judged
from bulkops.notify.environment import SecretUrl
from bulkops.notify.message import SIGNATURE, Message, signature
from bulkops.operations.secret import HmacKey


class Receiver(Protocol):
    """Something that a message can be sent to."""

    @property
    def name(self) -> str:
        """What people know it by: an environment variable, never what that contains."""
        ...

    async def attempt(self, message: Message) -> Attempt:
        """Send a message once."""
        ...


class Webhook:
    """Gets a POST per message.

    Args:
        key: signs the body; ``None`` for no signature.
    """

    def __init__(self, url: SecretUrl, transport: Transport, key: HmacKey | None = None) -> None:
        self.name = url.variable
        self._url = url
        self._transport = transport
        self._key = key

    async def attempt(self, message: Message) -> Attempt:
        """See ``Receiver``."""
        headers = {"content-type": "application/json"}
        if self._key is not None:
            headers[SIGNATURE] = signature(message.body, self._key.reveal())
        return await _sent(self._transport, self._url.request("POST", message.body, headers))


class Heartbeat:
    """Gets a GET from time to time.

    Attributes:
        name: see ``Receiver``.
    """

    def __init__(self, url: SecretUrl, transport: Transport) -> None:
        self.name = url.variable
        self._url = url
        self._transport = transport

    async def beat(self) -> Attempt:
        """Send a heartbeat once."""
        return await _sent(self._transport, self._url.request("GET", b"", {}))


class Absent(NamedTuple):
    """A receiver, of messages or of heartbeats, that this machine lacks: nothing is sent to it.

    Attributes:
        name: see ``Receiver``.
        reason: what this machine lacks, human-readable.
    """

    name: str
    reason: str


async def _sent(transport: Transport, request: Request) -> Attempt:
    answer: Response | NoResponse
    try:
        answer = await transport.send(request)
    except NoResponse as error:
        answer = error
    return judged(answer)
