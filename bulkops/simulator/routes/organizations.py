"""The routes of organizations, their entitlements, and the account."""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.simulator.access import seen
from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, execution
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.checks import check_name
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Entitlements, Organization


class _Attributes(msgspec.Struct, rename="kebab"):
    name: str | UnsetType = UNSET
    aggregated_commit_status_enabled: bool | UnsetType = UNSET
    allow_force_delete_workspaces: bool | UnsetType = UNSET
    assessments_enforced: bool | UnsetType = UNSET
    collaborator_auth_policy: Literal["password", "two_factor_mandatory"] | UnsetType = UNSET
    cost_estimation_enabled: bool | UnsetType = UNSET
    default_execution_mode: execution.Mode | UnsetType = UNSET
    enforce_hyok: bool | UnsetType = UNSET
    max_ttl_enabled: bool | UnsetType = UNSET
    registry_monorepo_support_enabled: bool | UnsetType = UNSET
    user_tokens_enabled: bool | UnsetType = UNSET
    email: str | UnsetType = UNSET
    owners_team_saml_role_id: str | UnsetType | None = UNSET
    send_passing_statuses_for_untriggered_speculative_plans: bool | UnsetType = UNSET
    session_remember: int | UnsetType | None = UNSET
    session_timeout: int | UnsetType | None = UNSET
    speculative_plan_management_enabled: bool | UnsetType = UNSET
    stacks_enabled: bool | UnsetType = UNSET


class _Relationships(msgspec.Struct, rename="kebab"):
    default_agent_pool: execution.PoolRelationship | UnsetType = UNSET


class _Resource(msgspec.Struct):
    type: Literal["organizations"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    relationships: _Relationships = msgspec.field(default_factory=_Relationships)


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)


def index(call: Call) -> documents.Resource:
    """GET /organizations: those the user sees; not in pages if the query names none."""
    records = [record for record in seen(call.world, call.user) if _matches(call, record[0])]
    if not call.query.keys() & {"page[number]", "page[size]"}:
        return {"data": [documents.organization(*record) for record in records]}
    document, _ = page(call, records, lambda record: documents.organization(*record))
    return document


def _matches(call: Call, organization: Organization) -> bool:
    name, email = organization.name, documents.email(organization)
    both = f"{name}\n{email}"
    return all(
        call.query.get(parameter, "").casefold() in searched.casefold()
        for parameter, searched in (("q", both), ("q[name]", name), ("q[email]", email))
    )


def show(call: Call) -> documents.Resource:
    """GET /organizations/:organization."""
    organization = call.organization()
    document: documents.Resource = {"data": documents.organization(organization, call.user)}
    included: list[documents.Resource] = []
    if "default_project" in call.includes():
        default = organization.default_project
        included.append(documents.project(default, organization, call.user))
    if "entitlement_set" in call.includes():
        included.append(documents.entitlement_set(organization))
    return document | ({"included": included} if included else {})


def create(call: Call) -> documents.Resource:
    """POST /organizations: entitled to everything, until it subscribes to less."""
    # A user who sees only some organizations would not see the new one.
    if call.user.organizations is not None or not call.user.manage_workspaces:
        raise not_found("Organization")
    resource = call.body(_DECODER).data
    requested = resource.attributes
    for name in ("name", "email"):
        if not getattr(requested, name):
            raise unprocessable(f"{name.title()} can't be blank", f"/data/attributes/{name}")
    check_name(str(requested.name), call.world.organizations, "Organization")
    runs = _execution(resource, (), None)
    created = call.world.create_organization(
        str(requested.name), entitlements=Entitlements(), now=call.now
    )
    created.settings |= _settings(requested)
    execution.assign(created, runs)
    call.record("create", created)
    return {"data": documents.organization(created, call.user)}


def update(call: Call) -> documents.Resource:
    """PATCH /organizations/:organization."""
    organization = _managed(call)
    resource = call.body(_DECODER).data
    name = resource.attributes.name
    if name is not UNSET:
        check_name(name, call.world.organizations.keys() - {organization.name}, "Organization")
    runs = _execution(resource, organization.agent_pools, execution.own(organization))
    before = snapshot(organization)
    if name is not UNSET:
        call.world.rename_organization(organization, name)
    organization.settings |= _settings(resource.attributes)
    execution.assign(organization, runs)
    call.record("update", organization, before=before)
    return {"data": documents.organization(organization, call.user)}


def delete(call: Call) -> None:
    """DELETE /organizations/:organization, with everything in it."""
    organization = _managed(call)
    before = snapshot(organization)
    call.world.delete_organization(organization)
    call.record("delete", organization, before=before)


def _managed(call: Call) -> Organization:
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    return organization


def _settings(requested: _Attributes) -> dict[str, object]:
    values = msgspec.to_builtins(requested)
    apart = ("name", "default-execution-mode")
    return {name: value for name, value in values.items() if name not in apart}


def _execution(
    resource: _Resource, pools: Container[str], before: execution.Execution | None
) -> execution.Execution | None:
    pool = resource.relationships.default_agent_pool
    return execution.after(
        execution.Requested(
            mode=resource.attributes.default_execution_mode,
            pool=UNSET if pool is UNSET else pool.ident,
            names=execution.OF_ORGANIZATION,
        ),
        pools,
        before=before,
        default=execution.REMOTE,
    )


def entitlement_set(call: Call) -> documents.Resource:
    """GET /organizations/:organization/entitlement-set."""
    return {"data": documents.entitlement_set(call.organization())}


def capacity(call: Call) -> documents.Resource:
    """GET /organizations/:organization/capacity: nothing runs here."""
    organization = call.organization()
    return {
        "data": {
            "id": organization.name,
            "type": "organization-capacity",
            "attributes": {"pending": 0, "running": 0},
        }
    }


def account(call: Call) -> documents.Resource:
    """GET /account/details."""
    return {"data": documents.user(call.user)}


def ping(_call: Call) -> None:
    """GET /ping: an empty answer whose headers have the rate limit and version."""
