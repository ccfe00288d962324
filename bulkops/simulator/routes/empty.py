"""The lists that clients look at, and that are empty in every simulated organization."""

from __future__ import annotations

from typing import Final

from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found

OF_ORGANIZATION: Final = (
    *("cidr-range-lists", "explorer/views", "github-app-installations", "hyok-configurations"),
    *("oauth-clients", "oauth-tokens", "organization-memberships", "policies", "policy-sets"),
    *("provider-sets", "recoverable-items", "registry-modules", "registry-providers"),
    *("relationships/module-producers", "reserved-tag-keys", "runs", "runs/queue", "ssh-keys"),
    *("stacks", "task-configs", "team-tokens", "teams", "token-ttl-policies", "varsets"),
)
"""Paths below ``/organizations/:organization``."""
OF_PROJECT: Final = ("notification-configurations", "provider-sets", "varsets")
"""Paths below ``/projects/:project``."""
OF_WORKSPACE: Final = (
    *("all-vars", "applicable-varsets", "assessment-results", "change-requests"),
    *("configuration-versions", "current-state-version-outputs", "notification-configurations"),
    *("provider-sets", "queries", "resources", "run-triggers", "runs", "state-versions", "vars"),
    "varsets",
)
"""Paths below ``/workspaces/:workspace``."""
OF_AGENT_POOL: Final = ("agents", "authentication-tokens")
"""Paths below ``/agent-pools/:agent-pool``."""
OF_EVERYTHING: Final = (
    *("github-app/installations", "organization-memberships", "state-versions", "team-projects"),
    *("team-workspaces", "vars"),
)
"""Paths below the root; the query names the owner."""


def of_organization(call: Call) -> documents.Resource:
    """GET /organizations/:organization/…."""
    call.organization()
    return of_everything(call)


def of_project(call: Call) -> documents.Resource:
    """GET /projects/:project/…."""
    call.project()
    return of_everything(call)


def of_workspace(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/…."""
    call.workspace()
    return of_everything(call)


def of_agent_pool(call: Call) -> documents.Resource:
    """GET /agent-pools/:agent-pool/…."""
    if call.world.owner_of_pool(call.args[0]) is None:
        raise not_found("Agent pool")
    return of_everything(call)


def of_everything(call: Call) -> documents.Resource:
    """GET /…."""
    document, _ = page(call, [], dict)
    return document
