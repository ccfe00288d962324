"""A server with fixed answers for one organization of any size, without limit or faults.

Its only state is one byte per workspace: the run task's enforcement level. ``Answers`` is a
transport for a client in the same process; ``serving`` runs it behind a socket in another one.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import msgspec

from benchmarks.documents import PAGE, attachment, attachments_page, workspaces_page
from benchmarks.records import TASK
from bulkops.api.messages import Request, Response
from bulkops.client.permit import ALWAYS, Permit, Withheld

LEVELS = ("", "advisory", "mandatory")
_NUMBER = re.compile(r"/workspaces/ws-(\d{16})/tasks")
_PAGE = re.compile(r"page(?:\[|%5B)number(?:\]|%5D)=(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Answers:
    """The server's answers.

    Args:
        done: whether the run task is attached to every workspace as mandatory; if not, it is
            attached to every other one as advisory.
    """

    def __init__(self, workspaces: int, *, done: bool = False) -> None:
        self._workspaces = workspaces
        self._levels = bytearray(2 if done else number % 2 for number in range(workspaces))
        self._attached = array("I")

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Answer a request as a transport does, without a socket."""
        if not permit.holds():
            raise Withheld
        page = dict(request.query).get("page[number]", "1")
        return self.answer(request.method, request.path, int(page), request.body)

    def answer(self, method: str, path: str, page: int, body: bytes) -> Response:
        """Return the answer to one request."""
        if method in ("POST", "PATCH", "DELETE"):
            return self._write(path, body)
        if path.endswith("/ping"):
            return Response(204)
        if path.endswith("/workspaces"):
            return Response(200, body=workspaces_page(page, self._workspaces))
        if path.endswith("/relationships/workspace-tasks"):
            return Response(200, body=self._attachments(page))
        if path.endswith("/tasks"):
            data = [{"id": TASK.id, "type": "tasks", "attributes": {"name": TASK.name}}]
            return Response(200, body=msgspec.json.encode({"data": data}))
        return Response(404)

    def _write(self, path: str, body: bytes) -> Response:
        workspace = _NUMBER.search(path)
        if workspace is None:
            return Response(404)
        number = int(workspace[1])
        level = next((level for level in LEVELS[1:] if level.encode() in body), "")
        status = 200 if self._levels[number] else 201
        self._levels[number] = LEVELS.index(level)
        if not level:
            return Response(204)
        return Response(status, body=b'{"data":%b}' % attachment(number, level))

    def _attachments(self, page: int) -> bytes:
        if page == 1:
            numbers = range(self._workspaces)
            self._attached = array("I", (n for n in numbers if self._levels[n]))
        shown = self._attached[(page - 1) * PAGE : page * PAGE]
        attached = ((number, LEVELS[self._levels[number]]) for number in shown)
        return attachments_page(page, attached, len(self._attached))


Answer = Callable[[bytes, str, str, int, bytes], Response]
"""Returns the answer to a request: its head, method, path, page number and body."""

Connections = Callable[[], asyncio.Protocol]
"""Makes the protocol of a new connection."""


class Connection(asyncio.Protocol):
    """The subset of HTTP/1.1 that a well-behaved client needs."""

    def __init__(self, answer: Answer) -> None:
        self._answer_to = answer
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request received so far."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._read) < whole:
                return
            body, self._read = self._read[end + 4 : whole], self._read[whole:]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, query = target.partition("?")
        page = _PAGE.search(query)
        answer = self._answer_to(head, method, path, int(page[1]) if page else 1, body)
        start = b"HTTP/1.1 %d -\r\ncontent-type: application/vnd.api+json\r\n" % answer.status
        for name, value in answer.headers.items():
            start += b"%b: %b\r\n" % (name.encode(), value.encode())
        if answer.status != 204:
            start += b"content-length: %d\r\n" % len(answer.body)
        return start + b"\r\n" + answer.body


@contextmanager
def serving(workspaces: int) -> Iterator[str]:
    """Serve from another process within the block; yields the address."""
    with running(partial(_connections, workspaces)) as address:
        yield address


def _connections(workspaces: int) -> Connections:
    answers = Answers(workspaces)
    return lambda: Connection(lambda _head, *request: answers.answer(*request))


@contextmanager
def running(connections: Callable[[], Connections]) -> Iterator[str]:
    """Serve from another process within the block; yields the address.

    Args:
        connections: called in that process; returns what makes each connection.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(connections, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(connections: Callable[[], Connections], pipe: Pipe) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connections(), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())
