"""Run tasks: create, list, show, update, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Entitlements, GlobalConfiguration

Ask = Callable[..., Response]
TASKS = "/organizations/acme/tasks"
TASK_ID = r"task-[1-9A-HJ-NP-Za-km-z]{16}"


def _task(**attributes: object) -> dict[str, object]:
    required = {"name": "new", "url": "https://hook.example/run", "category": "task"}
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    kept = {key: value for key, value in (required | named).items() if value is not ...}
    return {"data": {"type": "tasks", "attributes": kept}}


def _patch(**attributes: object) -> dict[str, object]:
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    return {"data": {"type": "tasks", "attributes": named}}


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _id(simulator: Simulator, name: str = "scan") -> str:
    return simulator.world.organizations["acme"].tasks[name].id


def test_create_answers_201_with_the_task(simulator: Simulator, ask: Ask) -> None:
    """The answer has the complete run task, enabled, without its HMAC key."""
    response = ask(simulator, "POST", TASKS, _task(description="d", hmac_key="secret"))
    assert response.status == 201
    task = _data(response)
    assert task["attributes"] == {
        "name": "new",
        "url": "https://hook.example/run",
        "category": "task",
        "description": "d",
        "enabled": True,
        "hmac-key": None,
        "global-configuration": {"enabled": False, "stages": [], "enforcement-level": None},
        "created-at": "2026-01-01T00:00:00.000Z",
        "updated-at": "2026-01-01T00:00:00.000Z",
    }
    assert b"secret" not in response.body
    assert simulator.world.tasks[task["id"]].hmac_key == "secret"


def test_created_task_is_listed_and_shown(simulator: Simulator, ask: Ask) -> None:
    """A new run task is in its organization's list, and shown by its id."""
    created = _data(ask(simulator, "POST", TASKS, _task()))
    assert _data(ask(simulator, "GET", f"/tasks/{created['id']}")) == created
    assert [task["attributes"]["name"] for task in _data(ask(simulator, "GET", TASKS))] == [
        "scan",
        "new",
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (_task(name=...), "/data/attributes/name"),
        (_task(name=""), "/data/attributes/name"),
        (_task(name="no spaces"), "/data/attributes/name"),
        (_task(name="scan"), "/data/attributes/name"),
        (_task(name=7), "/data/attributes/name"),
        (_task(url=...), "/data/attributes/url"),
        (_task(url="ftp://hook.example"), "/data/attributes/url"),
        (_task(url="https://"), "/data/attributes/url"),
        (_task(url="https://[bad"), "/data/attributes/url"),
        (_task(category=...), "/data/attributes/category"),
        (_task(category="other"), "/data/attributes/category"),
        (_task(description="x" * 301), "/data/attributes/description"),
        (_task(enabled="yes"), "/data/attributes/enabled"),
        (
            _task(global_configuration={"enabled": True, "stages": ["never"]}),
            "/data/attributes/global-configuration/stages",
        ),
        ({"data": {"type": "task", "attributes": {}}}, "/data/type"),
        ({"data": {"type": "tasks"}}, "/data/attributes/name"),
        ({"nothing": 1}, ""),
    ],
)
def test_create_refuses_a_malformed_task(
    simulator: Simulator, ask: Ask, body: object, pointer: str
) -> None:
    """A missing, taken or invalid attribute is a 422 that points at it, without an effect."""
    response = ask(simulator, "POST", TASKS, body)
    assert response.status == 422
    error = msgspec.json.decode(response.body)["errors"][0]
    assert error.get("source", {}).get("pointer", "") == pointer
    assert simulator.effects == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"data": nonsense}', b"\xff"])
def test_create_refuses_what_is_not_json(simulator: Simulator, ask: Ask, body: bytes) -> None:
    """A body that isn't JSON is a 400."""
    assert ask(simulator, "POST", TASKS, body).status == 400


def test_description_of_300_characters_is_accepted(simulator: Simulator, ask: Ask) -> None:
    """The longest description is 300 characters."""
    assert ask(simulator, "POST", TASKS, _task(description="x" * 300)).status == 201


def test_update_changes_only_what_is_named(simulator: Simulator, ask: Ask) -> None:
    """A PATCH leaves all other attributes unchanged."""
    path = f"/tasks/{_id(simulator)}"
    before = _data(ask(simulator, "GET", path))["attributes"]
    response = ask(simulator, "PATCH", path, _patch(enabled=False), now=5.0)
    assert response.status == 200
    assert _data(response)["attributes"] == before | {
        "enabled": False,
        "updated-at": "2026-01-01T00:00:05.000Z",
    }


def test_update_renames(simulator: Simulator, ask: Ask) -> None:
    """A run task can be renamed to a free name or its own, but not to a taken one."""
    path = f"/tasks/{_id(simulator)}"
    simulator.add_task("other")
    assert ask(simulator, "PATCH", path, _patch(name="scan")).status == 200
    assert ask(simulator, "PATCH", path, _patch(name="other")).status == 422
    assert ask(simulator, "PATCH", path, _patch(name="")).status == 422
    assert ask(simulator, "PATCH", path, _patch(url="")).status == 422
    assert (
        ask(simulator, "PATCH", path, _patch(name="renamed", url="http://x.example")).status == 200
    )
    assert list(simulator.world.organizations["acme"].tasks) == ["other", "renamed"]


def test_delete_is_204_and_then_404(simulator: Simulator, ask: Ask) -> None:
    """After a delete, deleting, showing or updating the run task is a 404."""
    path = f"/tasks/{_id(simulator)}"
    assert ask(simulator, "DELETE", path) == Response(
        204,
        {
            "tfp-api-version": "2.6",
            "tfp-appname": "HCP Terraform",
            "x-request-id": "00000000-0000-4000-8000-000000000001",
        },
    )
    assert ask(simulator, "DELETE", path).status == 404
    assert ask(simulator, "GET", path).status == 404
    assert ask(simulator, "PATCH", path, _patch()).status == 404


def test_delete_of_an_attached_task_is_refused(simulator: Simulator, ask: Ask) -> None:
    """An attached run task can't be deleted until it is detached everywhere."""
    path = f"/tasks/{_id(simulator)}"
    simulator.attach("prod-1", "scan")
    assert ask(simulator, "DELETE", path).status == 422
    simulator.detach("prod-1", "scan")
    assert ask(simulator, "DELETE", path).status == 204


def test_include_brings_workspace_tasks_and_workspaces(simulator: Simulator, ask: Ask) -> None:
    """``include`` adds the workspace tasks, and with ``.workspace`` each workspace once."""
    simulator.add_task("other")
    for task in ("scan", "other"):
        simulator.attach("prod-1", task)
    for path in (TASKS, f"/tasks/{_id(simulator)}"):
        plain = msgspec.json.decode(ask(simulator, "GET", path).body)
        assert "included" not in plain
    response = ask(simulator, "GET", TASKS, query={"include": "workspace_tasks.workspace"})
    kinds = [one["type"] for one in msgspec.json.decode(response.body)["included"]]
    assert kinds == ["workspace-tasks", "workspace-tasks", "workspaces"]
    response = ask(
        simulator, "GET", f"/tasks/{_id(simulator)}", query={"include": "workspace_tasks"}
    )
    document = msgspec.json.decode(response.body)
    assert [{"id": one["id"], "type": one["type"]} for one in document["included"]] == document[
        "data"
    ]["relationships"]["workspace-tasks"]["data"]


def test_global_configuration_needs_its_entitlement(simulator: Simulator, ask: Ask) -> None:
    """Without the entitlement, a global configuration is ignored, with a 201."""
    spec = {"enabled": True, "stages": ["pre_plan"], "enforcement-level": "mandatory"}
    response = ask(simulator, "POST", TASKS, _task(global_configuration=spec))
    assert _data(response)["attributes"]["global-configuration"] == spec
    assert simulator.world.tasks[_data(response)["id"]].global_configuration == GlobalConfiguration(
        enabled=True, stages=("pre_plan",), enforcement_level="mandatory"
    )
    simulator.add_organization("free", entitlements=Entitlements(global_run_tasks=False))
    response = ask(simulator, "POST", "/organizations/free/tasks", _task(global_configuration=spec))
    assert response.status == 201
    assert "global-configuration" not in _data(response)["attributes"]


def test_a_global_configuration_is_changed_in_part(simulator: Simulator, ask: Ask) -> None:
    """A PATCH that only disables it, as the Terraform provider's, keeps its stages and level."""
    spec = {"enabled": True, "stages": ["pre_plan"], "enforcement-level": "mandatory"}
    path = f"/tasks/{_id(simulator)}"
    assert ask(simulator, "PATCH", path, _patch(global_configuration=spec)).status == 200
    answer = ask(simulator, "PATCH", path, _patch(global_configuration={"enabled": False}))
    shown = _data(answer)["attributes"]["global-configuration"]
    assert shown == spec | {"enabled": False}


def test_agent_pool_needs_its_entitlement(simulator: Simulator, ask: Ask) -> None:
    """An agent pool is stored and can be removed; without the entitlement it is a 422."""
    simulator.add_agent_pool("apool-1")
    body: Any = _task()
    pool = {"agent-pool": {"data": {"id": "apool-1", "type": "agent-pools"}}}
    body["data"]["relationships"] = pool
    created = _data(ask(simulator, "POST", TASKS, body))
    assert created["relationships"]["agent-pool"] == pool["agent-pool"]
    body = _patch()
    body["data"]["relationships"] = {"agent-pool": {"data": None}}
    changed = _data(ask(simulator, "PATCH", f"/tasks/{created['id']}", body))
    assert changed["relationships"]["agent-pool"] == {"data": None}
    simulator.add_organization("free", entitlements=Entitlements(private_run_tasks=False))
    simulator.add_agent_pool("apool-1", organization="free")
    body = _task()
    body["data"]["relationships"] = pool
    assert ask(simulator, "POST", "/organizations/free/tasks", body).status == 422


def test_an_unknown_agent_pool_is_refused_last(simulator: Simulator, ask: Ask) -> None:
    """Create and update refuse it in the service's words, unless an attribute is wrong, too."""
    pool = {"agent-pool": {"data": {"id": "apool-none", "type": "agent-pools"}}}
    attributes = {"name": "new", "url": "https://hook.example/run", "category": "task"}
    for method, path, body in (
        ("POST", TASKS, _task()),
        ("PATCH", f"/tasks/{_id(simulator)}", {"data": {"type": "tasks"}}),
    ):
        document: Any = body
        document["data"]["relationships"] = pool
        refused = msgspec.json.decode(ask(simulator, method, path, document).body)["errors"][0]
        assert refused["detail"] == "The provided agent pool does not exist"
        document["data"]["attributes"] = {**attributes, "name": "no spaces"}
        refused = msgspec.json.decode(ask(simulator, method, path, document).body)["errors"][0]
        assert refused["source"]["pointer"] == "/data/attributes/name"
    assert simulator.effects == []


def test_a_patch_needs_no_attributes(simulator: Simulator, ask: Ask) -> None:
    """A PATCH with only relationships, as go-tfe sends it, is accepted."""
    simulator.add_agent_pool("apool-1")
    pool = {"agent-pool": {"data": {"id": "apool-1", "type": "agent-pools"}}}
    body = {"data": {"type": "tasks", "relationships": pool}}
    answer = ask(simulator, "PATCH", f"/tasks/{_id(simulator)}", body)
    assert answer.status == 200
    assert _data(answer)["relationships"]["agent-pool"] == pool["agent-pool"]


def test_an_entitled_run_task_shows_its_global_configuration(
    simulator: Simulator, ask: Ask
) -> None:
    """It is shown even if it was never set, because clients take its absence for no entitlement."""
    path = f"/tasks/{_id(simulator)}"
    shown = _data(ask(simulator, "GET", path))["attributes"]["global-configuration"]
    assert shown == {"enabled": False, "stages": [], "enforcement-level": None}
    acme = simulator.world.organizations["acme"]
    acme.entitlements = Entitlements(global_run_tasks=False)
    assert "global-configuration" not in _data(ask(simulator, "GET", path))["attributes"]


@pytest.mark.parametrize(
    ("entitlements", "statuses"),
    [
        (Entitlements(), [201, 201]),
        (Entitlements(run_task_limit=1), [201, 422]),
        (Entitlements(run_tasks=False), [422, 422]),
    ],
)
def test_create_stops_at_the_entitlement(
    simulator: Simulator, ask: Ask, entitlements: Entitlements, statuses: list[int]
) -> None:
    """Creating more run tasks than the entitlement allows is a 422."""
    simulator.add_organization("free", entitlements=entitlements)
    path = "/organizations/free/tasks"
    assert [ask(simulator, "POST", path, _task(name=name)).status for name in "ab"] == statuses


@pytest.mark.parametrize(
    ("url_status", "status"), [(None, 201), (200, 201), (204, 422), (500, 422), (0, 422)]
)
def test_url_must_have_answered_200(
    simulator: Simulator, url_status: int | None, status: int
) -> None:
    """If the URL was called, the run task is only created after a 200."""
    request = Request(
        "POST",
        f"/api/v2{TASKS}",
        body=msgspec.json.encode(_task()),
        headers={"authorization": "Bearer x", "content-type": MEDIA_TYPE},
    )
    assert simulator.url_to_verify(request) == "https://hook.example/run"
    assert simulator.handle(request, 0.0, url_status=url_status).status == status


def test_no_url_is_verified_unless_it_is_set(simulator: Simulator) -> None:
    """Reads, deletes, bodies without a URL and other resources' bodies need no call."""
    body = msgspec.json.encode(_task())
    for method, path, sent in (
        ("GET", TASKS, body),
        ("DELETE", "/tasks/task-1", body),
        ("POST", "/organizations/acme/workspaces", body),
        ("PATCH", "/tasks/task-1", msgspec.json.encode(_patch(enabled=True))),
        ("PATCH", "/tasks/task-1", b"{"),
    ):
        assert simulator.url_to_verify(Request(method, f"/api/v2{path}", body=sent)) is None
    changed = Request("PATCH", "/api/v2/tasks/task-1", body=msgspec.json.encode(_patch(url="u")))
    assert simulator.url_to_verify(changed) == "u"
