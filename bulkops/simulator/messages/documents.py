"""Converts records to JSON:API resource objects, as in HashiCorp's OpenAPI."""

from __future__ import annotations

import msgspec

from bulkops.simulator.profiles import Profile
from bulkops.simulator.state import (
    Organization,
    Project,
    Task,
    User,
    Workspace,
    WorkspaceTask,
)

Resource = dict[str, object]


def identifier(kind: str, record_id: str | None) -> dict[str, object]:
    """Return a to-one relationship; ``record_id`` is None if it is empty."""
    return {"data": record_id and {"id": record_id, "type": kind}}


def task(record: Task, profile: Profile) -> Resource:
    """Return a ``tasks`` object; the HMAC key is write-only."""
    attributes: dict[str, object] = {
        "category": "task",
        "name": record.name,
        "url": record.url,
        "description": record.description,
        "enabled": record.enabled,
        "hmac-key": None,
        "created-at": record.created_at,
        "updated-at": record.updated_at,
    }
    if record.global_configuration is not None:
        attributes["global-configuration"] = record.global_configuration
    relationships: dict[str, object] = {
        "organization": identifier("organizations", record.organization.name),
        "workspace-tasks": {
            "data": [{"id": wstask_id, "type": "workspace-tasks"} for wstask_id in record.attached]
        },
    }
    if profile.tfe_version is None or record.agent_pool:
        relationships["agent-pool"] = identifier("agent-pools", record.agent_pool)
    return {
        "id": record.id,
        "type": "tasks",
        "attributes": attributes,
        "relationships": relationships,
        "links": {"self": f"/api/v2/tasks/{record.id}"},
    }


def workspace_task(record: WorkspaceTask, profile: Profile) -> Resource:
    """Return a ``workspace-tasks`` object, with ``stages`` if the version supports it."""
    attributes: dict[str, object] = {
        "enforcement-level": record.enforcement_level,
        "stage": record.stages[0],
    }
    if profile.many_stages:
        attributes["stages"] = record.stages
        attributes["created-at"] = record.created_at
        attributes["updated-at"] = record.updated_at
    workspace_id = record.workspace.id
    return {
        "id": record.id,
        "type": "workspace-tasks",
        "attributes": attributes,
        "relationships": {
            "task": identifier("tasks", record.task.id),
            "workspace": identifier("workspaces", workspace_id),
        },
        "links": {"self": f"/api/v2/workspaces/{workspace_id}/tasks/{record.id}"},
    }


_OPEN_TO_READERS = (
    "can-read-run",
    "can-read-variable",
    "can-read-state-versions",
    "can-read-state-outputs",
    "can-read-settings",
    "can-read-assessment-results",
)
_FOR_MANAGERS = (
    "can-update",
    "can-destroy",
    "can-queue-run",
    "can-update-variable",
    "can-create-state-versions",
    "can-queue-apply",
    "can-lock",
    "can-unlock",
    "can-force-unlock",
    "can-manage-tags",
    "can-force-delete",
    "can-manage-assessments",
    "can-manage-ephemeral-workspaces",
    "can-queue-destroy",
)
# Attributes that the simulator doesn't model are the same in every workspace.
_WORKSPACE_CONSTANTS = {
    "actions": {"is-destroyable": True},
    "allow-destroy-plan": True,
    "auto-apply-run-trigger": False,
    "auto-destroy-activity-duration": None,
    "auto-destroy-at": None,
    "environment": "default",
    "file-triggers-enabled": True,
    "global-remote-state": False,
    "operations": True,
    "queue-all-runs": False,
    "resource-count": 0,
    "source": "tfe-api",
    "source-name": None,
    "source-url": None,
    "speculative-enabled": True,
    "structured-run-output-enabled": True,
    "trigger-patterns": [],
    "trigger-prefixes": [],
    "vcs-repo": None,
    "vcs-repo-identifier": None,
}


def _workspace_permissions(*, manages: bool, attaches: bool) -> msgspec.Raw:
    return msgspec.Raw(
        msgspec.json.encode(
            dict.fromkeys(_OPEN_TO_READERS, True)
            | dict.fromkeys(_FOR_MANAGERS, manages)
            | {"can-manage-run-tasks": attaches}
        )
    )


_WORKSPACE_PERMISSIONS = {
    (manages, attaches): _workspace_permissions(manages=manages, attaches=attaches)
    for manages in (False, True)
    for attaches in (False, True)
}


def workspace(record: Workspace, user: User, profile: Profile) -> Resource:
    """Return a ``workspaces`` object with this user's permissions on it."""
    name = record.organization.name
    related = {"related": f"/api/v2/workspaces/{record.id}/effective-tag-bindings"}
    tags = {"effective-tag-bindings": {"links": related}}
    return {
        "id": record.id,
        "type": "workspaces",
        "attributes": _WORKSPACE_CONSTANTS
        | {
            "name": record.name,
            "description": record.description,
            "locked": record.locked,
            "locked-reason": record.locked_reason,
            "auto-apply": record.auto_apply,
            "execution-mode": record.execution_mode,
            "terraform-version": record.terraform_version,
            "working-directory": record.working_directory,
            "assessments-enabled": record.assessments_enabled,
            "created-at": record.created_at,
            "updated-at": record.updated_at,
            "latest-change-at": record.updated_at,
            "tag-names": record.tags,
            "permissions": _WORKSPACE_PERMISSIONS[user.manage_workspaces, user.may_attach(record)],
        },
        "relationships": {
            "organization": identifier("organizations", name),
            "project": identifier("projects", record.project.id),
            "current-run": identifier("runs", None),
            "locked-by": identifier(*holder(record)),
            "agent-pool": identifier("agent-pools", record.agent_pool),
            **({} if profile.bindings == "absent" else tags),
        },
        "links": {"self": f"/api/v2/organizations/{name}/workspaces/{record.name}"},
    }


def holder(record: Workspace) -> tuple[str, str | None]:
    """Return the type and id of the holder of a workspace's lock."""
    prefix = (record.locked_by or "user").partition("-")[0]
    return f"{prefix}s", record.locked_by


def project(record: Project, user: User) -> Resource:
    """Return a ``projects`` object."""
    manages = user.manage_workspaces
    return {
        "id": record.id,
        "type": "projects",
        "attributes": {
            "name": record.name,
            "description": record.description,
            "created-at": record.created_at,
            "permissions": {
                "can-read": True,
                "can-update": manages,
                "can-destroy": manages,
                "can-create-workspace": manages,
                "can-move-workspace": manages,
                "can-manage-tags": manages,
            },
        },
        "relationships": {"organization": identifier("organizations", record.organization)},
        "links": {"self": f"/api/v2/projects/{record.id}"},
    }


def organization(record: Organization, user: User) -> Resource:
    """Return an ``organizations`` object with this user's permissions in it."""
    manages = user.manage_workspaces
    return {
        "id": record.name,
        "type": "organizations",
        "attributes": {
            "name": record.name,
            "external-id": record.id,
            "created-at": record.created_at,
            "email": f"admin@{record.name}.example",
            "collaborator-auth-policy": "password",
            "plan-expired": False,
            "plan-is-trial": False,
            "default-execution-mode": "remote",
            "permissions": {
                "can-update": manages,
                "can-destroy": manages,
                "can-traverse": True,
                "can-create-workspace": manages,
                "can-create-project": manages,
                "can-manage-tags": manages,
                "can-manage-run-tasks": user.manage_run_tasks,
                "can-read-run-tasks": user.list_run_tasks,
            },
        },
        "relationships": {
            "default-project": identifier("projects", record.default_project.id),
            "entitlement-set": identifier("entitlement-sets", record.id),
        },
        "links": {"self": f"/api/v2/organizations/{record.name}"},
    }


def entitlement_set(record: Organization) -> Resource:
    """Return an ``entitlement-sets`` object."""
    return {
        "id": record.id,
        "type": "entitlement-sets",
        "attributes": record.entitlements,
        "links": {"self": f"/api/v2/entitlement-sets/{record.id}"},
    }


def user(record: User) -> Resource:
    """Return a ``users`` object."""
    return {
        "id": f"user-{record.name}",
        "type": "users",
        "attributes": {
            "username": record.name,
            "is-service-account": False,
            "email": f"{record.name}@simulator.example",
        },
        "links": {"self": f"/api/v2/users/user-{record.name}"},
    }
