"""Every documented operation of the simulator conforms to HashiCorp's OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bulkops.api.messages import Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.routes.table import ROUTES

Ask = Callable[..., Response]

TASK = {
    "type": "tasks",
    "attributes": {"name": "new", "url": "https://x.example", "category": "task"},
}
BINDING = {"type": "tag-bindings", "attributes": {"key": "tier", "value": "2"}}


def _shape(path: str) -> str:
    return re.sub(r":[a-z-]+|\{[a-z_]+\}", "*", path)


@pytest.fixture
def operations(needed_documents: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The method and path shape of everything that is both documented and simulated."""
    documented = {
        (method.upper(), _shape(path))
        for document in needed_documents
        for path, item in document["paths"].items()
        for method in item
    }
    return documented & {(route.method, _shape(route.path)) for route in ROUTES}


def test_every_documented_operation_answers_as_documented(
    simulator: Simulator, ask: Ask, operations: set[tuple[str, str]]
) -> None:
    """Each operation succeeds with the status and document of the OpenAPI."""
    task = simulator.world.organizations["acme"].tasks["scan"].id
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"].id
    attached = simulator.attach("prod-1", "scan").id
    spare = simulator.add_task("spare").id
    link = {
        "type": "workspace-tasks",
        "attributes": {"enforcement-level": "advisory", "stages": ["pre_plan", "post_plan"]},
        "relationships": {"task": {"data": {"id": spare, "type": "tasks"}}},
    }
    change = {"type": "workspace-tasks", "attributes": {"enforcement-level": "mandatory"}}
    tag = {"type": "tags", "attributes": {"name": "blue"}}
    acme = "/organizations/acme"
    everything = {"include": "project,effective_tag_bindings"}
    requests: list[tuple[str, str, object, dict[str, str], int]] = [
        ("GET", "/account/details", None, {}, 200),
        ("GET", acme, None, {}, 200),
        ("GET", f"{acme}/projects", None, {}, 200),
        ("GET", f"{acme}/tasks", None, {"include": "workspace_tasks.workspace"}, 200),
        *(("GET", f"{acme}/{name}", None, {}, 200) for name in ("runs", "varsets")),
        ("POST", f"{acme}/tasks", {"data": TASK}, {}, 201),
        ("GET", f"/tasks/{task}", None, {"include": "workspace_tasks"}, 200),
        ("PATCH", f"/tasks/{task}", {"data": {"type": "tasks", "attributes": {}}}, {}, 200),
        ("GET", f"/tasks/{task}/relationships/workspace-tasks", None, {}, 200),
        ("GET", f"{acme}/workspaces", None, everything, 200),
        ("GET", f"{acme}/workspaces/prod-1", None, everything, 200),
        ("GET", f"/workspaces/{workspace}", None, everything, 200),
        ("PATCH", f"/workspaces/{workspace}", {"data": {"type": "workspaces"}}, {}, 200),
        ("POST", f"/workspaces/{workspace}/actions/lock", {"reason": "a freeze"}, {}, 200),
        ("POST", f"/workspaces/{workspace}/actions/unlock", None, {}, 200),
        ("POST", f"/workspaces/{workspace}/tasks", {"data": link}, {}, 201),
        *(
            ("GET", f"/workspaces/{workspace}/{name}", None, {}, 200)
            for name in ("notification-configurations", "runs", "vars", "varsets")
        ),
        ("GET", f"/workspaces/{workspace}/tasks", None, {}, 200),
        ("GET", f"/workspaces/{workspace}/tasks/{attached}", None, {}, 200),
        ("PATCH", f"/workspaces/{workspace}/tasks/{attached}", {"data": change}, {}, 200),
        ("DELETE", f"/workspaces/{workspace}/tasks/{attached}", None, {}, 204),
        ("DELETE", f"/tasks/{task}", None, {}, 204),
        ("POST", f"/workspaces/{workspace}/relationships/tags", {"data": [tag]}, {}, 204),
        ("GET", f"/workspaces/{workspace}/relationships/tags", None, {}, 200),
        ("DELETE", f"/workspaces/{workspace}/relationships/tags", {"data": [tag]}, {}, 204),
        (
            "POST",
            f"/workspaces/{workspace}/relationships/tag-bindings",
            {"data": [BINDING]},
            {},
            204,
        ),
        ("PATCH", f"/workspaces/{workspace}/relationships/tag-bindings", {"data": []}, {}, 204),
        ("GET", f"/workspaces/{workspace}/relationships/tag-bindings", None, {}, 200),
        ("GET", f"/workspaces/{workspace}/effective-tag-bindings", None, {}, 200),
    ]
    seen = set()
    for method, path, body, query, status in requests:
        assert ask(simulator, method, path, body, query=query).status == status, (method, path)
        shape = re.sub(r"(task|ws|wstask)-[A-Za-z0-9]{16}", "*", path)
        shape = shape.replace("/acme", "/*").replace("/prod-1", "/*")
        seen.add((method, shape))
    assert seen == operations


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_refusal_is_a_documented_error(simulator: Simulator, ask: Ask, route: Any) -> None:
    """Without a token, every route except /ping answers 401; a missing resource is a 404."""
    path = re.sub(r":[a-z-]+", "nothing", route.path)
    refused = ask(simulator, route.method, path, headers={})
    assert refused.status == (204 if path == "/ping" else 401)
    answer = ask(simulator, route.method, path, {"data": None})
    if ":" in route.path:
        assert answer.status == 404
    else:
        assert answer.status == (422 if route.method == "POST" else route.status)


@pytest.mark.usefixtures("needed_documents")
def test_the_judge_refuses_a_wrong_document(judge: Callable[[Request, Response], None]) -> None:
    """A document with a misspelled attribute is rejected."""
    body = b'{"data":{"id":"task-1","type":"tasks","attributes":{"hmac_key":null}}}'
    response = Response(200, {"content-type": "application/vnd.api+json"}, body)
    with pytest.raises(Exception, match="InvalidData"):
        judge(Request("GET", "/api/v2/tasks/task-1"), response)
