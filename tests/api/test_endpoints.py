"""Every API request: its method, path, query and body."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from bulkops.api import endpoints
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.messages import Request
from bulkops.api.resources import GlobalConfiguration
from bulkops.errors import JobError

GLOBAL = GlobalConfiguration(enabled=True, stages=("pre_plan",), enforcement_level="mandatory")
CASES: list[tuple[Request, str, dict[str, Any] | None]] = [
    (endpoints.ping(), "GET /ping", None),
    (endpoints.list_organizations(), "GET /organizations", None),
    (endpoints.show_entitlements("acme"), "GET /organizations/acme/entitlement-set", None),
    (endpoints.list_projects("acme"), "GET /organizations/acme/projects", None),
    (
        endpoints.list_workspaces("acme", {"search[tags]": "prod,eu"}),
        "GET /organizations/acme/workspaces?search[tags]=prod,eu&sort=name",
        None,
    ),
    (endpoints.show_workspace("acme", "prod"), "GET /organizations/acme/workspaces/prod", None),
    (endpoints.show_workspace_by_id("ws-1"), "GET /workspaces/ws-1", None),
    (
        endpoints.update_workspace("ws-1", {"auto-apply": True}),
        "PATCH /workspaces/ws-1",
        {"type": "workspaces", "id": "ws-1", "attributes": {"auto-apply": True}},
    ),
    (
        endpoints.lock_workspace("ws-1", "change freeze"),
        "POST /workspaces/ws-1/actions/lock",
        {"reason": "change freeze"},
    ),
    (endpoints.lock_workspace("ws-1"), "POST /workspaces/ws-1/actions/lock", None),
    (endpoints.unlock_workspace("ws-1"), "POST /workspaces/ws-1/actions/unlock", None),
    (
        endpoints.create_run_task(
            "acme",
            RunTaskChange(
                name="scan",
                url="https://scan.example",
                description="d",
                hmac_key="k",
                enabled=True,
                global_configuration=GLOBAL,
                agent_pool_id="apool-1",
            ),
        ),
        "POST /organizations/acme/tasks",
        {
            "type": "tasks",
            "attributes": {
                "name": "scan",
                "url": "https://scan.example",
                "description": "d",
                "hmac-key": "k",
                "enabled": True,
                "global-configuration": {
                    "enabled": True,
                    "stages": ["pre_plan"],
                    "enforcement-level": "mandatory",
                },
                "category": "task",
            },
            "relationships": {"agent-pool": {"data": {"id": "apool-1", "type": "agent-pools"}}},
        },
    ),
    (endpoints.list_run_tasks("acme"), "GET /organizations/acme/tasks", None),
    (
        endpoints.list_run_tasks("acme", ["workspace_tasks", "workspace_tasks.workspace"]),
        "GET /organizations/acme/tasks?include=workspace_tasks,workspace_tasks.workspace",
        None,
    ),
    (
        endpoints.show_run_task("task-1", ["workspace_tasks"]),
        "GET /tasks/task-1?include=workspace_tasks",
        None,
    ),
    (
        endpoints.update_run_task("task-1", RunTaskChange(hmac_key=None, agent_pool_id=None)),
        "PATCH /tasks/task-1",
        {
            "type": "tasks",
            "id": "task-1",
            "attributes": {"hmac-key": None},
            "relationships": {"agent-pool": {"data": None}},
        },
    ),
    (
        endpoints.update_run_task("task-1", RunTaskChange(enabled=False)),
        "PATCH /tasks/task-1",
        {"type": "tasks", "id": "task-1", "attributes": {"enabled": False}},
    ),
    (endpoints.delete_run_task("task-1"), "DELETE /tasks/task-1", None),
    (
        endpoints.list_attachments("task-1"),
        "GET /tasks/task-1/relationships/workspace-tasks",
        None,
    ),
    (
        endpoints.attach("ws-1", "task-1", {"enforcement-level": "advisory"}),
        "POST /workspaces/ws-1/tasks",
        {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory"},
            "relationships": {"task": {"data": {"id": "task-1", "type": "tasks"}}},
        },
    ),
    (endpoints.list_workspace_tasks("ws-1"), "GET /workspaces/ws-1/tasks", None),
    (
        endpoints.show_workspace_task("ws-1", "wstask-1"),
        "GET /workspaces/ws-1/tasks/wstask-1",
        None,
    ),
    (
        endpoints.update_workspace_task("ws-1", "wstask-1", {"stages": ["pre_plan"]}),
        "PATCH /workspaces/ws-1/tasks/wstask-1",
        {"type": "workspace-tasks", "id": "wstask-1", "attributes": {"stages": ["pre_plan"]}},
    ),
    (endpoints.detach("ws-1", "wstask-1"), "DELETE /workspaces/ws-1/tasks/wstask-1", None),
]


@pytest.mark.parametrize(("request_", "line", "data"), CASES, ids=[line for _, line, _ in CASES])
def test_each_request_is_as_in_the_api_documentation(
    request_: Request, line: str, data: dict[str, Any] | None
) -> None:
    """Method, path, query and body match the API documentation."""
    query = "&".join(f"{name}={value}" for name, value in request_.query)
    path = request_.path.removeprefix("/api/v2")
    assert f"{request_.method} {path}{'?' * bool(query)}{query}" == line
    body = msgspec.json.decode(request_.body) if request_.body else None
    # Only the body of an action isn't a JSON:API document.
    assert (body and body.get("data", body)) == data
    assert request_.writes == (request_.method != "GET")


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "a b", "a%2Fb", "ä"])
def test_a_name_stays_within_its_part_of_the_path(name: str) -> None:
    """A name can't change which resource a path addresses."""
    for request in (
        endpoints.list_run_tasks(name),
        endpoints.show_run_task(name),
        endpoints.show_workspace("acme", name),
        endpoints.detach("ws-1", name),
    ):
        assert request.path.isascii()
        assert not set("?# ") & set(request.path)
        assert request.path.count("/") == request.path.replace("%2F", "").count("/")


ENDPOINTS: list[Callable[..., Request]] = [
    function
    for _, function in inspect.getmembers(endpoints, inspect.isfunction)
    if inspect.get_annotations(function).get("return") == "Request"
    and function.__module__ == endpoints.__name__
    and not function.__name__.startswith("_")
]


def request_of(endpoint: Callable[..., Request], **texts: str) -> Request:
    """Return an endpoint's request with these texts, or with each parameter's ``{name}``."""
    others: dict[str, Any] = {
        "RunTaskChange": RunTaskChange(),
        "Sequence[Include]": (),
        "str | None": None,
        "Mapping[str, str]": {},
        "Mapping[str, object]": {},
    }
    return endpoint(
        **{
            name: texts.get(name, f"{{{name}}}") if kind == "str" else others[kind]
            for name, kind in inspect.get_annotations(endpoint).items()
            if name != "return"
        }
    )


def test_every_endpoint_is_a_case() -> None:
    """Every function of the module has a test case."""
    cases, there = (case[0] for case in CASES), map(request_of, ENDPOINTS)
    assert {(r.method, endpoints.route(r)) for r in cases} == {
        (r.method, endpoints.route(r)) for r in there
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.__name__)
def test_a_route_is_the_path_with_its_parameters_named(endpoint: Callable[..., Request]) -> None:
    """The route doesn't depend on names and ids; it has the function's parameter names."""
    template = unquote(request_of(endpoint).path).removeprefix("/api/v2")
    names = ("organization", "name", "workspace_id", "task_id", "workspace_task_id")
    for text in ("acme", "tasks", "relationships", "a/b"):
        assert endpoints.route(request_of(endpoint, **dict.fromkeys(names, text))) == template


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/varsets/varset-1/relationships/workspaces", "/varsets/{id}/relationships/workspaces"),
        ("/workspaces/ws-1/vars/var-1", "/workspaces/{workspace_id}/vars/{id}"),
        ("/runs/run-1/actions/apply", "/runs/{id}/actions/apply"),
    ],
)
def test_a_route_has_no_id_of_any_resource(path: str, route: str) -> None:
    """A kind in another package may send requests that no endpoint here makes."""
    assert endpoints.route(Request("GET", f"/api/v2{path}")) == route


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.__name__)
@pytest.mark.parametrize("text", ["", ".", ".."])
def test_no_name_or_id_leads_to_another_path(endpoint: Callable[..., Request], text: str) -> None:
    """Proxies and servers would resolve it; percent-encoded dots, too."""
    names = ("organization", "name", "workspace_id", "task_id", "workspace_task_id")
    used = [name for name in names if name in inspect.get_annotations(endpoint)]
    for name in used:
        if endpoint is endpoints.attach and name == "task_id":
            continue  # is in the body
        with pytest.raises(JobError, match=f'^"{text}" is no name or id'):
            request_of(endpoint, **{name: text})
    assert ".." not in request_of(endpoint, **dict.fromkeys(used, "%2e%2e")).path


def test_a_changes_repr_does_not_hold_the_key() -> None:
    """The repr contains neither the HMAC key nor unset attributes."""
    change = RunTaskChange(name="scan", hmac_key="sekret")
    assert repr(change) == "RunTaskChange(name='scan', hmac_key=…)"
    assert "sekret" not in f"{change}"
