"""The lists that clients look at, and that are empty in every simulated organization."""

from __future__ import annotations

from typing import Final

from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page

OF_ORGANIZATION: Final = (
    *("oauth-clients", "oauth-tokens", "organization-memberships", "policies", "policy-sets"),
    *("registry-modules", "registry-providers", "reserved-tag-keys", "runs/queue", "ssh-keys"),
    *("stacks", "team-tokens", "teams", "varsets"),
)
"""Paths below ``/organizations/:organization``."""
OF_WORKSPACE: Final = ("relationships/remote-state-consumers", "varsets")
"""Paths below ``/workspaces/:workspace``."""


def of_organization(call: Call) -> documents.Resource:
    """GET /organizations/:organization/…."""
    call.organization()
    return _empty(call)


def of_workspace(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/…."""
    call.workspace()
    return _empty(call)


def _empty(call: Call) -> documents.Resource:
    document, _ = page(call, [], dict)
    return document
