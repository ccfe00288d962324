"""Troubles for a wire, by which request they strike."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from bulkops.api.messages import Request
from tests.engine.wire import Trouble

Script = Callable[[Request], Trouble | None]

METHODS = {"attach": "POST", "update": "PATCH", "detach": "DELETE"}
"""Kind of operation → the method it writes with, where the world is ``attached`` as it needs."""


def writes(*troubles: Trouble | None) -> Script:
    """Let each trouble strike one write after the other; ``None`` strikes nothing."""
    return in_turn(lambda request: request.writes, troubles)


def reads_back(*troubles: Trouble | None) -> Script:
    """Let each trouble strike one reading of a target after the other.

    Those are of a workspace's own list; and, once something was written, of the run tasks or of
    workspaces by name.
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
    """Let each trouble strike one of the requests meant, in their order."""
    left = deque(troubles)
    return lambda request: left.popleft() if left and struck(request) else None


def always(struck: Callable[[Request], bool], trouble: Trouble) -> Script:
    """Strike every request meant."""
    return lambda request: trouble if struck(request) else None


def both(*scripts: Script) -> Script:
    """Let every script have its say, the first trouble counts."""

    def combined(request: Request) -> Trouble | None:
        said = [script(request) for script in scripts]
        return next((trouble for trouble in said if trouble is not None), None)

    return combined
