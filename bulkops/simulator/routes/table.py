"""The table of routes: the handler and status for each method and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote

import msgspec

from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.documents import Resource
from bulkops.simulator.routes import (
    locks,
    organizations,
    run_tasks,
    tags,
    workspace_tasks,
    workspaces,
)

Handler: TypeAlias = Callable[[Call], Resource | None]


class Route(msgspec.Struct, frozen=True):
    """One row of the table; if the handler returns None, the status is 204."""

    method: str
    path: str
    status: int
    handler: Handler

    @property
    def name(self) -> str:
        """The route's name in the statistics."""
        return f"{self.method} {self.path}"


_ORG = "/organizations/:organization"
_WORKSPACE = "/workspaces/:workspace"

ROUTES: Final = tuple(
    Route(*row)
    for row in (
        ("GET", "/ping", 204, organizations.ping),
        ("GET", "/account/details", 200, organizations.account),
        ("GET", "/organizations", 200, organizations.index),
        ("GET", _ORG, 200, organizations.show),
        ("GET", f"{_ORG}/entitlement-set", 200, organizations.entitlement_set),
        ("GET", f"{_ORG}/projects", 200, organizations.projects),
        ("POST", f"{_ORG}/projects", 201, organizations.create_project),
        ("GET", f"{_ORG}/tags", 200, tags.index_of_organization),
        ("GET", f"{_ORG}/tasks", 200, run_tasks.index),
        ("POST", f"{_ORG}/tasks", 201, run_tasks.create),
        ("GET", "/tasks/:task", 200, run_tasks.show),
        ("PATCH", "/tasks/:task", 200, run_tasks.update),
        ("DELETE", "/tasks/:task", 204, run_tasks.delete),
        ("GET", "/tasks/:task/relationships/workspace-tasks", 200, workspace_tasks.index_of_task),
        ("GET", f"{_ORG}/workspaces", 200, workspaces.index),
        ("POST", f"{_ORG}/workspaces", 201, workspaces.create),
        ("GET", f"{_ORG}/workspaces/:name", 200, workspaces.show),
        ("PATCH", f"{_ORG}/workspaces/:name", 200, workspaces.update),
        ("DELETE", f"{_ORG}/workspaces/:name", 204, workspaces.delete),
        ("GET", _WORKSPACE, 200, workspaces.show),
        ("PATCH", _WORKSPACE, 200, workspaces.update),
        ("DELETE", _WORKSPACE, 204, workspaces.delete),
        ("POST", f"{_WORKSPACE}/actions/lock", 200, locks.lock),
        ("POST", f"{_WORKSPACE}/actions/unlock", 200, locks.unlock),
        ("GET", f"{_WORKSPACE}/tasks", 200, workspace_tasks.index),
        ("POST", f"{_WORKSPACE}/tasks", 201, workspace_tasks.create),
        ("GET", f"{_WORKSPACE}/tasks/:workspace-task", 200, workspace_tasks.show),
        ("PATCH", f"{_WORKSPACE}/tasks/:workspace-task", 200, workspace_tasks.update),
        ("DELETE", f"{_WORKSPACE}/tasks/:workspace-task", 204, workspace_tasks.delete),
        ("GET", f"{_WORKSPACE}/relationships/tags", 200, tags.index),
        ("POST", f"{_WORKSPACE}/relationships/tags", 204, tags.add),
        ("DELETE", f"{_WORKSPACE}/relationships/tags", 204, tags.remove),
        ("GET", f"{_WORKSPACE}/relationships/tag-bindings", 200, tags.bindings),
        ("POST", f"{_WORKSPACE}/relationships/tag-bindings", 204, tags.add_bindings),
        ("PATCH", f"{_WORKSPACE}/relationships/tag-bindings", 204, tags.replace_bindings),
        # The API pages and pytfe read the bindings here, the OpenAPI under relationships.
        ("GET", f"{_WORKSPACE}/tag-bindings", 200, tags.bindings),
        ("GET", f"{_WORKSPACE}/effective-tag-bindings", 200, tags.effective_bindings),
    )
)

_Shape: TypeAlias = tuple[tuple[str | None, ...], Route]


def _index() -> dict[tuple[str, int], list[_Shape]]:
    index: dict[tuple[str, int], list[_Shape]] = {}
    for route in ROUTES:
        parts = route.path.split("/")[1:]
        shape = tuple(None if part.startswith(":") else part for part in parts)
        index.setdefault((route.method, len(parts)), []).append((shape, route))
    return index


_INDEX: Final = _index()


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a path below /api/v2 and its decoded parameters, None if unknown."""
    parts = path.split("/")[1:]
    for shape, route in _INDEX.get((method, len(parts)), ()):
        if all(name in (None, part) for name, part in zip(shape, parts, strict=True)):
            return route, tuple(
                unquote(part) for name, part in zip(shape, parts, strict=True) if name is None
            )
    return None
