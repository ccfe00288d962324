"""Scripts of troubles for a wire: which request each one strikes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from bulkops.api.messages import Request
from tests.engine.wire import Trouble

Script = Callable[[Request], Trouble | None]

METHODS = {"attach": "POST", "update": "PATCH", "detach": "DELETE"}
"""Kind of operation → the method of its write, in a world that is ``attached`` as it needs."""


def writes(*troubles: Trouble | None) -> Script:
    """Let the troubles strike the writes in turn; ``None`` strikes nothing."""
    return in_turn(lambda request: request.writes, troubles)


def reads_back(*troubles: Trouble | None) -> Script:
    """Let the troubles strike the readings of targets in turn.

    Those are requests for a workspace's own list and, after the first write, for the list of run
    tasks or for workspaces by name.
    """
    written = False

    def is_look(request: Request) -> bool:
        nonlocal written
        written = written or request.writes
        by_name = any(name == "search[name]" for name, _ in request.query)
        listed = written and (request.path.endswith("/acme/tasks") or by_name)
        return not request.writes and ("/workspaces/ws-" in request.path or listed)

    return in_turn(is_look, troubles)


def in_turn(struck: Callable[[Request], bool], troubles: Iterable[Trouble | None]) -> Script:
    """Let the troubles strike the matching requests in turn."""
    left = deque(troubles)
    return lambda request: left.popleft() if left and struck(request) else None


def always(struck: Callable[[Request], bool], trouble: Trouble) -> Script:
    """Let the trouble strike every matching request."""
    return lambda request: trouble if struck(request) else None


def both(*scripts: Script) -> Script:
    """Combine scripts; the first trouble counts, but every script sees each request."""

    def combined(request: Request) -> Trouble | None:
        troubles = [script(request) for script in scripts]
        return next((trouble for trouble in troubles if trouble is not None), None)

    return combined
