"""Checks that the answer to a write is about what was written. Pure.

A confused cache or gateway may answer with another request's answer, whose level or stages are the
desired ones, too. What the answer doesn't show is not compared.

| compared                | with                                                    |
|-------------------------|---------------------------------------------------------|
| the id                  | that in the path of a PATCH, or of an action            |
| the type                | that in the body, if the answer's is one of this API's  |
| a related workspace     | that in the path, of an attachment                      |
| any other related thing | that in the body                                        |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from bulkops.api.endpoints import API
from bulkops.api.failures import request_id
from bulkops.api.messages import UNREADABLE, Request, Response
from bulkops.errors import ServerBroken
from bulkops.text import printable

_TYPES = ("tasks", "workspace-tasks", "workspaces")
"""Types that no answer of this API confuses; those of compatible servers may have other names."""


def echoed(request: Request, answer: Response) -> Response:
    """Return the answer to a request.

    One that can't be read at all is left to the caller that decodes it.

    Raises:
        ServerBroken: it is the answer to a write, and shows another thing than was written.
    """
    if not request.writes:
        return answer
    shown = _resource(answer.body)
    for written, got in _compared(request, shown):
        if written and isinstance(got, str) and got and got != written:
            raise ServerBroken(
                f"the server's answer is about {printable(got)}, not {printable(written)}",
                status=answer.status,
                request_id=request_id(answer),
            )
    return answer


def _compared(request: Request, shown: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what was written, and what is shown instead of it."""
    parts = [unquote(part) for part in request.path.removeprefix(API).strip("/").split("/")]
    body = _resource(request.body)
    if request.method == "PATCH":
        yield parts[-1], shown.get("id")
    elif "actions" in parts:
        yield parts[parts.index("actions") - 1], shown.get("id")
    if shown.get("type") in _TYPES:
        yield str(body.get("type") or ""), shown["type"]
    if len(parts) > 2 and parts[0] == "workspaces" and parts[2] == "tasks":
        yield parts[1], _related(shown, "workspace")
    for name in _members(body, "relationships"):
        yield str(_related(body, name) or ""), _related(shown, name)


def _resource(body: bytes) -> dict[str, Any]:
    try:
        return _members(msgspec.json.decode(body), "data") if body.strip() else {}
    except UNREADABLE:
        return {}


def _related(resource: dict[str, Any], name: str) -> object:
    return _members(_members(_members(resource, "relationships"), name), "data").get("id")


def _members(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
