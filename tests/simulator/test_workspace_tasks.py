"""Attach, list, show, update and detach run tasks on workspaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Entitlements

Ask = Callable[..., Response]


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _path(simulator: Simulator, workspace: str = "prod-1", organization: str = "acme") -> str:
    found = simulator.world.organizations[organization].workspaces[workspace]
    return f"/workspaces/{found.id}/tasks"


def _link(
    simulator: Simulator, task: str = "scan", organization: str = "acme", **attributes: object
) -> dict[str, object]:
    found = simulator.world.organizations[organization].tasks[task]
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    return {
        "data": {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory"} | named,
            "relationships": {"task": {"data": {"id": found.id, "type": "tasks"}}},
        }
    }


def _change(**attributes: object) -> dict[str, object]:
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    return {"data": {"type": "workspace-tasks", "attributes": named}}


def test_attach_answers_201_with_the_association(simulator: Simulator, ask: Ask) -> None:
    """The answer has level, stages, both relationships and a link to itself."""
    path = _path(simulator)
    response = ask(
        simulator,
        "POST",
        path,
        _link(simulator, enforcement_level="mandatory", stages=["pre_apply", "pre_plan"]),
    )
    assert response.status == 201
    created = _data(response)
    assert created["attributes"] == {
        "enforcement-level": "mandatory",
        "stage": "pre_apply",
        "stages": ["pre_apply", "pre_plan"],
        "created-at": "2026-01-01T00:00:00.000Z",
        "updated-at": "2026-01-01T00:00:00.000Z",
    }
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"]
    task = simulator.world.organizations["acme"].tasks["scan"]
    assert created["relationships"] == {
        "task": {"data": {"id": task.id, "type": "tasks"}},
        "workspace": {"data": {"id": workspace.id, "type": "workspaces"}},
    }
    assert created["links"]["self"] == f"/api/v2{path}/{created['id']}"
    assert _data(ask(simulator, "GET", path)) == [created]
    assert _data(ask(simulator, "GET", f"{path}/{created['id']}")) == created
    assert _data(ask(simulator, "GET", f"/tasks/{task.id}/relationships/workspace-tasks")) == [
        created
    ]


@pytest.mark.parametrize(
    ("attributes", "stages"),
    [
        ({}, ["post_plan"]),
        ({"stage": "pre_plan"}, ["pre_plan"]),
        ({"stages": ["pre_plan", "pre_plan", "post_apply"]}, ["pre_plan", "post_apply"]),
        ({"stage": "pre_plan", "stages": ["pre_apply"]}, ["pre_apply"]),
    ],
)
def test_attach_takes_stage_or_stages(
    simulator: Simulator, ask: Ask, attributes: dict[str, Any], stages: list[str]
) -> None:
    """``stages`` takes precedence over ``stage``, and post_plan is the default."""
    created = _data(ask(simulator, "POST", _path(simulator), _link(simulator, **attributes)))
    assert created["attributes"]["stages"] == stages
    assert created["attributes"]["stage"] == stages[0]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"enforcement_level": "must"}, "/data/attributes/enforcement-level"),
        ({"enforcement_level": None}, "/data/attributes/enforcement-level"),
        ({"stage": "plan"}, "/data/attributes/stage"),
        ({"stages": ["pre_plan", "plan"]}, "/data/attributes/stages"),
        ({"stages": []}, "/data/attributes/stages"),
        ({"stages": [1]}, "/data/attributes/stages/0"),
        ({"stages": "pre_plan"}, "/data/attributes/stages"),
    ],
)
def test_attach_refuses_wrong_attributes(
    simulator: Simulator, ask: Ask, attributes: dict[str, Any], pointer: str
) -> None:
    """An unknown level or stage is a 422 that points at it, without an effect."""
    response = ask(simulator, "POST", _path(simulator), _link(simulator, **attributes))
    assert response.status == 422
    place = msgspec.json.decode(response.body)["errors"][0]["source"]["pointer"]
    assert place.startswith(pointer)
    assert simulator.attachments("prod-1", "scan") == []


def test_attach_needs_a_level_and_a_task(simulator: Simulator, ask: Ask) -> None:
    """An attach without an enforcement level or a task relationship is a 422."""
    path = _path(simulator)
    body: Any = _link(simulator)
    del body["data"]["attributes"]["enforcement-level"]
    assert ask(simulator, "POST", path, body).status == 422
    body = _link(simulator)
    del body["data"]["relationships"]
    assert ask(simulator, "POST", path, body).status == 422


def test_attach_of_an_unknown_or_foreign_task_is_404(simulator: Simulator, ask: Ask) -> None:
    """A run task that doesn't exist, or belongs to another organization, isn't found."""
    simulator.add_organization("other")
    simulator.add_task("foreign", organization="other")
    path = _path(simulator)
    assert ask(simulator, "POST", path, _link(simulator, "foreign", "other")).status == 404
    body = _link(simulator)
    simulator.remove_task("scan")
    assert ask(simulator, "POST", path, body).status == 404


def test_second_attach_is_refused(simulator: Simulator, ask: Ask) -> None:
    """Attaching a run task that is already attached is a 422 without an effect."""
    body = _link(simulator)
    assert ask(simulator, "POST", _path(simulator), body).status == 201
    assert ask(simulator, "POST", _path(simulator), body).status == 422
    assert len(simulator.attachments("prod-1", "scan")) == 1


def test_server_that_accepts_duplicates_makes_one(ask: Ask) -> None:
    """With ``duplicate_attach="accept"`` a repeated POST creates a second attachment."""
    simulator = Simulator(rate=0, duplicate_attach="accept")
    simulator.add_organization("acme")
    simulator.add_workspace("prod-1")
    simulator.add_task("scan")
    for _ in range(2):
        assert ask(simulator, "POST", _path(simulator), _link(simulator)).status == 201
    assert len({record.id for record in simulator.attachments("prod-1", "scan")}) == 2
    simulator.duplicate_attach = "reject"
    assert ask(simulator, "POST", _path(simulator), _link(simulator)).status == 422
    simulator.detach("prod-1", "scan")
    assert simulator.attachments("prod-1", "scan") == []


def test_update_changes_level_and_stages(simulator: Simulator, ask: Ask) -> None:
    """A PATCH changes the given attributes, by ``stage`` or ``stages``, and returns the result."""
    record = simulator.attach("prod-1", "scan")
    path = f"{_path(simulator)}/{record.id}"

    def changed(**attributes: object) -> dict[str, object]:
        response = ask(simulator, "PATCH", path, _change(**attributes), now=60.0)
        assert response.status == 200
        echo = _data(response)["attributes"]
        assert echo["updated-at"] == "2026-01-01T00:01:00.000Z"
        return {"level": echo["enforcement-level"], "stages": echo["stages"]}

    assert changed() == {"level": "advisory", "stages": ["post_plan"]}
    assert changed(enforcement_level="mandatory") == {"level": "mandatory", "stages": ["post_plan"]}
    assert changed(stage="pre_plan") == {"level": "mandatory", "stages": ["pre_plan"]}
    assert changed(stages=["pre_apply", "post_apply"])["stages"] == ["pre_apply", "post_apply"]
    assert ask(simulator, "PATCH", path, _change(stages=[])).status == 422
    assert ask(simulator, "PATCH", path, _change(enforcement_level="x")).status == 422


def test_detach_is_204_and_then_404(simulator: Simulator, ask: Ask) -> None:
    """After a detach, detaching, showing or updating the attachment is a 404."""
    record = simulator.attach("prod-1", "scan")
    path = f"{_path(simulator)}/{record.id}"
    assert ask(simulator, "DELETE", path).status == 204
    assert ask(simulator, "DELETE", path).status == 404
    assert ask(simulator, "GET", path).status == 404
    assert ask(simulator, "PATCH", path, _change()).status == 404
    assert _data(ask(simulator, "GET", _path(simulator))) == []


def test_association_is_found_only_under_its_workspace(simulator: Simulator, ask: Ask) -> None:
    """The id of a workspace task is a 404 under any other workspace."""
    record = simulator.attach("prod-1", "scan")
    assert ask(simulator, "GET", f"{_path(simulator, 'prod-2')}/{record.id}").status == 404
    assert ask(simulator, "DELETE", f"{_path(simulator, 'prod-2')}/{record.id}").status == 404
    assert simulator.attachments("prod-1", "scan") == [record]


def test_deleted_workspace_takes_its_associations_along(simulator: Simulator, ask: Ask) -> None:
    """A deleted workspace's attachments are no longer in the run task's list."""
    simulator.attach("prod-1", "scan")
    simulator.attach("prod-2", "scan")
    simulator.remove_workspace("prod-1")
    task = simulator.world.organizations["acme"].tasks["scan"]
    listed = _data(ask(simulator, "GET", f"/tasks/{task.id}/relationships/workspace-tasks"))
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("entitlements", "statuses"),
    [
        (Entitlements(), [201, 201, 201]),
        (Entitlements(run_task_workspace_limit=2), [201, 201, 422]),
        (Entitlements(run_task_mandatory_enforcement_limit=1), [201, 422, 422]),
        (Entitlements(run_tasks=False), [422, 422, 422]),
    ],
)
def test_attach_stops_at_the_entitlement(
    ask: Ask, entitlements: Entitlements, statuses: list[int]
) -> None:
    """Exceeding the workspace limit or the mandatory limit is a 422."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme", entitlements=entitlements)
    simulator.add_task("scan")
    seen = []
    for name in ("a", "b", "c"):
        simulator.add_workspace(name)
        body = _link(simulator, enforcement_level="mandatory")
        seen.append(ask(simulator, "POST", _path(simulator, name), body).status)
    assert seen == statuses


def test_workspace_limit_counts_workspaces(ask: Ask) -> None:
    """A second run task in the same workspace doesn't count against the workspace limit."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme", entitlements=Entitlements(run_task_workspace_limit=1))
    simulator.add_workspace("a")
    for name in ("scan", "cost"):
        simulator.add_task(name)
        assert ask(simulator, "POST", _path(simulator, "a"), _link(simulator, name)).status == 201


def test_update_to_mandatory_stops_at_the_entitlement(ask: Ask) -> None:
    """Only a PATCH from advisory to mandatory counts against the mandatory limit."""
    simulator = Simulator(rate=0)
    simulator.add_organization(
        "acme", entitlements=Entitlements(run_task_mandatory_enforcement_limit=1)
    )
    simulator.add_task("scan")
    paths = []
    for name, level in (("a", "mandatory"), ("b", "advisory")):
        simulator.add_workspace(name)
        record = simulator.attach(name, "scan", enforcement_level=level)
        paths.append(f"{_path(simulator, name)}/{record.id}")
    change = _change(enforcement_level="mandatory")
    assert [ask(simulator, "PATCH", path, change).status for path in paths] == [200, 422]


@pytest.mark.parametrize("kind", ["workspace-tasks", "tasks"])
def test_an_attach_may_be_called_a_task(simulator: Simulator, ask: Ask, kind: str) -> None:
    """The service accepts both types of the resource; terrasnek sends the second."""
    body: Any = _link(simulator)
    body["data"]["type"] = kind
    assert ask(simulator, "POST", _path(simulator), body).status == 201
