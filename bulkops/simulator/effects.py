"""What really happened on the server, whatever answers the clients received.

Changes of agent pools and of an organization's own list of tags are not recorded.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias

import msgspec

from bulkops.simulator.messages.execution import of_workspace
from bulkops.simulator.state import Organization, Project, Task, Workspace, WorkspaceTask

Snapshot: TypeAlias = dict[str, object]
Action: TypeAlias = Literal["create", "update", "delete"]
Kind: TypeAlias = Literal["organization", "project", "task", "workspace-task", "workspace"]
Record: TypeAlias = Organization | Project | Task | Workspace | WorkspaceTask


class Effect(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One create, update or delete that a request caused.

    Attributes:
        seq: a number, counted from 1 without gaps.
        now: the time in monotonic seconds.
        method: the request's method; a workspace's tags are also updated by POST and DELETE.
        action: what the request did.
        kind: the type of the changed record.
        id: the record's id.
        names: the record's names and ids: ``organization``, ``project``, ``project-id``,
            ``task``, ``task-id``, ``workspace``, ``workspace-id``, as applicable.
        user: the name of the token's user.
        before: the record's attributes before; None for a create.
        after: the record's attributes after; None for a delete. Equal to ``before`` if an
            update changed nothing.
    """

    seq: int
    now: float
    method: str
    action: Action
    kind: Kind
    id: str
    names: dict[str, str]
    user: str
    before: Snapshot | None
    after: Snapshot | None


class Stats(msgspec.Struct, kw_only=True, rename="kebab"):
    """Counts of requests and answers.

    Attributes:
        requests: the requests under /api/v2, including those that a fault kept from the server;
            a late one counts when it arrives.
        by_route: requests by route, ``GET /workspaces/:workspace/tasks``, or ``unknown``.
        by_status: answers by the server's status, which a fault may have hidden.
        faults: faults by kind.
        too_many: requests that the rate limit answered with 429.
        first_write, last_write: the monotonic seconds of the first and last effect.
    """

    requests: int = 0
    by_route: Counter[str] = msgspec.field(default_factory=Counter)
    by_status: Counter[int] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    too_many: int = 0
    first_write: float | None = None
    last_write: float | None = None


def counts_by_workspace(effects: list[Effect]) -> Counter[str]:
    """Return ``ORGANIZATION/WORKSPACE`` → its number of effects on workspace tasks."""
    return Counter(
        f"{effect.names['organization']}/{effect.names['workspace']}"
        for effect in effects
        if effect.kind == "workspace-task"
    )


def snapshot(record: Record) -> Snapshot:
    """Return a record's changeable attributes by their API names, without the HMAC key."""
    match record:
        case WorkspaceTask():
            return {
                "enforcement-level": record.enforcement_level,
                "stages": record.stages,
            }
        case Task():
            return {
                "name": record.name,
                "url": record.url,
                "description": record.description,
                "enabled": record.enabled,
                "global-configuration": record.global_configuration,
                "agent-pool": record.agent_pool,
            }
        case Organization():
            return {
                "name": record.name,
                "entitlements": record.entitlements,
                "default-execution-mode": record.execution_mode,
                "default-agent-pool": record.agent_pool,
                **record.settings,
            }
        case Project():
            return {
                "name": record.name,
                "description": record.description,
                "tag-bindings": dict(record.tag_bindings),
                "default-execution-mode": record.execution_mode,
                "default-agent-pool": record.agent_pool,
                **record.settings,
            }
        case _:
            runs = of_workspace(record)
            return {
                **record.settings,
                "name": record.name,
                "description": record.description,
                "locked": record.locked,
                "locked-reason": record.locked_reason,
                "auto-apply": record.auto_apply,
                "execution-mode": runs.mode,
                "terraform-version": record.terraform_version,
                "working-directory": record.working_directory,
                "assessments-enabled": record.assessments_enabled,
                "agent-pool": runs.pool,
                "project": record.project.id,
                "remote-state-consumers": tuple(record.consumers),
                "tags": tuple(record.tags),
                "tag-bindings": dict(record.tag_bindings),
            }


def names(record: Record) -> tuple[Kind, dict[str, str]]:
    """Return a record's kind, and its names and ids."""
    match record:
        case Organization():
            return "organization", {"organization": record.name}
        case Project():
            return "project", {
                "organization": record.organization,
                "project": record.name,
                "project-id": record.id,
            }
        case WorkspaceTask(workspace=workspace, task=task):
            return "workspace-task", {
                "organization": workspace.organization.name,
                "workspace": workspace.name,
                "workspace-id": workspace.id,
                "task": task.name,
                "task-id": task.id,
            }
        case Task():
            kind: Kind = "task"
        case _:
            kind = "workspace"
    return kind, {
        "organization": record.organization.name,
        kind: record.name,
        f"{kind}-id": record.id,
    }
