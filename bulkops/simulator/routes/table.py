"""The table of routes: the handler and status for each method and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote

import msgspec

from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.documents import Resource
from bulkops.simulator.routes import (
    agent_pools,
    consumers,
    empty,
    locks,
    organizations,
    projects,
    run_tasks,
    subscriptions,
    tags,
    workspace_tasks,
    workspaces,
)
from bulkops.simulator.routes.bindings import OF_PROJECTS, OF_WORKSPACES, Bindings

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
_POOL = "/agent-pools/:agent-pool"
_PROJECT = "/projects/:project"
_WORKSPACE = "/workspaces/:workspace"
_NAMED = f"{_ORG}/workspaces/:name"
_CONSUMERS = "relationships/remote-state-consumers"
_TAG_BINDINGS = "relationships/tag-bindings"


def _of_bindings(path: str, owners: Bindings) -> tuple[tuple[str, str, int, Handler], ...]:
    return (
        # The first three are those of the API pages, go-tfe and pytfe; the OpenAPI has the others.
        ("GET", f"{path}/tag-bindings", 200, owners.index),
        ("PATCH", f"{path}/tag-bindings", 200, owners.extend),
        ("DELETE", f"{path}/tag-bindings", 204, owners.clear),
        ("GET", f"{path}/{_TAG_BINDINGS}", 200, owners.index),
        ("POST", f"{path}/{_TAG_BINDINGS}", 204, owners.add),
        ("PATCH", f"{path}/{_TAG_BINDINGS}", 204, owners.replace),
        ("GET", f"{path}/effective-tag-bindings", 200, owners.effective),
    )


ROUTES: Final = tuple(
    Route(*row)
    for row in (
        ("GET", "/ping", 204, organizations.ping),
        ("GET", "/account/details", 200, organizations.account),
        ("GET", "/admin/feature-sets", 200, subscriptions.feature_sets),
        ("POST", f"/admin{_ORG}/subscription", 200, subscriptions.subscribe),
        ("GET", "/organizations", 200, organizations.index),
        ("POST", "/organizations", 201, organizations.create),
        ("GET", _ORG, 200, organizations.show),
        ("PATCH", _ORG, 200, organizations.update),
        ("DELETE", _ORG, 204, organizations.delete),
        ("GET", f"{_ORG}/entitlement-set", 200, organizations.entitlement_set),
        ("GET", f"{_ORG}/capacity", 200, organizations.capacity),
        ("GET", f"{_ORG}/agent-pools", 200, agent_pools.index),
        ("POST", f"{_ORG}/agent-pools", 201, agent_pools.create),
        ("GET", _POOL, 200, agent_pools.show),
        ("PATCH", _POOL, 200, agent_pools.update),
        ("DELETE", _POOL, 204, agent_pools.delete),
        ("GET", f"{_ORG}/projects", 200, projects.index),
        ("POST", f"{_ORG}/projects", 201, projects.create),
        ("GET", _PROJECT, 200, projects.show),
        ("PATCH", _PROJECT, 200, projects.update),
        ("DELETE", _PROJECT, 204, projects.delete),
        ("POST", f"{_PROJECT}/relationships/workspaces", 204, projects.move_workspaces),
        *_of_bindings(_PROJECT, OF_PROJECTS),
        ("GET", f"{_ORG}/tags", 200, tags.index_of_organization),
        ("DELETE", f"{_ORG}/tags", 204, tags.delete),
        ("POST", "/tags/:tag/relationships/workspaces", 204, tags.add_workspaces),
        ("GET", f"{_ORG}/tasks", 200, run_tasks.index),
        ("POST", f"{_ORG}/tasks", 201, run_tasks.create),
        ("GET", "/tasks/:task", 200, run_tasks.show),
        ("PATCH", "/tasks/:task", 200, run_tasks.update),
        ("DELETE", "/tasks/:task", 204, run_tasks.delete),
        ("GET", "/tasks/:task/relationships/workspace-tasks", 200, workspace_tasks.index_of_task),
        ("GET", f"{_ORG}/workspaces", 200, workspaces.index),
        ("POST", f"{_ORG}/workspaces", 201, workspaces.create),
        ("GET", _NAMED, 200, workspaces.show),
        ("PATCH", _NAMED, 200, workspaces.update),
        ("DELETE", _NAMED, 204, workspaces.delete),
        ("POST", f"{_NAMED}/actions/safe-delete", 204, workspaces.safe_delete),
        ("GET", _WORKSPACE, 200, workspaces.show),
        ("PATCH", _WORKSPACE, 200, workspaces.update),
        ("DELETE", _WORKSPACE, 204, workspaces.delete),
        ("POST", f"{_WORKSPACE}/actions/safe-delete", 204, workspaces.safe_delete),
        ("POST", f"{_WORKSPACE}/actions/lock", 200, locks.lock),
        ("POST", f"{_WORKSPACE}/actions/unlock", 200, locks.unlock),
        ("POST", f"{_WORKSPACE}/actions/force-unlock", 200, locks.force_unlock),
        ("GET", f"{_WORKSPACE}/tasks", 200, workspace_tasks.index),
        ("POST", f"{_WORKSPACE}/tasks", 201, workspace_tasks.create),
        ("GET", f"{_WORKSPACE}/tasks/:workspace-task", 200, workspace_tasks.show),
        ("PATCH", f"{_WORKSPACE}/tasks/:workspace-task", 200, workspace_tasks.update),
        ("DELETE", f"{_WORKSPACE}/tasks/:workspace-task", 204, workspace_tasks.delete),
        ("GET", f"{_WORKSPACE}/relationships/tags", 200, tags.index),
        ("POST", f"{_WORKSPACE}/relationships/tags", 204, tags.add),
        ("DELETE", f"{_WORKSPACE}/relationships/tags", 204, tags.remove),
        ("GET", f"{_WORKSPACE}/{_CONSUMERS}", 200, consumers.index),
        ("POST", f"{_WORKSPACE}/{_CONSUMERS}", 204, consumers.add),
        ("PATCH", f"{_WORKSPACE}/{_CONSUMERS}", 204, consumers.replace),
        ("DELETE", f"{_WORKSPACE}/{_CONSUMERS}", 204, consumers.remove),
        *_of_bindings(_WORKSPACE, OF_WORKSPACES),
        *(("GET", f"{_ORG}/{p}", 200, empty.of_organization) for p in empty.OF_ORGANIZATION),
        *(("GET", f"{_PROJECT}/{p}", 200, empty.of_project) for p in empty.OF_PROJECT),
        *(("GET", f"{_WORKSPACE}/{p}", 200, empty.of_workspace) for p in empty.OF_WORKSPACE),
        *(("GET", f"{_POOL}/{p}", 200, empty.of_agent_pool) for p in empty.OF_AGENT_POOL),
        *(("GET", f"/{p}", 200, empty.of_everything) for p in empty.OF_EVERYTHING),
    )
)

_Shape: TypeAlias = tuple[tuple[str | None, ...], Route]


def _index() -> dict[tuple[str, int, str], list[_Shape]]:
    """Return method, number of parts, and first part → the routes among which to search."""
    index: dict[tuple[str, int, str], list[_Shape]] = {}
    for route in ROUTES:
        parts = route.path.split("/")[1:]
        shape = tuple(None if part.startswith(":") else part for part in parts)
        index.setdefault((route.method, len(parts), parts[0]), []).append((shape, route))
    return index


_INDEX: Final = _index()


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a path below /api/v2 and its decoded parameters, None if unknown."""
    parts = path.split("/")[1:]
    for shape, route in _INDEX.get((method, len(parts), parts[0] if parts else ""), ()):
        if all(name in (None, part) for name, part in zip(shape, parts, strict=True)):
            return route, tuple(
                unquote(part) for name, part in zip(shape, parts, strict=True) if name is None
            )
    return None
