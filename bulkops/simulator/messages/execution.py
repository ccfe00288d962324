"""Where runs take place: a mode and its agent pool, which projects and workspaces inherit."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.messages.checks import check_pool
from bulkops.simulator.messages.problems import unprocessable
from bulkops.simulator.state import Organization, Project, Workspace

Mode: TypeAlias = Literal["remote", "local", "agent"]


class _Pool(msgspec.Struct):
    id: str


class PoolRelationship(msgspec.Struct):
    """An agent pool as a relationship in a request's body."""

    data: _Pool | None

    @property
    def ident(self) -> str | None:
        """The pool's id; None for no pool."""
        return self.data.id if self.data else None


class Execution(msgspec.Struct, frozen=True):
    """A mode, and the id of its agent pool if the mode is ``agent``."""

    mode: str
    pool: str | None = None


REMOTE: Final = Execution("remote")


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of the execution.

    Attributes:
        mode: the new mode.
        pool: the new agent pool's id.
        overwrites: ``setting-overwrites``: whether the owner has values of its own.
        names: how messages call the agent pool, and where the body has it.
    """

    mode: Mode | UnsetType = UNSET
    pool: str | UnsetType | None = UNSET
    overwrites: dict[str, bool] | UnsetType = UNSET
    names: tuple[str, str]


OF_WORKSPACE: Final = ("Agent pool", "/data/attributes/agent-pool-id")
OF_PROJECT: Final = ("Default agent pool", "/data/attributes/default-agent-pool-id")
OF_ORGANIZATION: Final = ("Default agent pool", "/data/relationships/default-agent-pool")


def of_organization(organization: Organization) -> Execution:
    """Return the execution that an organization sets for its projects."""
    return own(organization) or REMOTE


def of_project(project: Project, organization: Organization) -> Execution:
    """Return the execution that a project of this organization has or inherits."""
    return own(project) or of_organization(organization)


def of_workspace(workspace: Workspace) -> Execution:
    """Return the execution that a workspace has or inherits."""
    return own(workspace) or of_project(workspace.project, workspace.organization)


def own(owner: Organization | Project | Workspace) -> Execution | None:
    """Return the execution of an owner itself, None if it inherits one."""
    return Execution(owner.execution_mode, owner.agent_pool) if owner.execution_mode else None


def after(
    requested: Requested, pools: Container[str], *, before: Execution | None, default: Execution
) -> Execution | None:
    """Return the owner's execution after a request, None if it then inherits one.

    Args:
        requested: what the request says.
        pools: the ids of the organization's agent pools.
        before: the owner's own execution.
        default: what it inherits otherwise.

    Raises:
        Problem: mode, agent pool and overwrites don't fit each other: 422.
    """
    _check_overwrites(requested)
    result = _combined(requested, before or default)
    what, pointer = requested.names
    if result.mode == "agent":
        if not result.pool and (requested.mode, requested.pool) != (UNSET, UNSET):
            raise unprocessable(
                f"{what} must be specified when using 'agent' execution mode", pointer
            )
        if requested.pool:
            check_pool(pools, requested.pool, pointer)
    elif requested.pool:
        raise unprocessable(
            f"{what} must not be specified unless using 'agent' execution mode", pointer
        )
    if requested.overwrites and not all(requested.overwrites.values()):
        return None
    overwritten = before is not None or bool(requested.overwrites)
    return result if overwritten or requested.mode or requested.pool else None


def _combined(requested: Requested, current: Execution) -> Execution:
    mode = requested.mode or current.mode
    if mode != "agent":
        return Execution(mode)
    return Execution(mode, current.pool if requested.pool is UNSET else requested.pool)


def _check_overwrites(requested: Requested) -> None:
    if requested.overwrites and len(set(requested.overwrites.values())) > 1:
        raise unprocessable(
            "If agent-pool and execution-mode are both included in setting-overwrites, their "
            "values must be the same.",
            "/data/attributes/setting-overwrites",
        )


def assign(owner: Organization | Project | Workspace, execution: Execution | None) -> None:
    """Give an owner an execution of its own, or let it inherit one."""
    owner.execution_mode = execution.mode if execution else None
    owner.agent_pool = execution.pool if execution else None


def overwrites(owner: Project | Workspace, prefix: str = "") -> dict[str, bool]:
    """Return the ``setting-overwrites`` of an owner; a project's names have a prefix."""
    has = own(owner) is not None
    return {f"{prefix}execution-mode": has, f"{prefix}agent-pool": has}
