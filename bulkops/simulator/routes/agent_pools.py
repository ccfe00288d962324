"""The routes of agent pools, which exist only to be named by run tasks and workspaces."""

from __future__ import annotations

from typing import Literal

import msgspec

from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Organization


class _Attributes(msgspec.Struct):
    name: str = ""


class _Resource(msgspec.Struct):
    type: Literal["agent-pools"]
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Document(msgspec.Struct):
    data: _Resource


_DECODER = msgspec.json.Decoder(_Document)


def index(call: Call) -> documents.Resource:
    """GET /organizations/:organization/agent-pools."""
    organization = call.organization()
    text = call.query.get("q", "").casefold()
    found = [pool for pool, name in organization.agent_pools.items() if text in name.casefold()]
    document, _ = page(call, found, lambda pool: _pool(organization, pool))
    return document


def create(call: Call) -> documents.Resource:
    """POST /organizations/:organization/agent-pools."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    name = call.body(_DECODER).data.attributes.name
    if not name:
        raise unprocessable("Name can't be blank", "/data/attributes/name")
    return {"data": _pool(organization, call.world.create_agent_pool(organization, name))}


def show(call: Call) -> documents.Resource:
    """GET /agent-pools/:agent-pool."""
    return {"data": _pool(_owner(call), call.args[0])}


def update(call: Call) -> documents.Resource:
    """PATCH /agent-pools/:agent-pool: another name."""
    owner = _managed(call)
    name = call.body(_DECODER).data.attributes.name
    owner.agent_pools[call.args[0]] = name or owner.agent_pools[call.args[0]]
    return {"data": _pool(owner, call.args[0])}


def delete(call: Call) -> None:
    """DELETE /agent-pools/:agent-pool."""
    del _managed(call).agent_pools[call.args[0]]


def _managed(call: Call) -> Organization:
    owner = _owner(call)
    if not call.user.manage_workspaces:
        raise not_found("Agent pool")
    return owner


def _owner(call: Call) -> Organization:
    owner = call.world.owner_of_pool(call.args[0])
    if owner is None:
        raise not_found("Agent pool")
    return owner


def _pool(organization: Organization, pool: str) -> documents.Resource:
    return {
        "id": pool,
        "type": "agent-pools",
        "attributes": {"name": organization.agent_pools[pool], "organization-scoped": True},
        "relationships": {"organization": documents.identifier("organizations", organization.name)},
        "links": {"self": f"/api/v2/agent-pools/{pool}"},
    }
