"""Converts a workspace to a JSON:API resource object, as in HashiCorp's OpenAPI."""

from __future__ import annotations

import msgspec

from bulkops.simulator.messages import execution
from bulkops.simulator.messages.documents import Resource, identifier
from bulkops.simulator.profiles import Profile
from bulkops.simulator.state import User, Workspace

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
# Until a request sets them; the simulator acts on none of them.
_SETTINGS = {
    "actions": {"is-destroyable": True},
    "allow-destroy-plan": True,
    "auto-apply-run-trigger": False,
    "auto-destroy-at": None,
    "environment": "default",
    "file-triggers-enabled": True,
    "global-remote-state": False,
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


# No simulated workspace has ever had a Terraform run. Encoded once, as lists have many of these.
_NOTHING = msgspec.Raw(msgspec.json.encode(identifier("", None)))
_NOTHING_THERE = dict.fromkeys(
    (
        "current-run",
        "latest-run",
        "current-state-version",
        "current-configuration-version",
        "current-assessment-result",
        "readme",
        "ssh-key",
    ),
    _NOTHING,
)


def _permissions(*, manages: bool, attaches: bool) -> msgspec.Raw:
    return msgspec.Raw(
        msgspec.json.encode(
            dict.fromkeys(_OPEN_TO_READERS, True)
            | dict.fromkeys(_FOR_MANAGERS, manages)
            | {"can-manage-run-tasks": attaches}
        )
    )


_PERMISSIONS = {
    (manages, attaches): _permissions(manages=manages, attaches=attaches)
    for manages in (False, True)
    for attaches in (False, True)
}


def workspace(record: Workspace, user: User, profile: Profile) -> Resource:
    """Return a ``workspaces`` object with this user's permissions on it."""
    name = record.organization.name
    runs = execution.of_workspace(record)
    related = {"related": f"/api/v2/workspaces/{record.id}/effective-tag-bindings"}
    tags = {"effective-tag-bindings": {"links": related}}
    return {
        "id": record.id,
        "type": "workspaces",
        "attributes": _SETTINGS
        | record.settings
        | _auto_destroy(record)
        | {
            "name": record.name,
            "description": record.description,
            "locked": record.locked,
            "locked-reason": record.locked_reason,
            "auto-apply": record.auto_apply,
            "execution-mode": runs.mode,
            "setting-overwrites": execution.overwrites(record),
            "operations": runs.mode != "local",
            "terraform-version": record.terraform_version,
            "working-directory": record.working_directory,
            "assessments-enabled": record.assessments_enabled,
            "created-at": record.created_at,
            "updated-at": record.updated_at,
            "latest-change-at": record.updated_at,
            "tag-names": record.tags,
            "permissions": _PERMISSIONS[user.manage_workspaces, user.may_attach(record)],
        },
        "relationships": {
            "organization": identifier("organizations", name),
            "project": identifier("projects", record.project.id),
            **_NOTHING_THERE,
            "locked-by": identifier(*_holder(record)),
            "agent-pool": identifier("agent-pools", runs.pool),
            **({} if profile.bindings == "absent" else tags),
        },
        "links": {
            "self": f"/api/v2/organizations/{name}/workspaces/{record.name}",
            "self-html": f"/app/{name}/workspaces/{record.name}",
        },
    }


def _auto_destroy(record: Workspace) -> Resource:
    """Return when it is destroyed after its last activity: as its project says, or itself."""
    own = record.settings
    without = own.keys().isdisjoint(("auto-destroy-activity-duration", "auto-destroy-at"))
    inherits = own.get("inherits-project-auto-destroy", without)
    settings = record.project.settings if inherits else own
    return {
        "inherits-project-auto-destroy": inherits,
        "auto-destroy-activity-duration": settings.get("auto-destroy-activity-duration"),
    }


def _holder(record: Workspace) -> tuple[str, str | None]:
    """Return the type and id of the holder of a workspace's lock."""
    prefix = (record.locked_by or "user").partition("-")[0]
    return f"{prefix}s", record.locked_by
