"""A proxy in front of a real store that delays, loses and cuts on demand, in this process."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, Literal, NamedTuple

from tests.journal.remote.servers import Server
from tests.journal.remote.tiny_s3 import serving


class Forwarded(NamedTuple):
    """A request that reached the proxy: its method, its target and the size of its body.

    Attributes:
        status: the store's answer; 0 if it wasn't forwarded.
    """

    method: str
    target: str
    size: int
    status: int


@dataclass
class Unruly:
    """What the proxy does with requests; a test may change it at any time.

    Attributes:
        put_latency: seconds by which the answer to each PUT is delayed.
        cut: what happens to requests instead of being forwarded: ``hang`` lets them wait until
            ``mend``, ``reset`` resets the connection.
        only: what the target of a request contains that is cut; empty for all requests.
        heard: called with each request when the store has answered and the client has not yet got
            the answer.
        lose: of how many of the next PUTs the effect is made and the answer lost.
        lose_as: what the client gets instead: a status, or 0 for a closed connection.
        forwarded: all requests, in order of their ends.
    """

    put_latency: float = 0.0
    cut: Literal["", "hang", "reset"] = ""
    only: str = ""
    heard: Callable[[Forwarded], object] = lambda _: None
    lose: int = 0
    lose_as: int = 0
    forwarded: list[Forwarded] = field(default_factory=list)
    _mended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mend(self) -> None:
        """Forward again; what hung is dropped."""
        self.cut = ""
        self._mended.set()

    def wait(self) -> None:
        """Hang until ``mend``."""
        self._mended.clear()
        self._mended.wait()

    def loses(self, method: str) -> bool:
        """Return whether the answer to a request is lost, and count it."""
        with self._lock:
            lost = method == "PUT" and self.lose > 0
            self.lose -= lost
            return lost


class _Forwarding(BaseHTTPRequestHandler):
    """Forwards one connection's requests to the store at ``port``."""

    port: ClassVar[int]
    switch: ClassVar[Unruly]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.switch.cut and self.switch.only in self.path:
            self._note(len(body), 0)
            self._cut()
            return
        # The store checks the signature of the Host header: it is passed on as it is.
        connection = HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, HTTPException):
            self._note(len(body), 0)
            self._reset()
            return
        finally:
            connection.close()
        self._note(len(body), answer.status)
        if self.command == "PUT" and self.switch.put_latency:
            time.sleep(self.switch.put_latency)
        if self.switch.loses(self.command):
            self._lose()
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _note(self, size: int, status: int) -> None:
        request = Forwarded(self.command, self.path, size, status)
        self.switch.forwarded.append(request)
        self.switch.heard(request)

    def _cut(self) -> None:
        if self.switch.cut == "hang":
            self.switch.wait()
        self._reset()

    def _lose(self) -> None:
        if self.switch.lose_as:
            self.send_response_only(self.switch.lose_as)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            # With a reset the client might see that instead of the end.
            self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    do_GET = do_PUT = do_HEAD = do_POST = _serve  # noqa: N815 - http.server wants these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Keep silent."""


@contextmanager
def unruly(server: Server) -> Iterator[tuple[Server, Unruly]]:
    """Run the proxy; yields the server as it is reached through it, and its switch."""
    switch = Unruly()

    class Handler(_Forwarding):
        pass

    Handler.port, Handler.switch = server.port, switch
    with serving(Handler) as port:
        try:
            yield server.behind(port), switch
        finally:
            switch.mend()
