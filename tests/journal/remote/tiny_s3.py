"""A tiny S3 server in this process: objects, conditions and lists, but no keys."""

from __future__ import annotations

import hashlib
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.journal.remote.servers import BUCKET, Server, aws


class Asked(NamedTuple):
    """A request: method, target as it was sent, headers by their names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """A status, a body, and the object's version if there is one."""

    status: int
    body: bytes = b""
    etag: str = ""


@dataclass
class TinyS3:
    """The objects of one bucket.

    Attributes:
        ignores: the conditions that it ignores: ``if-none-match``, ``if-match``.
        replies: what is answered to the next requests instead, without any effect.
        asked: all requests, in order of arrival.
    """

    ignores: frozenset[str] = frozenset()
    objects: dict[str, bytes] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked, body: bytes) -> Reply:
        """Carry a request out."""
        with self.lock:
            self.asked.append(asked)
            if self.replies:
                return self.replies.pop(0)
            url = urlsplit(asked.target)
            bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
            if bucket != BUCKET:
                return _error(404, "NoSuchBucket")
            if asked.method == "PUT":
                return self._put(key, body, asked.headers)
            return self._get(key) if key else self._list(url.query)

    def _put(self, key: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        found = self.objects.get(key)
        if "if-none-match" in headers and "if-none-match" not in self.ignores and found is not None:
            return _error(412, "PreconditionFailed")
        expected = headers.get("if-match")
        if expected and "if-match" not in self.ignores:
            if found is None:
                return _error(404, "NoSuchKey")
            if _etag(found) != expected:
                return _error(412, "PreconditionFailed")
        self.objects[key] = body
        return Reply(200, b"", _etag(body))

    def _get(self, key: str) -> Reply:
        found = self.objects.get(key)
        return _error(404, "NoSuchKey") if found is None else Reply(200, found, _etag(found))

    def _list(self, query: str) -> Reply:
        given = parse_qs(query)
        prefix, delimiter = (given.get(name, [""])[0] for name in ("prefix", "delimiter"))
        keys, folders = [], set()
        for key in sorted(self.objects):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            else:
                keys.append(key)
        body = "".join(f"<Contents>{_described(self.objects[key], key)}</Contents>" for key in keys)
        body += "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        return Reply(200, f"<ListBucketResult>{body}</ListBucketResult>".encode())


def _described(data: bytes, key: str) -> str:
    return (
        f"<Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>{_etag(data)}</ETag>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    )


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code></Error>".encode())


@contextmanager
def tiny_s3(*ignores: str, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Server, TinyS3]]:
    """Serve an empty bucket on loopback.

    Args:
        ignores: the headers of conditions that the server ignores.
        tls: with which it serves https, as ``localhost``.
    """
    bucket = TinyS3(frozenset(ignores))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else an answer's head waits for the client to acknowledge the one before.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = bucket.answer(Asked(self.command, self.path, headers), body)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            if reply.etag:
                self.send_header("ETag", reply.etag)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_PUT = do_POST = do_CONNECT = _serve  # noqa: N815 - http.server wants these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Keep silent."""

    with serving(Handler, tls) as port:
        env = aws(port, "any", "any")
        if tls:
            env = {**env, "AWS_ENDPOINT_URL": f"https://localhost:{port}"}
        yield Server("s3", port, env=env), bucket


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    # An idle connection that a client keeps would be waited for.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that don't wait for their answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # passed on


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve on a free loopback port, each connection in a thread; yields the port."""
    server = _Quiet(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    # It looks that often whether to stop.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
