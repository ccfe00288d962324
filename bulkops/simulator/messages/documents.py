"""Converts records to JSON:API resource objects, as in HashiCorp's OpenAPI."""

from __future__ import annotations

from typing import Final

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

_OPEN_TO_MEMBERS: Final = (
    *("can-access-via-teams", "can-read-assessments", "can-read-policies", "can-read-varsets"),
    *("can-traverse", "can-view-explorer", "can-view-usage", "can-view-users"),
)
_FOR_MANAGERS: Final = (
    *("can-create-module", "can-create-project", "can-create-provider", "can-create-team"),
    *("can-create-workspace", "can-deploy-no-code-modules", "can-destroy", "can-enable-stacks"),
    *("can-manage-assessments", "can-manage-custom-providers", "can-manage-no-code-modules"),
    *("can-manage-public-modules", "can-manage-public-providers", "can-manage-recoverable-items"),
    *("can-manage-sso", "can-manage-subscription", "can-manage-tags", "can-manage-users"),
    *("can-manage-varsets", "can-update", "can-update-agent-pools", "can-update-api-token"),
    *("can-update-authentication-token", "can-update-hyok-configuration", "can-update-oauth"),
    *("can-update-sentinel", "can-update-ssh-keys", "can-view-authentication"),
)
_ORGANIZATION: Final[Resource] = {
    "aggregated-commit-status-enabled": True,
    "allow-force-delete-workspaces": False,
    "assessments-enforced": False,
    "collaborator-auth-policy": "password",
    "cost-estimation-enabled": False,
    "enforce-hyok": False,
    "fair-run-queuing-enabled": False,
    "is-in-degraded-mode": False,
    "is-unified": False,
    "max-ttl-enabled": False,
    "owners-team-saml-role-id": None,
    "plan-expired": False,
    "plan-expires-at": None,
    "plan-identifier": "business",
    "plan-is-enterprise": False,
    "plan-is-trial": False,
    "remaining-testable-count": 5,
    "saml-enabled": False,
    "send-passing-statuses-for-untriggered-speculative-plans": False,
    "session-remember": None,
    "session-timeout": None,
    "speculative-plan-management-enabled": True,
    "stacks-enabled": False,
    "two-factor-conformant": True,
    "user-tokens-enabled": True,
}
"""Until a request sets them; the simulator acts on none of them."""


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
            "email": email(record),
            **_ORGANIZATION,
            **record.settings,
            "name": record.name,
            "default-execution-mode": runs.mode,
            "external-id": record.id,
            "created-at": record.created_at,
            "permissions": {
                **dict.fromkeys(_OPEN_TO_MEMBERS, True),
                **dict.fromkeys(_FOR_MANAGERS, manages),
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


def email(record: Organization) -> str:
    """Return the address to which an organization's notifications would be sent."""
    return str(record.settings.get("email", f"admin@{record.name}.example"))


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
            "auth-method": "tfc",
            "avatar-url": f"https://avatars.example/{record.name}",
            "email": f"{record.name}@simulator.example",
            "unconfirmed-email": None,
            "v2-only": False,
            "two-factor": {"enabled": False, "verified": False},
            "permissions": {
                "can-create-organization": record.organizations is None,
                "can-change-email": False,
                "can-change-username": False,
                "can-manage-user-tokens": False,
            },
        },
        "links": {"self": f"/api/v2/users/user-{record.name}"},
    }
