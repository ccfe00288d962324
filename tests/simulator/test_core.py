"""The simulator's records: effects, statistics, and the endpoints that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.population import PROJECTS, populate

Ask = Callable[..., Response]


def _change_everything(simulator: Simulator, ask: Ask) -> None:
    """Create, update and delete one record of each kind, with refused requests in between."""
    organization = simulator.world.organizations["acme"]
    attributes = {"name": "new", "url": "https://x.example", "category": "task", "hmac-key": "k"}
    ask(
        simulator,
        "POST",
        "/organizations/acme/tasks",
        {"data": {"type": "tasks", "attributes": attributes}},
        now=1.0,
    )
    task = organization.tasks["new"]
    workspace = organization.workspaces["prod-1"]
    link: dict[str, Any] = {
        "type": "workspace-tasks",
        "attributes": {"enforcement-level": "advisory"},
        "relationships": {"task": {"data": {"id": task.id, "type": "tasks"}}},
    }
    path = f"/workspaces/{workspace.id}/tasks"
    ask(simulator, "POST", path, {"data": link}, now=2.0)
    ask(simulator, "POST", path, {"data": link}, now=2.5)
    path += f"/{simulator.attachments('prod-1', 'new')[0].id}"
    link["attributes"] = {"enforcement-level": "mandatory"}
    ask(simulator, "PATCH", path, {"data": link}, now=3.0)
    ask(simulator, "DELETE", path, now=4.0)
    ask(simulator, "DELETE", path, now=4.5)
    ask(simulator, "DELETE", f"/tasks/{task.id}", now=5.0)
    ask(simulator, "DELETE", "/organizations/acme/workspaces/prod-2", now=6.0)


def test_effects_are_the_real_changes(simulator: Simulator, ask: Ask) -> None:
    """Every change that took effect is listed once, in order, and no refused request."""
    _change_everything(simulator, ask)
    assert [(one.now, one.action, one.kind) for one in simulator.effects] == [
        (1.0, "create", "task"),
        (2.0, "create", "workspace-task"),
        (3.0, "update", "workspace-task"),
        (4.0, "delete", "workspace-task"),
        (5.0, "delete", "task"),
        (6.0, "delete", "workspace"),
    ]
    update = simulator.effects[2]
    assert update.method == "PATCH"
    assert update.user == "user-1"
    assert update.before == {"enforcement-level": "advisory", "stages": ("post_plan",)}
    assert update.after == {"enforcement-level": "mandatory", "stages": ("post_plan",)}
    assert update.names["organization"] == "acme"
    assert update.names["workspace"] == "prod-1"
    assert update.names["task"] == "new"
    assert simulator.effects[1].before is None
    assert simulator.effects[3].after is None


def test_control_endpoint_lists_the_effects(simulator: Simulator, ask: Ask) -> None:
    """The effects are served as JSON without a token, with counts per workspace."""
    _change_everything(simulator, ask)
    response = ask(simulator, "GET", "/_simulator/effects", headers={})
    assert response.headers["content-type"] == "application/json"
    document = msgspec.json.decode(response.body)
    assert [one["seq"] for one in document["effects"]] == [1, 2, 3, 4, 5, 6]
    assert document["effects"][0]["after"]["url"] == "https://x.example"
    assert document["by-workspace"] == {"acme/prod-1": 3}
    assert b"hmac" not in response.body


def test_statistics(simulator: Simulator, ask: Ask) -> None:
    """Requests are counted in total, by route and by status, without control requests."""
    _change_everything(simulator, ask)
    ask(simulator, "GET", "/nonsense")
    document = msgspec.json.decode(ask(simulator, "GET", "/_simulator/stats").body)
    assert document["requests"] == 9
    assert document["by-route"] == {
        "POST /organizations/:organization/tasks": 1,
        "POST /workspaces/:workspace/tasks": 2,
        "PATCH /workspaces/:workspace/tasks/:workspace-task": 1,
        "DELETE /workspaces/:workspace/tasks/:workspace-task": 2,
        "DELETE /tasks/:task": 1,
        "DELETE /organizations/:organization/workspaces/:name": 1,
        "unknown": 1,
    }
    assert document["by-status"] == {"201": 2, "200": 1, "204": 3, "404": 2, "422": 1}
    assert (document["first-write"], document["last-write"]) == (1.0, 6.0)
    assert (document["too-many"], document["faults"]) == (0, {})


def test_setting_up_is_no_effect(simulator: Simulator) -> None:
    """Changes made directly by a test aren't listed as effects."""
    simulator.attach("prod-1", "scan")
    simulator.detach("prod-1", "scan")
    simulator.attach("prod-2", "scan")
    simulator.remove_task("scan")
    assert simulator.world.organizations["acme"].workspaces["prod-2"].tasks == {}
    assert simulator.effects == []
    assert simulator.stats.requests == 0


def test_setting_up_without_an_organization_is_a_key_error() -> None:
    """A workspace or run task needs an existing organization."""
    with pytest.raises(KeyError):
        Simulator().add_workspace("w")
    with pytest.raises(KeyError):
        Simulator().add_task("t", organization="none")


def test_discovery(simulator: Simulator, ask: Ask) -> None:
    """Service discovery returns the API's path without a token; other paths are a plain 404."""
    response = ask(simulator, "GET", "/.well-known/terraform.json", headers={})
    services = msgspec.json.decode(response.body)
    assert services["tfe.v2"] == services["tfe.v2.2"] == "/api/v2/"
    assert {"modules.v1", "providers.v1", "motd.v1", "versions.v1"} <= services.keys()
    assert "login.v1" not in services
    assert ask(simulator, "GET", "/_simulator/nothing").status == 404


def test_there_are_no_gpg_keys(simulator: Simulator) -> None:
    """The list that clients read outside /api/v2 is an empty page."""
    request = Request("GET", "/api/registry/private/v2/gpg-keys")
    assert msgspec.json.decode(simulator.handle(request, 0.0).body)["data"] == []


def test_enterprise_announces_its_login(ask: Ask) -> None:
    """Terraform Enterprise also has ``login.v1``."""
    enterprise = Simulator(profile="tfe-v202408-1")
    answer = ask(enterprise, "GET", "/.well-known/terraform.json", headers={})
    assert msgspec.json.decode(answer.body)["login.v1"]["client"] == "terraform-cli"


def test_the_same_requests_give_the_same_answers(ask: Ask) -> None:
    """With the same seed, requests and times, two simulators give identical answers."""

    def history() -> list[Response]:
        simulator = Simulator(seed=5, epoch=datetime(2026, 11, 24, tzinfo=UTC))
        populate(simulator, "acme", workspaces=20, seed=5)
        attributes = {"name": "new", "url": "https://x.example", "category": "task"}
        body = {"data": {"type": "tasks", "attributes": attributes}}
        return [
            ask(simulator, "POST", "/organizations/acme/tasks", body, now=3.5),
            ask(simulator, "GET", "/organizations/acme/workspaces", now=3.75),
        ]

    first = history()
    assert history() == first
    assert b"2026-11-24T00:00:03.500Z" in first[0].body


def test_population_is_realistic_and_repeatable() -> None:
    """A populated organization has the given number of workspaces, with environment tags."""

    def populated(seed: int) -> dict[str, list[str]]:
        simulator = Simulator()
        added = populate(simulator, "acme", workspaces=100, seed=seed)
        organization = simulator.world.organizations["acme"]
        projects = Counter(one.project.name for one in organization.workspaces.values())
        assert projects.keys() == {*PROJECTS, "sandbox"}
        assert projects["sandbox"] == 4
        assert all(one.tag_bindings == {"env": one.tags[0]} for one in added)
        assert organization.tasks == {}
        assert added == list(organization.workspaces.values())
        return {name: one.tags for name, one in organization.workspaces.items()}

    workspaces = populated(3)
    assert len(workspaces) == 100
    assert all(tags[0] == name.partition("-")[0] for name, tags in workspaces.items())
    assert {tags[0] for tags in workspaces.values()} == {"prod", "staging", "dev"}
    assert sum("canary" in tags for tags in workspaces.values()) == 5
    assert populated(3) == workspaces != populated(4)


def test_several_organizations_are_kept_apart(ask: Ask) -> None:
    """The same name in two organizations means two workspaces, also for the setup."""
    simulator = Simulator(rate=0)
    for name in ("one", "two"):
        simulator.add_organization(name)
    first = simulator.add_workspace("w")
    second = simulator.add_workspace("w", organization="two", locked=True)
    for name, workspace in (("one", first), ("two", second)):
        response = ask(simulator, "GET", f"/organizations/{name}/workspaces/w")
        data = msgspec.json.decode(response.body)["data"]
        assert data["id"] == workspace.id
        assert data["attributes"]["locked"] is workspace.locked
