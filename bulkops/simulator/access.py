"""Which organizations a user sees, and with which permissions it reaches a record in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bulkops.simulator.messages.problems import not_found
from bulkops.simulator.state import Organization, Task, User, Workspace
from bulkops.simulator.world import World

_COLLECTIONS: Final = {
    "organizations": "Organization",
    "agent-pools": "Agent pool",
    "projects": "Project",
    "workspaces": "Workspace",
    "tasks": "Run task",
    "tags": "Tag",
}
"""The first part of a path that continues with a name or id → what that addresses."""


def user_at(world: World, user: User, path: str, args: tuple[str, ...]) -> User:
    """Return the user with the permissions in the organization of the record at this path.

    Args:
        path: a route's path: ``/workspaces/:workspace/tasks``.
        args: the path's parameters; if there is no such record, the user is returned as it is.

    Raises:
        Problem: the user doesn't see that organization: 404, the same as for a missing record.
    """
    collection = path.removeprefix("/admin").split("/")[1]
    organization = _organization(world, collection, args[0]) if args else None
    if organization is None:
        return user
    within = user.within(organization.name)
    if within is None:
        raise not_found(_COLLECTIONS[collection])
    return within


def seen(world: World, user: User) -> Iterator[tuple[Organization, User]]:
    """Yield the organizations that a user sees, and the user with the permissions in each."""
    for organization in world.organizations.values():
        within = user.within(organization.name)
        if within is not None:
            yield organization, within


def _organization(world: World, collection: str, ident: str) -> Organization | None:
    match collection:
        case "workspaces" | "tasks":
            records: Mapping[str, Workspace | Task]
            records = world.workspaces if collection == "workspaces" else world.tasks
            return records[ident].organization if ident in records else None
        case "organizations":
            return world.organization(ident)
        case "projects":
            project = world.projects.get(ident)
            return world.organizations[project.organization] if project else None
        case "tags":
            return world.owner_of_tag(ident)
        case _:
            return world.owner_of_pool(ident)
