"""Generates pages of workspaces and attachments of realistic size.

A workspace has every attribute and relationship of HashiCorp's OpenAPI, with values as in a real
one: about 4 KB of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from benchmarks.records import TASK, workspace_id, workspace_name

PAGE = 100
AT = "2026-11-24T21:58:03.120Z"
_PERMISSIONS = [
    "read-run",
    "read-variable",
    "read-state-versions",
    "read-state-outputs",
    "read-settings",
    "read-assessment-results",
    "update",
    "destroy",
    "queue-run",
    "update-variable",
    "create-state-versions",
    "queue-apply",
    "lock",
    "unlock",
    "force-unlock",
    "manage-tags",
    "manage-run-tasks",
    "force-delete",
    "manage-assessments",
    "manage-ephemeral-workspaces",
    "queue-destroy",
    "read-change-requests",
]
_POINTERS = {
    "current-run": "runs",
    "latest-run": "runs",
    "current-state-version": "state-versions",
    "current-configuration-version": "configuration-versions",
    "current-assessment-result": "assessment-results",
    "readme": "workspace-readme",
    "ssh-key": "ssh-keys",
    "agent-pool": "agent-pools",
}


def workspaces_page(number: int, total: int) -> bytes:
    """Return one page of the workspace list; the first page is 1."""
    template = _workspace_template()
    resources = []
    for index in _indexes(number, total):
        values = {b"id": workspace_id(index).encode(), b"name": workspace_name(index).encode()}
        resources.append(template % values)
    return _page(resources, number, total, b"/api/v2/organizations/acme/workspaces")


def attachments_page(number: int, attached: Iterable[tuple[int, str]], total: int) -> bytes:
    """Return one page of a run task's attachments; each is a workspace's number and a level."""
    resources = [attachment(index, level) for index, level in attached]
    return _page(resources, number, total, b"/api/v2/tasks/relationships/workspace-tasks")


def attachment(number: int, level: str) -> bytes:
    """Return the attachment to one workspace."""
    return _attachment_template() % {
        b"wstask": b"wstask-%016d" % number,
        b"ws": workspace_id(number).encode(),
        b"level": level.encode(),
    }


def _indexes(number: int, total: int) -> range:
    return range((number - 1) * PAGE, min(number * PAGE, total))


def _page(data: list[bytes], number: int, total: int, path: bytes) -> bytes:
    pages = max(-(-total // PAGE), 1)
    following = number + 1 if number < pages else None
    meta = {
        "status-counts": {"total": total},
        "pagination": {
            "current-page": number,
            "page-size": PAGE,
            "prev-page": number - 1 or None,
            "next-page": following,
            "total-pages": pages,
            "total-count": total,
        },
    }
    link = b"http://127.0.0.1%b?page%%5Bnumber%%5D=%d&page%%5Bsize%%5D=100" % (path, number)
    links = b'{"self":"%b","first":"%b","next":"%b","last":"%b"}' % (link, link, link, link)
    body = (b",".join(data), links, msgspec.json.encode(meta))
    return b'{"data":[%b],"links":%b,"meta":%b}' % body


@cache
def _attachment_template() -> bytes:
    return _escaped(
        {
            "id": "%(wstask)",
            "type": "workspace-tasks",
            "attributes": {
                "enforcement-level": "%(level)",
                "stage": "post_plan",
                "stages": ["post_plan"],
                "created-at": AT,
                "updated-at": AT,
            },
            "relationships": {
                "task": {"data": {"id": TASK.id, "type": "tasks"}},
                "workspace": {"data": {"id": "%(ws)", "type": "workspaces"}},
            },
            "links": {"self": "/api/v2/workspaces/%(ws)/tasks/%(wstask)"},
        }
    )


@cache
def _workspace_template() -> bytes:
    relationships: dict[str, object] = {
        name: {
            "data": {"id": f"{kind[:3]}-QTYtHJfqYzYSjkF2", "type": kind},
            "links": {"related": f"/api/v2/{kind}/{kind[:3]}-QTYtHJfqYzYSjkF2"},
        }
        for name, kind in _POINTERS.items()
    }
    relationships["organization"] = {"data": {"id": "acme", "type": "organizations"}}
    relationships["project"] = {"data": {"id": "prj-2HhS2K6q6ZXy9Bqc", "type": "projects"}}
    relationships["locked-by"] = {"data": None}
    relationships["outputs"] = {"data": [], "links": {"related": "/api/v2/workspaces/%(id)/vars"}}
    relationships["vars"] = {"data": []}
    relationships["remote-state-consumers"] = {
        "links": {"related": "/api/v2/workspaces/%(id)/relationships/remote-state-consumers"}
    }
    return _escaped(
        {
            "id": "%(id)",
            "type": "workspaces",
            "attributes": _workspace_attributes(),
            "relationships": relationships,
            "links": {
                "self": "/api/v2/organizations/acme/workspaces/%(name)",
                "self-html": "/app/acme/workspaces/%(name)",
            },
        }
    )


def _workspace_attributes() -> dict[str, object]:
    off = [
        "allow-destroy-plan",
        "auto-apply",
        "auto-apply-run-trigger",
        "assessments-enabled",
        "global-remote-state",
        "project-remote-state",
        "queue-all-runs",
        "locked",
        "hyok-enabled",
        "no-code-upgrade-available",
        "inherits-project-auto-destroy",
    ]
    none = [
        "auto-destroy-activity-duration",
        "auto-destroy-at",
        "auto-destroy-status",
        "locked-reason",
        "source-url",
        "source-module-id",
        "last-assessment-result-at",
    ]
    repository = "acme-platform/terraform-production-network"
    return {
        **dict.fromkeys(off, False),
        **dict.fromkeys(none),
        "name": "%(name)",
        "created-at": AT,
        "updated-at": AT,
        "latest-change-at": AT,
        "environment": "default",
        "description": "Network of the production platform in eu-central-1, owned by team ops.",
        "speculative-enabled": True,
        "structured-run-output-enabled": True,
        "file-triggers-enabled": True,
        "terraform-version": "1.13.5",
        "working-directory": "environments/production/network",
        "resource-count": 312,
        "apply-duration-average": 158000,
        "plan-duration-average": 20000,
        "policy-check-failures": 0,
        "run-failures": 6,
        "workspace-kpis-runs-count": 30,
        "operations": True,
        "execution-mode": "remote",
        "setting-overwrites": {"execution-mode": True, "agent-pool": True},
        "vcs-repo": {
            "branch": "main",
            "ingress-submodules": False,
            "identifier": repository,
            "display-identifier": repository,
            "oauth-token-id": "ot-hmAyP66qk2AMVdbJ",
            "webhook-url": "https://app.terraform.io/webhooks/vcs/6a5d1c3a-ffd4-4c2e-b9e5-5bd2c3",
            "repository-http-url": f"https://github.com/{repository}",
            "service-provider": "github",
            "tags-regex": None,
        },
        "vcs-repo-identifier": repository,
        "permissions": {f"can-{name}": True for name in _PERMISSIONS},
        "actions": {"is-destroyable": True},
        "trigger-prefixes": [],
        "trigger-patterns": ["/environments/production/**/*", "/modules/network/**/*"],
        "source": "tfe-ui",
        "source-name": None,
        "tag-names": ["prod", "eu", "network"],
        "effective-state-version-retention-desc": None,
        "effective-run-data-retention-desc": None,
    }


def _escaped(resource: object) -> bytes:
    # "%(name)" becomes Python's "%(name)b"; there is no other percent sign.
    encoded = msgspec.json.encode(resource)
    for name in (b"id", b"name", b"wstask", b"ws", b"level"):
        encoded = encoded.replace(b"%%(%b)" % name, b"%%(%b)b" % name)
    return encoded
