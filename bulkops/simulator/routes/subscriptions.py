"""The routes with which an administrator changes an organization's plan."""

from __future__ import annotations

from typing import Final

import msgspec

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found
from bulkops.simulator.state import Entitlements

_FREE: Final = Entitlements(
    audit_logging=False,
    global_run_tasks=False,
    policy_limit=5,
    policy_mandatory_enforcement_limit=1,
    policy_set_limit=1,
    private_run_tasks=False,
    run_task_limit=1,
    run_task_mandatory_enforcement_limit=1,
    run_task_workspace_limit=10,
    sso=False,
)
# Free and Business are the two that matter for run tasks; the names are the service's.
_PLANS: Final = {
    "Free": _FREE,
    "Standard (entitlement)": Entitlements(),
    "Business": Entitlements(),
}


class _FeatureSet(msgspec.Struct):
    id: str


class _FeatureSetRelationship(msgspec.Struct):
    data: _FeatureSet


class _Relationships(msgspec.Struct, rename="kebab"):
    feature_set: _FeatureSetRelationship


class _Resource(msgspec.Struct):
    relationships: _Relationships


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)


def feature_sets(call: Call) -> documents.Resource:
    """GET /admin/feature-sets: the plans, or those that ``q`` names."""
    text = call.query.get("q", "").casefold()
    document, _ = page(call, [name for name in _PLANS if text in name.casefold()], _feature_set)
    return document


def subscribe(call: Call) -> documents.Resource:
    """POST /admin/organizations/:organization/subscription: switch the entitlements."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    wanted = call.body(_DECODER).data.relationships.feature_set.data.id
    plan = next((name for name in _PLANS if _ident(name) == wanted), None)
    if plan is None:
        raise not_found("Feature set")
    before = snapshot(organization)
    organization.entitlements = _PLANS[plan]
    call.record("update", organization, before=before)
    return {
        "data": {
            "id": f"sub-{organization.id.partition('-')[2]}",
            "type": "subscriptions",
            "attributes": {"is-active": True},
            "relationships": {
                "organization": documents.identifier("organizations", organization.name),
                "feature-set": documents.identifier("feature-sets", wanted),
            },
        }
    }


def _ident(plan: str) -> str:
    return f"fs-{plan.partition(' ')[0].lower()}"


def _feature_set(plan: str) -> documents.Resource:
    return {
        "id": _ident(plan),
        "type": "feature-sets",
        "attributes": {"name": plan, "identifier": _ident(plan).removeprefix("fs-")},
    }
