"""Older server versions: what they don't support, and how they answer differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.profiles import PROFILES

Ask = Callable[..., Response]
OLD = [name for name in PROFILES if name.startswith("tfe-v202401")]


def _server(profile: str, workspaces: int = 1) -> Simulator:
    created = Simulator(rate=0, profile=profile)
    created.add_organization("acme")
    created.add_task("scan")
    for number in range(workspaces):
        created.add_workspace(f"w-{number}")
    return created


def _attach(ask: Ask, simulator: Simulator, **attributes: object) -> Response:
    workspace = next(iter(simulator.world.workspaces))
    body = {
        "data": {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory", **attributes},
            "relationships": {
                "task": {"data": {"id": next(iter(simulator.world.tasks)), "type": "tasks"}}
            },
        }
    }
    return ask(simulator, "POST", f"/workspaces/{workspace}/tasks", body)


def _listed(ask: Ask, simulator: Simulator) -> list[dict[str, Any]]:
    workspace = next(iter(simulator.world.workspaces))
    response = ask(simulator, "GET", f"/workspaces/{workspace}/tasks")
    return [one["attributes"] for one in msgspec.json.decode(response.body)["data"]]


@pytest.mark.parametrize("profile", PROFILES)
def test_headers_name_the_product_and_version(ask: Ask, profile: str) -> None:
    """Answers name the product and API version, and on Terraform Enterprise its version."""
    headers = ask(_server(profile), "GET", "/ping").headers
    assert headers["tfp-api-version"] == "2.6"
    assert headers["x-request-id"] == "00000000-0000-4000-8000-000000000001"
    if profile.startswith("hcp"):
        assert headers["tfp-appname"] == "HCP Terraform"
        assert "x-tfe-version" not in headers
    else:
        assert headers["tfp-appname"] == "Terraform Enterprise"
        assert profile.startswith(f"tfe-{headers['x-tfe-version']}")


def test_newer_enterprise_supports_all_stages(ask: Ask) -> None:
    """Since v202404-1 Terraform Enterprise supports several stages, including post_apply."""
    simulator = _server("tfe-v202408-1")
    response = _attach(ask, simulator, stages=["pre_plan", "post_apply"])
    assert response.status == 201
    assert msgspec.json.decode(response.body)["data"]["attributes"]["stages"] == [
        "pre_plan",
        "post_apply",
    ]


@pytest.mark.parametrize("profile", OLD)
def test_old_attach_answers_204_without_a_body(ask: Ask, profile: str) -> None:
    """An old server answers an attach with 204 and no body, so the id must be read back."""
    simulator = _server(profile)
    response = _attach(ask, simulator, stage="pre_plan")
    assert (response.status, response.body) == (204, b"")
    assert _listed(ask, simulator) == [{"enforcement-level": "advisory", "stage": "pre_plan"}]


@pytest.mark.parametrize("profile", OLD)
@pytest.mark.parametrize(
    ("attributes", "stage"),
    [
        ({}, "post_plan"),
        ({"stages": ["pre_plan", "pre_apply"]}, "pre_plan"),
        ({"stages": ["post_apply", "pre_apply"]}, "pre_apply"),
        ({"stages": ["post_apply"]}, "post_plan"),
        ({"stage": "pre_apply", "stages": ["pre_plan"]}, "pre_apply"),
    ],
)
def test_old_servers_drop_stages_silently(
    ask: Ask, profile: str, attributes: dict[str, object], stage: str
) -> None:
    """An old server keeps one stage that it supports, or the default, without an error."""
    simulator = _server(profile)
    assert _attach(ask, simulator, **attributes).status == 204
    assert _listed(ask, simulator) == [{"enforcement-level": "advisory", "stage": stage}]


@pytest.mark.parametrize("profile", OLD)
def test_old_update_keeps_the_stage_when_it_knows_none(ask: Ask, profile: str) -> None:
    """A PATCH without a supported stage leaves the stage unchanged on an old server."""
    simulator = _server(profile)
    record = simulator.attach("w-0", "scan", stages=("pre_plan",))
    body = {"data": {"type": "workspace-tasks", "attributes": {"stages": ["post_apply"]}}}
    path = f"/workspaces/{record.workspace.id}/tasks/{record.id}"
    assert ask(simulator, "PATCH", path, body).status == 200
    assert _listed(ask, simulator)[0]["stage"] == "pre_plan"


def test_post_apply_came_with_v202402(ask: Ask) -> None:
    """The stage ``post_apply`` is a 422 before v202402-1, and accepted since."""
    assert _attach(ask, _server("tfe-v202401-1"), stage="post_apply").status == 422
    assert _attach(ask, _server("tfe-v202402-1"), stage="post_apply").status == 204


@pytest.mark.parametrize("profile", [*OLD, "tfe-v202402-1"])
def test_old_servers_have_no_reverse_listing(ask: Ask, profile: str) -> None:
    """The list of a run task's workspace tasks is a 404 on an old server."""
    simulator = _server(profile)
    task = next(iter(simulator.world.tasks))
    path = f"/tasks/{task}/relationships/workspace-tasks"
    assert ask(simulator, "GET", path).status == 404


@pytest.mark.parametrize(
    ("profile", "included"),
    [
        ("tfe-v202401-1", 30),
        ("tfe-v202401-1-some-included", 20),
        ("tfe-v202401-1-none-included", None),
    ],
)
def test_include_may_be_incomplete(ask: Ask, profile: str, included: int | None) -> None:
    """Old servers include all workspace tasks, a few of them, or none."""
    simulator = _server(profile, workspaces=30)
    for name in simulator.world.organizations["acme"].workspaces:
        simulator.attach(name, "scan")
    task = next(iter(simulator.world.tasks))
    response = ask(simulator, "GET", f"/tasks/{task}", query={"include": "workspace_tasks"})
    document = msgspec.json.decode(response.body)
    assert len(document["data"]["relationships"]["workspace-tasks"]["data"]) == 30
    assert (len(document["included"]) if "included" in document else None) == included


def test_profile_may_be_changed_at_any_time(ask: Ask) -> None:
    """After an upgrade, headers and answers are those of the newer version."""
    simulator = _server("tfe-v202401-1")
    assert _attach(ask, simulator, stage="pre_plan").status == 204
    simulator.profile = PROFILES["tfe-v202408-1"]
    assert ask(simulator, "GET", "/ping").headers["x-tfe-version"] == "v202408-1"
    assert _listed(ask, simulator)[0]["stages"] == ["pre_plan"]


@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        ("hcp", [{"links", "data"}, {"links"}]),
        ("hcp-linked-tags", [{"links"}, {"links"}]),
        ("tfe-v202401-1", [set(), set()]),
    ],
)
def test_tag_bindings_are_included_linked_or_unknown(
    ask: Ask, profile: str, shown: list[set[str]]
) -> None:
    """Some servers only link to tag bindings, and the oldest have none."""
    server = _server(profile)
    found = []
    for query in ({"include": "effective_tag_bindings"}, {}):
        answer = ask(server, "GET", "/organizations/acme/workspaces", query=query)
        document = msgspec.json.decode(answer.body)
        relationships = document["data"][0]["relationships"]
        found.append(set(relationships.get("effective-tag-bindings", ())))
        assert ("included" in document) == ("data" in found[-1])
    assert found == shown


def test_unknown_profile_is_a_key_error() -> None:
    """A simulator of an unknown version can't be created."""
    with pytest.raises(KeyError):
        Simulator(profile="tfe-v1")
