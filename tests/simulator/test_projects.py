"""Projects: their list and its filters, and each by its id, with tag bindings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator

Ask = Callable[..., Response]
PROJECTS = "/organizations/acme/projects"


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _bindings(**values: str) -> dict[str, Any]:
    return {
        "data": [
            {"type": "tag-bindings", "attributes": {"key": key, "value": value}}
            for key, value in values.items()
        ]
    }


def _project(bindings: dict[str, Any] | None = None, **attributes: object) -> dict[str, object]:
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    resource: dict[str, object] = {"type": "projects", "attributes": named}
    return {"data": resource | ({"relationships": {"tag-bindings": bindings}} if bindings else {})}


def _path(simulator: Simulator, name: str = "platform") -> str:
    return f"/projects/{simulator.world.organizations['acme'].projects[name].id}"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Default Project", "platform"]),
        ({"sort": "-name"}, ["platform", "Default Project"]),
        ({"filter[names]": "platform,none"}, ["platform"]),
        ({"q": "FAULT"}, ["Default Project"]),
        ({"filter[tagged][0][key]": "team", "filter[tagged][0][value]": ""}, ["platform"]),
        ({"filter[tagged][0][key]": "team", "filter[tagged][0][value]": "other"}, []),
    ],
)
def test_list_filters(
    simulator: Simulator, ask: Ask, query: dict[str, str], names: list[str]
) -> None:
    """The list is filtered by name, text or tag binding, and sorted by name."""
    found = _data(ask(simulator, "GET", PROJECTS, query=query))
    assert [one["attributes"]["name"] for one in found] == names


def test_create_read_update_delete(simulator: Simulator, ask: Ask) -> None:
    """POST, GET, PATCH and DELETE work; what is written is kept, and recorded as effects."""
    body = _project(_bindings(a="1"), name="new one", description="d")
    created = _data(ask(simulator, "POST", PROJECTS, body))
    path = f"/projects/{created['id']}"
    assert _data(ask(simulator, "GET", path)) == created
    change = _project(_bindings(), name="newer", auto_destroy_activity_duration="14d")
    assert ask(simulator, "PATCH", path, change, now=1.0).status == 200
    assert ask(simulator, "PATCH", path, _project(name="newer")).status == 200
    shown = _data(ask(simulator, "GET", path))["attributes"]
    assert (shown["name"], shown["description"]) == ("newer", "d")
    assert shown["auto-destroy-activity-duration"] == "14d"
    assert _data(ask(simulator, "GET", f"{path}/tag-bindings")) == []
    assert ask(simulator, "DELETE", path).status == 204
    assert ask(simulator, "GET", path).status == 404
    assert [(one.action, one.kind) for one in simulator.effects] == [
        ("create", "project"),
        ("update", "project"),
        ("update", "project"),
        ("delete", "project"),
    ]


@pytest.mark.parametrize(
    "name", ["", " ", "ab", "a" * 41, "! / nope", " x y", "platform", "Platform", None]
)
def test_a_bad_name_is_refused(simulator: Simulator, ask: Ask, name: str | None) -> None:
    """A missing, taken or malformed name is a 422 that points at it, for create and rename."""
    body = _project() if name is None else _project(name=name)
    default = _path(simulator, "Default Project")
    answers = [ask(simulator, "POST", PROJECTS, body)]
    answers += [] if name is None else [ask(simulator, "PATCH", default, body)]
    for answer in answers:
        assert answer.status == 422
        error = msgspec.json.decode(answer.body)["errors"][0]
        assert error["title"] == "invalid attribute"
        assert error["source"]["pointer"] == "/data/attributes/name"
    assert simulator.effects == []


def test_only_an_empty_project_is_deleted(simulator: Simulator, ask: Ask) -> None:
    """A project with workspaces, and the default one, are not deleted."""
    assert ask(simulator, "DELETE", _path(simulator)).status == 422
    assert ask(simulator, "DELETE", _path(simulator, "Default Project")).status == 422
    simulator.remove_workspace("prod-1")
    assert ask(simulator, "DELETE", _path(simulator)).status == 204


def test_workspaces_are_moved_together(simulator: Simulator, ask: Ask) -> None:
    """All named workspaces are moved into the project; if one is unknown, none is."""
    acme = simulator.world.organizations["acme"]
    path = f"{_path(simulator)}/relationships/workspaces"
    ids = [acme.workspaces[name].id for name in ("prod-2", "dev-1")]

    def move(*moved: str) -> int:
        body = {"data": [{"type": "workspaces", "id": one} for one in moved]}
        return ask(simulator, "POST", path, body).status

    assert move(ids[0], "ws-none") == 404
    assert acme.workspaces["prod-2"].project is acme.default_project
    assert move(*ids) == 204
    assert [effect.kind for effect in simulator.effects] == ["workspace", "workspace"]
    assert {one.project.name for one in acme.workspaces.values()} == {"platform"}


def test_tag_bindings_are_inherited(simulator: Simulator, ask: Ask) -> None:
    """Its bindings are read and changed at every path, and its workspaces inherit them."""
    path = _path(simulator)
    related = f"{path}/relationships/tag-bindings"
    answer = ask(simulator, "PATCH", f"{path}/tag-bindings", _bindings(tier="1"))
    assert [one["attributes"]["key"] for one in _data(answer)] == ["team", "tier"]
    assert ask(simulator, "POST", related, _bindings(team="new")).status == 204
    assert _data(ask(simulator, "GET", related)) == _data(
        ask(simulator, "GET", f"{path}/tag-bindings")
    )
    own = _data(ask(simulator, "GET", f"{path}/effective-tag-bindings"))
    assert [one["attributes"] for one in own] == [
        {"key": "team", "value": "new"},
        {"key": "tier", "value": "1"},
    ]
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"].id
    inherited = _data(ask(simulator, "GET", f"/workspaces/{workspace}/effective-tag-bindings"))
    assert [one["attributes"] for one in inherited] == [one["attributes"] for one in own]
    assert ask(simulator, "PATCH", related, _bindings()).status == 204
    assert _data(ask(simulator, "GET", related)) == []


def test_include_brings_the_bindings(simulator: Simulator, ask: Ask) -> None:
    """``include=effective_tag_bindings`` links and adds them, in the list and by id."""
    query = {"include": "effective_tag_bindings"}
    for path in (PROJECTS, _path(simulator)):
        document = msgspec.json.decode(ask(simulator, "GET", path, query=query).body)
        shown = document["data"] if isinstance(document["data"], list) else [document["data"]]
        linkage = shown[-1]["relationships"]["effective-tag-bindings"]["data"]
        assert [one["id"] for one in document["included"]] == [one["id"] for one in linkage]
        assert len(linkage) == 1
