"""A server that accepts everything, many times faster than any client can send.

It parses only the length and the workspace of a request, and answers each with the same 201, the
answer of ``bulkops simulate`` to an attach, about that workspace. ``GET /cpu`` returns its CPU
time in seconds, to show that it is never the bottleneck. ``python -m benchmarks.fixed_server``
prints its address.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from benchmarks.case import DESIRED, TASK
from bulkops.api import endpoints
from bulkops.api.messages import MEDIA_TYPE
from bulkops.simulator.core import Simulator

_WORKSPACE = re.compile(rb" /api/v2/workspaces/(ws-\w{16})/")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class FixedServer(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: bytes, about: bytes) -> None:
        self._answer = answer
        self._about = about
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request received so far."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(self._answer_to(head))

    def _answer_to(self, head: bytes) -> bytes:
        if workspace := _WORKSPACE.search(head):
            return self._answer.replace(self._about, workspace[1])
        return _cpu() if head.startswith(b"GET /cpu ") else self._answer


def _cpu() -> bytes:
    return _framed(200, {}, f"{time.process_time():.6f}".encode())


def _attached() -> tuple[bytes, bytes]:
    """Return the simulator's answer to an attach, and the id of the workspace it is about."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme")
    workspace, task = simulator.add_workspace("prod-1"), simulator.add_task(TASK)
    request = endpoints.attach(workspace.id, task.id, DESIRED)
    headers = {"authorization": "Bearer any", "content-type": MEDIA_TYPE}
    answer = simulator.handle(
        type(request)(request.method, request.path, (), request.body, headers), 0
    )
    return _framed(answer.status, dict(answer.headers), answer.body), workspace.id.encode()


def _framed(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} OK", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


@contextmanager
def serving() -> Iterator[str]:
    """Serve from a separate process within the block; yields the address."""
    command = [sys.executable, "-m", "benchmarks.fixed_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve() -> None:
    answer, about = _attached()
    server = await asyncio.get_running_loop().create_server(
        lambda: FixedServer(answer, about), "127.0.0.1", 0
    )
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
