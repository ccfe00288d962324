"""The routes around workspaces and run tasks: organizations, projects, the account."""

from __future__ import annotations

from typing import Literal

import msgspec

from bulkops.simulator.access import seen
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.routes.tags import TagBindings


class _ProjectAttributes(msgspec.Struct):
    name: str
    description: str | None = None


class _ProjectRelationships(msgspec.Struct, rename="kebab"):
    tag_bindings: TagBindings = msgspec.field(default_factory=lambda: TagBindings(data=()))


class _ProjectResource(msgspec.Struct):
    type: Literal["projects"]
    attributes: _ProjectAttributes
    relationships: _ProjectRelationships = msgspec.field(default_factory=_ProjectRelationships)


class _ProjectDocument(msgspec.Struct):
    data: _ProjectResource


_PROJECT = msgspec.json.Decoder(_ProjectDocument)


def index(call: Call) -> documents.Resource:
    """GET /organizations: those the user sees; not in pages if the query names none."""
    records = list(seen(call.world, call.user))
    if not call.query.keys() & {"page[number]", "page[size]"}:
        return {"data": [documents.organization(*record) for record in records]}
    document, _ = page(call, records, lambda record: documents.organization(*record))
    return document


def show(call: Call) -> documents.Resource:
    """GET /organizations/:organization."""
    return {"data": documents.organization(call.organization(), call.user)}


def entitlement_set(call: Call) -> documents.Resource:
    """GET /organizations/:organization/entitlement-set."""
    return {"data": documents.entitlement_set(call.organization())}


def projects(call: Call) -> documents.Resource:
    """GET /organizations/:organization/projects."""
    records = list(call.organization().projects.values())
    requested = call.query.get("filter[names]")
    if requested:
        records = [project for project in records if project.name in requested.split(",")]
    sort = call.query.get("sort", "")
    if sort.removeprefix("-") == "name":
        records.sort(key=lambda project: project.name, reverse=sort.startswith("-"))
    document, _ = page(call, records, lambda project: documents.project(project, call.user))
    return document


def create_project(call: Call) -> documents.Resource:
    """POST /organizations/:organization/projects."""
    organization = call.organization()
    if not call.user.manage_workspaces:
        raise not_found("Organization")
    requested = call.body(_PROJECT).data
    name = requested.attributes.name
    if not name.strip():
        raise unprocessable("Name can't be blank", "/data/attributes/name")
    if name in organization.projects:
        raise unprocessable("Name has already been taken", "/data/attributes/name")
    project = call.world.create_project(
        organization,
        name,
        now=call.now,
        description=requested.attributes.description,
        tag_bindings=requested.relationships.tag_bindings.as_dict(),
    )
    return {"data": documents.project(project, call.user)}


def account(call: Call) -> documents.Resource:
    """GET /account/details."""
    return {"data": documents.user(call.user)}


def ping(_call: Call) -> None:
    """GET /ping: an empty answer whose headers have the rate limit and version."""
