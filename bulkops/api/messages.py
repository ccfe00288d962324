"""A request and its answer as plain values.

The client, the runner and the simulator speak in these types; only a transport knows how bytes
move: see ``bulkops.client.transport``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MEDIA_TYPE = "application/vnd.api+json"
"""Needed on every request, with or without a body: a bodiless DELETE without it is a 415."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body that is no JSON, no text, nested too deep or of another shape."""


# gc=False here and in other small values: they are in no cycles, and a job has so many of them
# that walking through them was a tenth of the engine's CPU time (measured).
class Request(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request.

    Attributes:
        method: GET, POST, PATCH or DELETE.
        path: percent-encoded, from the root: ``/api/v2/organizations/acme/tasks``.
        query: unescaped pairs in order: ``(("page[number]", "2"),)``.
        body: JSON bytes, empty for none.
        headers: names in lower case.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = {}

    @property
    def writes(self) -> bool:
        """Whether this request is meant to change anything at the server."""
        return self.method != "GET"


class Response(msgspec.Struct, frozen=True, gc=False):
    """One whole HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
