"""A request and its answer as plain values.

The client, the runner and the simulator use these types; only a transport sends bytes (see
``bulkops.client.transport``).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MEDIA_TYPE = "application/vnd.api+json"
"""Required on every request, even without a body: a DELETE without it is answered 415."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body that isn't JSON, isn't text, is nested too deep or misshapen."""


# gc=False here and in other small values: they can't form cycles, and a job has so many of them
# that garbage collection took a tenth of the engine's CPU time (measured).
class Request(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request.

    Attributes:
        method: GET, POST, PATCH or DELETE.
        path: the percent-encoded path from the root: ``/api/v2/organizations/acme/tasks``.
        query: unescaped pairs in order: ``(("page[number]", "2"),)``.
        body: JSON; empty for no body.
        headers: additional headers, with lower-case names.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = {}

    @property
    def writes(self) -> bool:
        """Whether this request can change anything on the server."""
        return self.method != "GET"


class Response(msgspec.Struct, frozen=True, gc=False):
    """One complete HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
