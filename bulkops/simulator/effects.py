"""What really happened at the server, whatever a client was told about it."""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias

import msgspec

from bulkops.simulator.state import Task, Workspace, WorkspaceTask

Snapshot: TypeAlias = dict[str, object]
Action: TypeAlias = Literal["create", "update", "delete"]
Kind: TypeAlias = Literal["task", "workspace-task", "workspace"]


class Effect(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One create, update or delete that a request brought about.

    Attributes:
        seq: counted from 1 without a gap.
        now: monotonic seconds.
        method: of the request; a workspace's tags are updated by POST and DELETE too.
        action: what it did.
        kind: what was changed.
        id: its id.
        names: every name and id it goes by: ``task``, ``task-id``, ``workspace``,
            ``workspace-id``, those that apply.
        user: whose token it was.
        before: its attributes before, None for a create.
        after: its attributes after, None for a delete; equal to ``before`` where an update
            changed nothing.
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
    """Counts of what came in and what went out.

    Attributes:
        requests: under /api/v2, those that a fault kept from the server included; one that is
            late counts when it arrives.
        by_route: keyed ``GET /workspaces/:workspace/tasks``; ``unknown`` for no such route.
        by_status: keyed by the status the server decided on, before any fault hid it.
        faults: struck, by kind.
        too_many: answered 429 by the rate limit.
        first_write, last_write: monotonic seconds of the first and last effect.
    """

    requests: int = 0
    by_route: Counter[str] = msgspec.field(default_factory=Counter)
    by_status: Counter[int] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    too_many: int = 0
    first_write: float | None = None
    last_write: float | None = None


def counts_by_workspace(effects: list[Effect]) -> Counter[str]:
    """Return how many workspace-task effects each workspace name has seen."""
    return Counter(
        effect.names["workspace"] for effect in effects if effect.kind == "workspace-task"
    )


def snapshot(record: Task | Workspace | WorkspaceTask) -> Snapshot:
    """Return what can be changed in a record, as the API spells it, without the HMAC key."""
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
        case _:
            return {
                "name": record.name,
                "description": record.description,
                "locked": record.locked,
                "locked-reason": record.locked_reason,
                "auto-apply": record.auto_apply,
                "execution-mode": record.execution_mode,
                "terraform-version": record.terraform_version,
                "working-directory": record.working_directory,
                "assessments-enabled": record.assessments_enabled,
                "agent-pool": record.agent_pool,
                "project": record.project.id,
                "tags": tuple(record.tags),
                "tag-bindings": dict(record.tag_bindings),
            }


def names(record: Task | Workspace | WorkspaceTask) -> tuple[Kind, dict[str, str]]:
    """Return a record's kind, and the names and ids it goes by."""
    match record:
        case WorkspaceTask(workspace=workspace, task=task):
            return "workspace-task", {
                "workspace": workspace.name,
                "workspace-id": workspace.id,
                "task": task.name,
                "task-id": task.id,
            }
        case Task():
            return "task", {"task": record.name, "task-id": record.id}
        case _:
            return "workspace", {"workspace": record.name, "workspace-id": record.id}
