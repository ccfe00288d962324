"""A server that answers with given bytes and records the requests."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return an HTTP/1.1 answer; underscores in header names become hyphens."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Answer:
    """The bytes to send after a request, and what happens to the connection afterwards."""

    data: bytes = b""
    then: Literal["keep", "close", "reset", "hang"] = "keep"


@dataclass
class RawServer:
    """Sends the answers in order, and then repeats the last one.

    Attributes:
        requests: the head and body of each request, unchanged.
        connections: the number of connections so far.
        most_open: the most connections that were open simultaneously.
    """

    answers: Sequence[Answer]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    address: str = ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until an answer ends it."""
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head + await reader.readexactly(_body_length(head)))
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        writer.write(answer.data)
        if answer.then == "hang":
            await reader.read()
        if answer.then == "reset":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return answer.then == "keep"


def _body_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@asynccontextmanager
async def raw_server(
    *answers: Answer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Serve the answers on a free port of this machine."""
    raw = RawServer(answers)
    server = await asyncio.start_server(raw.connected, "127.0.0.1", 0, ssl=tls, backlog=500)
    async with server:
        port = server.sockets[0].getsockname()[1]
        raw.address = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        yield raw
