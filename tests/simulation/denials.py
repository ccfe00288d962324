"""Reads that are briefly denied, as by a proxy or a lagging replica."""

from __future__ import annotations

from random import Random

from bulkops.api import endpoints
from bulkops.api.messages import Request

STATUSES = ("403", "404")


class Denials:
    """Decides which reads are denied.

    It keeps the assumed bound: a list is denied for less than ``settle``, and not again before it
    was answered.

    Args:
        settle: seconds.
    """

    def __init__(self, random: Random, settle: float) -> None:
        self._random = random
        self._settle = settle
        self._denied: dict[str, tuple[float, str]] = {}

    def strike(self, request: Request, now: float, likely: float) -> str | None:
        """Return the status that answers a request, ``None`` if the server answers it.

        Args:
            likely: share of reads that start a denial.
        """
        path = _of(request)
        if request.writes or request.path == endpoints.ping().path:
            return None
        if path in self._denied:
            until, status = self._denied[path]
            return status if now < until else None
        if likely and self._random.random() < likely:
            status = self._random.choice(STATUSES)
            self._denied[path] = now + self._random.uniform(0, 0.98 * self._settle), status
            return status
        return None

    def forget(self) -> None:
        """Let every list be denied again."""
        self._denied.clear()

    def answered(self, request: Request) -> None:
        """Record that the server's own answer arrives."""
        self._denied.pop(_of(request), None)


def _of(request: Request) -> str:
    # For workspaces by name, each name is a list of its own.
    name = dict(request.query).get("search[name]", "")
    return f"{request.path} {name}"
