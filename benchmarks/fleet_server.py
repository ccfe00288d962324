"""The server of ``benchmarks.server`` for many organizations, each with a token and a limit.

An organization's token is its name. ``GET /count`` returns what the server has counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.request import urlopen

import msgspec

from benchmarks.case import RATE
from benchmarks.server import Answers, Connection, Connections, running
from bulkops.api.messages import Response
from bulkops.simulator.limits import RateLimits, Window

_TOKEN = re.compile(rb"\r\nauthorization: Bearer (\S+)", re.IGNORECASE)


class Counted(msgspec.Struct):
    """What the server has counted of one organization.

    Attributes:
        refused: the number of 429s.
        writes: the number of writes that took effect.
        first, last: when the first and the last of them arrived, in the server's seconds.
    """

    requests: int = 0
    refused: int = 0
    writes: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def use(self) -> float:
        """Writes per second ÷ the limit, from the first to the last write."""
        return (self.writes - 1) / (self.last - self.first) / RATE if self.writes > 1 else 0.0


class Count(msgspec.Struct):
    """What the server has counted.

    Attributes:
        cpu: the CPU seconds of its process.
    """

    cpu: float
    organizations: dict[str, Counted]


class Organizations:
    """All organizations, by token.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        names: list[str],
        workspaces: int,
        window: Window,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answers = {name: Answers(workspaces) for name in names}
        self._counted = {name: Counted() for name in names}
        self._limits = RateLimits(RATE, window, other_client=0)
        self._clock = clock

    def answer(self, head: bytes, method: str, path: str, page: int, body: bytes) -> Response:
        """Return the answer to one request; see ``Answers.answer``."""
        if path == "/count":
            return Response(200, body=msgspec.json.encode(self.count()))
        token = _TOKEN.search(head)
        name = token[1].decode() if token else ""
        if name not in self._answers:
            return Response(401)
        counted, now, headers = self._counted[name], self._clock(), dict[str, str]()
        counted.requests += 1
        if not self._limits.take(name, now, headers):
            counted.refused += 1
            return Response(429, headers)
        if method in ("POST", "PATCH"):
            counted.writes += 1
            counted.first, counted.last = counted.first or now, now
        answer = self._answers[name].answer(method, path, page, body)
        return msgspec.structs.replace(answer, headers=headers)

    def count(self) -> Count:
        """Return what has been counted so far."""
        return Count(time.process_time(), self._counted)


@contextmanager
def serving(names: list[str], workspaces: int, window: Window) -> Iterator[str]:
    """Serve from another process within the block; yields the address."""
    with running(partial(_connections, names, workspaces, window)) as address:
        yield address


def count(address: str) -> Count:
    """Return what a server has counted so far."""
    with urlopen(f"{address}/count") as answer:  # noqa: S310 - our own server
        return msgspec.json.decode(answer.read(), type=Count)


def _connections(names: list[str], workspaces: int, window: Window) -> Connections:
    return partial(Connection, Organizations(names, workspaces, window).answer)
