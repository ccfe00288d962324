"""A simulated server whose answers to the requests that a test picks are attacks.

The request takes effect first: the attack is on the reader of the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from anyio.from_thread import start_blocking_portal

from bulkops.api.messages import Request, Response
from bulkops.simulator.core import Simulator
from tests.client.raw_server import http

Attack: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer's bytes; the connection is closed after it."""


def says(data: bytes) -> Attack:
    """Return an attack that sends some bytes."""

    async def attack(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return attack


def endless(head: bytes, again: bytes, pause: float = 0.0) -> Attack:
    """Return an attack: a start, then the same bytes until the client disconnects."""

    async def attack(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return attack


class Hostile:
    """The server.

    Attributes:
        picked: returns whether the answer to a request is an attack.
        attack: the attack.
        struck: number of attacks so far.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.picked: Callable[[Request], bool] = lambda _request: False
        self.attack: Attack = says(b"")
        self.struck = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until an attack ends it."""
        try:
            while True:
                request = await _read(reader)
                answer = self.simulator.handle(request, asyncio.get_running_loop().time())
                if self.picked(request):
                    self.struck += 1
                    await self.attack(writer)
                    break
                writer.write(_encoded(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client has disconnected, or the test is over
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers: Mapping[str, str] = {name.lower(): value for name, value in pairs}
    parts = urlsplit(target)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, parts.path, tuple(parse_qsl(parts.query)), body, headers)


def _encoded(answer: Response) -> bytes:
    body = answer.body if answer.status != 204 else b""
    headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
    return http(answer.status, body, **headers)


@asynccontextmanager
async def _listening(hostile: Hostile) -> AsyncIterator[str]:
    server = await asyncio.start_server(hostile.connected, "127.0.0.1", 0, limit=2**26)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextmanager
def listening(hostile: Hostile) -> Iterator[str]:
    """Serve from a thread; yield the address."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_listening(hostile)) as address,
    ):
        yield address
