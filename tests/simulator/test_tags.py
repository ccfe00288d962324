"""Plain tags, and tag bindings of workspaces and projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator

Ask = Callable[..., Response]
WORKSPACES = "/organizations/acme/workspaces"


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _id(simulator: Simulator, name: str) -> str:
    return simulator.world.organizations["acme"].workspaces[name].id


def test_tags_are_added_listed_and_removed(simulator: Simulator, ask: Ask) -> None:
    """Tags are given by name or id, are unique, and are counted per organization."""
    path = f"/workspaces/{_id(simulator, 'dev-1')}/relationships/tags"

    def tags(*names: str) -> dict[str, object]:
        return {"data": [{"type": "tags", "attributes": {"name": name}} for name in names]}

    assert ask(simulator, "POST", path, tags("blue", "dev", "prod")).status == 204
    listed = _data(ask(simulator, "GET", path))
    assert [tag["attributes"]["name"] for tag in listed] == ["dev", "blue", "prod"]
    by_id = {"data": [{"type": "tags", "id": listed[1]["id"]}]}
    assert ask(simulator, "DELETE", path, by_id).status == 204
    assert ask(simulator, "DELETE", path, by_id).status == 204
    workspace = _data(ask(simulator, "GET", f"{WORKSPACES}/dev-1"))
    assert workspace["attributes"]["tag-names"] == ["dev", "prod"]
    assert ask(simulator, "POST", path, {"data": [{"type": "tags", "id": "tag-0"}]}).status == 422
    assert ask(simulator, "POST", path, {"data": {}}).status == 422
    counts = {
        tag["attributes"]["name"]: tag["attributes"]["instance-count"]
        for tag in _data(ask(simulator, "GET", "/organizations/acme/tags"))
    }
    assert counts == {"blue": 0, "canary": 1, "dev": 1, "prod": 3}


def test_tag_bindings_are_added_and_replaced(simulator: Simulator, ask: Ask) -> None:
    """POST and go-tfe's PATCH add or change bindings, the documented PATCH replaces all."""
    base = f"/workspaces/{_id(simulator, 'prod-1')}"
    path = f"{base}/relationships/tag-bindings"

    def bindings(**values: str) -> dict[str, object]:
        return {
            "data": [
                {"type": "tag-bindings", "attributes": {"key": key, "value": value}}
                for key, value in values.items()
            ]
        }

    def shown(at: str) -> dict[str, str]:
        found = [one["attributes"] for one in _data(ask(simulator, "GET", at))]
        return {one["key"]: one["value"] for one in found}

    assert ask(simulator, "POST", path, bindings(a="1", b="2")).status == 204
    assert ask(simulator, "POST", path, bindings(b="3")).status == 204
    assert shown(path) == {"a": "1", "b": "3"}
    assert shown(f"{base}/effective-tag-bindings") == {"a": "1", "b": "3", "team": "core"}
    assert ask(simulator, "PATCH", path, bindings(team="mine")).status == 204
    assert shown(path) == {"team": "mine"}
    effective = _data(ask(simulator, "GET", f"{base}/effective-tag-bindings"))
    assert [one.get("relationships") for one in effective] == [None]
    assert ask(simulator, "POST", path, {"data": [{"type": "tag-bindings"}]}).status == 422
    eleven = bindings(**{f"key-{number}": "" for number in range(11)})
    assert ask(simulator, "PATCH", path, eleven).status == 422
    answer = ask(simulator, "PATCH", f"{base}/tag-bindings", bindings(a="1", team="ours"))
    assert answer.status == 200
    assert [one["attributes"]["value"] for one in _data(answer)] == ["ours", "1"]
    assert ask(simulator, "DELETE", f"{base}/tag-bindings").status == 204
    assert shown(path) == {}


def test_tags_have_no_case(simulator: Simulator, ask: Ask) -> None:
    """They are kept in lower case, and found in any."""
    dev = simulator.world.organizations["acme"].workspaces["dev-1"]
    path = f"/workspaces/{dev.id}/relationships/tags"
    body = {"data": [{"type": "tags", "attributes": {"name": name}} for name in ("PROD", "Dev")]}
    assert ask(simulator, "POST", path, body).status == 204
    assert dev.tags == ["dev", "prod"]
    for query, names in (
        ({"search[tags]": "PROD,dev"}, ["dev-1"]),
        ({"search[exclude-tags]": "Prod"}, []),
    ):
        found = _data(ask(simulator, "GET", "/organizations/acme/workspaces", query=query))
        assert [one["attributes"]["name"] for one in found] == names
    assert ask(simulator, "DELETE", path, body).status == 204
    assert dev.tags == []


def test_an_organizations_tags_are_searched(simulator: Simulator, ask: Ask) -> None:
    """By a part of the name, and without those of a workspace; each names its organization."""
    dev = simulator.world.organizations["acme"].workspaces["dev-1"]
    for query, names in (
        ({}, ["canary", "dev", "prod"]),
        ({"q": "ROD"}, ["prod"]),
        ({"filter[exclude][taggable][id]": dev.id}, ["canary", "prod"]),
    ):
        found = _data(ask(simulator, "GET", "/organizations/acme/tags", query=query))
        assert [one["attributes"]["name"] for one in found] == names
        assert {one["relationships"]["organization"]["data"]["id"] for one in found} == {"acme"}


def test_a_tag_is_added_to_workspaces(simulator: Simulator, ask: Ask) -> None:
    """To all of them, or to none if one of them is unknown or the tag is."""
    organization = simulator.world.organizations["acme"]
    path = f"/tags/{organization.tags['canary']}/relationships/workspaces"

    def body(*ids: str) -> dict[str, object]:
        return {"data": [{"type": "workspaces", "id": one} for one in ids]}

    dev, prod = (organization.workspaces[name] for name in ("dev-1", "prod-1"))
    assert ask(simulator, "POST", path, body(dev.id, "ws-none")).status == 404
    assert ask(simulator, "POST", "/tags/tag-none/relationships/workspaces", body()).status == 404
    assert ask(simulator, "POST", path, body(dev.id, prod.id)).status == 204
    assert (dev.tags, prod.tags) == (["dev", "canary"], ["prod", "canary"])


def test_an_organizations_tag_is_deleted_everywhere(simulator: Simulator, ask: Ask) -> None:
    """A tag that is deleted from the organization is gone from its workspaces, too."""
    (canary,) = [
        tag
        for tag in _data(ask(simulator, "GET", "/organizations/acme/tags"))
        if tag["attributes"]["name"] == "canary"
    ]
    body = {"data": [{"type": "tags", "id": canary["id"]}]}
    assert ask(simulator, "DELETE", "/organizations/acme/tags", body).status == 204
    assert simulator.world.organizations["acme"].workspaces["prod-2"].tags == ["prod"]
    assert len(simulator.effects) == 1
    assert ask(simulator, "DELETE", "/organizations/acme/tags", body).status == 422
