"""A small S3 server in a separate process, which answers each request after a fixed time.

It keeps objects in memory, obeys the conditions that bulkops relies on, lists in pages like S3, and
checks no keys. It carries a request out on arrival and answers later, so requests on other
connections don't wait. It notes every write.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple
from urllib.parse import parse_qs, unquote
from urllib.request import urlopen
from xml.sax.saxutils import escape

import msgspec

BUCKET = "journals"
PAGE = 1000
"""The most keys per page of a list, as on S3."""
_NOTES = "/notes"


class Put(msgspec.Struct, frozen=True):
    """A write: its key, the bytes of its body, and the status of its answer."""

    key: str
    size: int
    status: int


class Running(NamedTuple):
    """A running server."""

    port: int

    @property
    def env(self) -> dict[str, str]:
        """The environment in which bulkops uses it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
        }

    def puts(self) -> list[Put]:
        """Return all writes so far."""
        with urlopen(f"{self.env['AWS_ENDPOINT_URL']}{_NOTES}") as answer:  # noqa: S310 - our own server
            return msgspec.json.decode(answer.read(), type=list[Put])


class Reply(NamedTuple):
    """An answer: its status, its body, and the object's version if there is one."""

    status: int
    body: bytes = b""
    etag: str = ""

    def encoded(self) -> bytes:
        """Return it as HTTP/1.1."""
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        head += f"Content-Length: {len(self.body)}\r\n"
        head += "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        head += f"ETag: {self.etag}\r\n" if self.etag else ""
        return f"{head}\r\n".encode() + self.body


class Bucket:
    """The objects of the only bucket, and what was written to it."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self._objects = dict(objects)
        self._puts = list[Put]()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Carry one request out."""
        if target == _NOTES:
            return Reply(200, msgspec.json.encode(self._puts))
        path, _, query = target.partition("?")
        key = unquote(path).removeprefix(f"/{BUCKET}").removeprefix("/")
        if method == "PUT":
            reply = self._put(key, headers, body)
            self._puts.append(Put(key, len(body), reply.status))
            return reply
        return self._get(key) if key else self._list(query)

    def _put(self, key: str, headers: Mapping[str, str], body: bytes) -> Reply:
        found, expected = self._objects.get(key), headers.get("if-match")
        exists = found is not None and "if-none-match" in headers
        if exists or (expected and (found is None or _etag(found) != expected)):
            return _refused(412, "PreconditionFailed")
        self._objects[key] = body
        return Reply(200, b"", _etag(body))

    def _get(self, key: str) -> Reply:
        found = self._objects.get(key)
        return _refused(404, "NoSuchKey") if found is None else Reply(200, found, _etag(found))

    def _list(self, query: str) -> Reply:
        given = {name: values[0] for name, values in parse_qs(query).items()}
        prefix, after = given.get("prefix", ""), given.get("continuation-token", "")
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        # Below a folder there is nothing to list, only its own name.
        cut = {key: _folder(key, prefix, given.get("delimiter", "")) for key in keys[:PAGE]}
        body = "".join(self._listed(key) for key, folder in cut.items() if not folder)
        for folder in sorted(filter(None, set(cut.values()))):
            body += f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
        if len(keys) > PAGE:
            token = f"<NextContinuationToken>{escape(keys[PAGE - 1])}</NextContinuationToken>"
            body += f"<IsTruncated>true</IsTruncated>{token}"
        return Reply(200, f"<ListBucketResult>{body}</ListBucketResult>".encode())

    def _listed(self, key: str) -> str:
        data = self._objects[key]
        return (
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>{_etag(data)}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        )


def _folder(key: str, prefix: str, delimiter: str) -> str:
    """Return the folder that stands for a key in a list, empty for the key itself."""
    first, found, _ = key.removeprefix(prefix).partition(delimiter or "\n")
    return prefix + first + found if found else ""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _refused(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code></Error>".encode())


@contextmanager
def serving(latency: float, objects: Mapping[str, bytes] | None = None) -> Iterator[Running]:
    """Serve from another process within the block.

    Args:
        latency: the seconds that each request takes.
        objects: what is in the bucket at the start, by key.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(latency, objects or {}, theirs), daemon=True)
    process.start()
    # Its end is then noticed.
    theirs.close()
    try:
        yield Running(ours.recv())
    finally:
        process.terminate()
        process.join()


def _serve(latency: float, objects: Mapping[str, bytes], connection: Connection) -> None:
    bucket = Bucket(objects)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            first, *fields = head.decode().split("\r\n")
            method, target, _ = first.split(" ")
            pairs = (field.partition(": ") for field in fields if field)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            reply = bucket.answer(method, target, headers, body)
            await asyncio.sleep(latency)
            writer.write(reply.encoded())
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        connection.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Return a request's first line and headers, empty if the client closed the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
