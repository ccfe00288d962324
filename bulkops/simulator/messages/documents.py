"""Converts records to JSON:API resource objects, as in HashiCorp's OpenAPI."""

from __future__ import annotations

from bulkops.simulator.messages import execution
from bulkops.simulator.profiles import Profile
from bulkops.simulator.state import (
    Organization,
    Project,
    Task,
    User,
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
    # Clients take its absence for a missing entitlement.
    if record.organization.entitlements.global_run_tasks:
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


def project(record: Project, owner: Organization, user: User) -> Resource:
    """Return a ``projects`` object of this organization with the user's permissions on it."""
    manages = user.manage_workspaces
    runs = execution.of_project(record, owner)
    link = f"/api/v2/projects/{record.id}"
    return {
        "id": record.id,
        "type": "projects",
        "attributes": {
            "auto-destroy-activity-duration": None,
            **record.settings,
            "name": record.name,
            "description": record.description,
            "default-execution-mode": runs.mode,
            "setting-overwrites": execution.overwrites(record, "default-"),
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
        "relationships": {
            "organization": identifier("organizations", record.organization),
            "default-agent-pool": identifier("agent-pools", runs.pool),
            "tag-bindings": {"links": {"related": f"{link}/tag-bindings"}},
        },
        "links": {"self": link},
    }


def organization(record: Organization, user: User) -> Resource:
    """Return an ``organizations`` object with this user's permissions in it."""
    manages = user.manage_workspaces
    runs = execution.of_organization(record)
    return {
        "id": record.name,
        "type": "organizations",
        "attributes": {
            "email": f"admin@{record.name}.example",
            "collaborator-auth-policy": "password",
            **record.settings,
            "name": record.name,
            "default-execution-mode": runs.mode,
            "external-id": record.id,
            "created-at": record.created_at,
            "plan-expired": False,
            "plan-is-trial": False,
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
            "default-agent-pool": identifier("agent-pools", runs.pool),
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
