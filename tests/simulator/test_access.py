"""Tokens, permissions, media types, and missing resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import MEDIA_TYPE, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User

Ask = Callable[..., Response]
ACME = "/organizations/acme"


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


@pytest.fixture
def guarded() -> Simulator:
    """Organization acme with an owner, a reader, a task manager and an operator of prod-1."""
    created = Simulator(
        rate=0,
        tokens={
            "owner": User(name="olga"),
            "reader": User.read_only("rita"),
            "manager": User(name="mia", manage_workspace_run_tasks=False, manage_workspaces=False),
            "operator": User(
                name="otto",
                manage_run_tasks=False,
                manage_workspace_run_tasks={"prod-1"},
                manage_workspaces=False,
            ),
        },
    )
    created.add_organization("acme")
    created.add_workspace("prod-1")
    created.add_workspace("prod-2")
    created.add_task("scan")
    return created


def test_the_right_to_workspaces_alone_lists_no_run_tasks(guarded: Simulator, ask: Ask) -> None:
    """A user with workspace rights can attach, and read a run task by its id."""
    assert guarded.tokens is not None
    guarded.tokens = {**guarded.tokens, "worker": User.of_workspaces("wanda")}
    task = guarded.world.organizations["acme"].tasks["scan"].id
    assert ask(guarded, "GET", f"{ACME}/tasks", token="worker").status == 404
    assert ask(guarded, "GET", f"/tasks/{task}", token="worker").status == 200
    answer = ask(guarded, "GET", f"{ACME}/workspaces", token="worker")
    assert _data(answer)[0]["attributes"]["permissions"]["can-manage-run-tasks"]
    assert not _data(answer)[0]["attributes"]["permissions"]["can-update"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": "Basic abc"},
    ],
)
def test_no_token_is_401(simulator: Simulator, ask: Ask, headers: dict[str, str]) -> None:
    """Without a bearer token every answer is the documented 401."""
    response = ask(simulator, "GET", ACME, headers=headers)
    assert response.status == 401
    assert msgspec.json.decode(response.body)["errors"][0]["status"] == "401"


def test_any_token_is_a_user_of_its_own(simulator: Simulator, ask: Ask) -> None:
    """By default every token is accepted as a separate user, whose name doesn't contain it."""
    names = [
        _data(ask(simulator, "GET", "/account/details", token=token))["attributes"]["username"]
        for token in ("one", "two", "one")
    ]
    assert names == ["user-1", "user-2", "user-1"]


def test_only_listed_tokens_are_accepted(guarded: Simulator, ask: Ask) -> None:
    """If tokens are listed, any other token is answered 401."""
    assert ask(guarded, "GET", ACME, token="owner").status == 200
    assert ask(guarded, "GET", ACME, token="stranger").status == 401


def test_tokens_may_be_changed_at_any_time(guarded: Simulator, ask: Ask) -> None:
    """A token that is removed from the list is answered 401 from then on."""
    guarded.tokens = {}
    assert ask(guarded, "GET", ACME, token="owner").status == 401


def test_ping_needs_no_token(guarded: Simulator, ask: Ask) -> None:
    """A ping is answered 204 without a token, and with an invalid one."""
    assert ask(guarded, "GET", "/ping", headers={}).status == 204
    assert ask(guarded, "GET", "/ping", token="stranger").status == 204


@pytest.mark.parametrize(
    ("token", "statuses"),
    [
        ("owner", {"task": 201, "prod-1": 201, "prod-2": 201, "workspace": 201}),
        ("reader", {"task": 404, "prod-1": 404, "prod-2": 404, "workspace": 404}),
        ("manager", {"task": 201, "prod-1": 404, "prod-2": 404, "workspace": 404}),
        ("operator", {"task": 404, "prod-1": 201, "prod-2": 404, "workspace": 404}),
    ],
)
def test_rights_decide_what_may_change(
    guarded: Simulator, ask: Ask, token: str, statuses: dict[str, int]
) -> None:
    """A change without permission is answered 404, like a missing resource."""
    attributes = {"name": "new", "url": "https://x.example", "category": "task"}
    new_task = {"data": {"type": "tasks", "attributes": attributes}}
    assert ask(guarded, "POST", f"{ACME}/tasks", new_task, token=token).status == statuses["task"]
    scan = guarded.world.organizations["acme"].tasks["scan"].id
    link = {
        "data": {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory"},
            "relationships": {"task": {"data": {"id": scan, "type": "tasks"}}},
        }
    }
    for name in ("prod-1", "prod-2"):
        path = f"/workspaces/{guarded.world.organizations['acme'].workspaces[name].id}/tasks"
        assert ask(guarded, "POST", path, link, token=token).status == statuses[name]
        assert ask(guarded, "GET", path, token=token).status == 200
    new_workspace = {"data": {"type": "workspaces", "attributes": {"name": "new"}}}
    answer = ask(guarded, "POST", f"{ACME}/workspaces", new_workspace, token=token)
    assert answer.status == statuses["workspace"]


def test_reader_changes_nothing(guarded: Simulator, ask: Ask) -> None:
    """Every route that changes something answers 404 to a read-only user."""
    organization = guarded.world.organizations["acme"]
    workspace, task = organization.workspaces["prod-1"], organization.tasks["scan"]
    link = guarded.attach("prod-1", "scan")
    for method, path in (
        ("PATCH", f"/tasks/{task.id}"),
        ("DELETE", f"/tasks/{task.id}"),
        ("PATCH", f"/workspaces/{workspace.id}/tasks/{link.id}"),
        ("DELETE", f"/workspaces/{workspace.id}/tasks/{link.id}"),
        ("PATCH", f"/workspaces/{workspace.id}"),
        ("DELETE", f"{ACME}/workspaces/prod-1"),
        ("POST", f"/workspaces/{workspace.id}/relationships/tags"),
        ("PATCH", f"/workspaces/{workspace.id}/relationships/tag-bindings"),
        ("POST", f"{ACME}/projects"),
        ("PATCH", f"/projects/{organization.default_project.id}"),
        ("PATCH", f"/projects/{organization.default_project.id}/tag-bindings"),
        ("DELETE", f"{ACME}/tags"),
        ("POST", f"{ACME}/agent-pools"),
        ("POST", f"/admin{ACME}/subscription"),
        ("POST", "/organizations"),
        ("DELETE", ACME),
    ):
        assert ask(guarded, method, path, {"data": {}}, token="reader").status == 404
    assert guarded.effects == []


def test_documents_have_the_permissions(guarded: Simulator, ask: Ask) -> None:
    """Workspace and organization documents show this user's run task permissions."""

    def shown(token: str) -> tuple[list[bool], bool]:
        listed = ask(guarded, "GET", f"{ACME}/workspaces", query={"sort": "name"}, token=token)
        organization = _data(ask(guarded, "GET", ACME, token=token))
        return (
            [one["attributes"]["permissions"]["can-manage-run-tasks"] for one in _data(listed)],
            organization["attributes"]["permissions"]["can-manage-run-tasks"],
        )

    assert shown("owner") == ([True, True], True)
    assert shown("reader") == ([False, False], False)
    assert shown("manager") == ([False, False], True)
    assert shown("operator") == ([True, False], False)


@pytest.mark.parametrize(
    ("method", "content_type", "refused"),
    [
        ("GET", None, False),
        ("GET", MEDIA_TYPE, False),
        ("GET", "application/json", True),
        ("DELETE", None, True),
        ("DELETE", "application/json", True),
        ("DELETE", MEDIA_TYPE, False),
        ("PATCH", None, True),
        ("PATCH", f"{MEDIA_TYPE}; charset=utf-8", False),
    ],
)
def test_media_type(
    simulator: Simulator, ask: Ask, method: str, content_type: str | None, *, refused: bool
) -> None:
    """Methods other than GET need JSON:API's media type, even without a body."""
    headers = {"authorization": "Bearer x"}
    if content_type is not None:
        headers["content-type"] = content_type
    response = ask(simulator, method, "/tasks/task-none", headers=headers)
    assert (response.status == 415) is refused


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/organizations/nobody"),
        ("GET", "/organizations/nobody/tasks"),
        ("GET", "/workspaces/ws-none"),
        ("GET", "/workspaces/ws-none/tasks"),
        ("GET", "/organizations/acme/workspaces/none"),
        ("GET", "/tasks/task-none"),
        ("GET", "/nonsense"),
        ("GET", "/organizations/acme/tasks/too/deep"),
        ("POST", "/ping"),
        ("PATCH", "/organizations/acme/tasks"),
    ],
)
def test_a_missing_resource_is_404(simulator: Simulator, ask: Ask, method: str, path: str) -> None:
    """An unknown resource, path or method is a JSON:API 404."""
    response = ask(simulator, method, path)
    assert response.status == 404
    assert msgspec.json.decode(response.body)["errors"][0]["title"] == "not found"


def test_path_parameters_are_percent_decoded(simulator: Simulator, ask: Ask) -> None:
    """A percent-encoded name in a path is equivalent to the plain one."""
    assert ask(simulator, "GET", "/organizations/ac%6De/workspaces/prod%2D1").status == 200


def test_organizations_and_projects(simulator: Simulator, ask: Ask) -> None:
    """Organizations and projects are listed; projects are filtered, sorted and created."""
    assert [one["id"] for one in _data(ask(simulator, "GET", "/organizations"))] == ["acme"]
    path = f"{ACME}/projects"

    def names(**query: str) -> list[str]:
        found = _data(ask(simulator, "GET", path, query=query))
        return [one["attributes"]["name"] for one in found]

    assert names() == ["Default Project", "platform"]
    assert names(sort="-name") == ["platform", "Default Project"]
    assert names(**{"filter[names]": "platform,none"}) == ["platform"]
    new = {"data": {"type": "projects", "attributes": {"name": "new"}}}
    assert ask(simulator, "POST", path, new).status == 201
    assert ask(simulator, "POST", path, new).status == 422


def test_entitlement_set(simulator: Simulator, ask: Ask) -> None:
    """The entitlement set has all of the API's attributes, and null for no limit."""
    attributes = _data(ask(simulator, "GET", f"{ACME}/entitlement-set"))["attributes"]
    assert len(attributes) == 37
    limits = {name: value for name, value in attributes.items() if name.endswith("limit")}
    assert set(limits.values()) == {None}
    assert {"run-task-limit", "run-task-workspace-limit", "policy-set-limit"} <= limits.keys()
    others = {"waypoint-actions", "infragraph-with-nrtu"}
    assert {name for name, value in attributes.items() if value is False} == others
