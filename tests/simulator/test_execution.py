"""Where runs take place: a mode and an agent pool, of an organization, a project or a workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator

Ask = Callable[..., Response]

POOL = "apool-1"
MODES = {"execution-mode": "agent", "agent-pool-id": POOL}
DEFAULTS = {f"default-{name}": value for name, value in MODES.items()}
ORGANIZATION = "/organizations/acme"
NEITHER = {"execution-mode": False, "agent-pool": False}


@pytest.fixture
def simulator(simulator: Simulator) -> Simulator:
    """Organization acme with an agent pool; workspace prod-1 is in project platform."""
    simulator.add_agent_pool(POOL)
    return simulator


def _body(kind: str, attributes: dict[str, Any], **relationships: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": attributes, "relationships": relationships}}


def _organization(mode: str, pool: str | None) -> dict[str, Any]:
    linkage = {"type": "agent-pools", "id": pool} if pool else None
    named = {"default-agent-pool": {"data": linkage}}
    return _body("organizations", {"default-execution-mode": mode}, **named)


def _paths(simulator: Simulator) -> tuple[str, str]:
    """Return the paths of the project and of the workspace in it."""
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"]
    return f"/projects/{workspace.project.id}", f"/workspaces/{workspace.id}"


def _shown(ask: Ask, simulator: Simulator, path: str) -> tuple[str, str | None]:
    data = msgspec.json.decode(ask(simulator, "GET", path).body)["data"]
    prefix = "" if path.startswith("/workspaces") else "default-"
    pool = data["relationships"][f"{prefix}agent-pool"]["data"]
    return data["attributes"][f"{prefix}execution-mode"], pool and pool["id"]


def test_a_mode_is_inherited_until_there_is_an_own_one(simulator: Simulator, ask: Ask) -> None:
    """A workspace has its project's mode and pool, and a project its organization's."""
    project, workspace = _paths(simulator)
    ask(simulator, "PATCH", ORGANIZATION, _organization("agent", POOL))
    assert _shown(ask, simulator, ORGANIZATION) == ("agent", POOL)
    assert _shown(ask, simulator, project) == _shown(ask, simulator, workspace) == ("agent", POOL)
    ask(simulator, "PATCH", project, _body("projects", {"default-execution-mode": "local"}))
    assert _shown(ask, simulator, project) == _shown(ask, simulator, workspace) == ("local", None)
    ask(simulator, "PATCH", workspace, _body("workspaces", MODES))
    assert _shown(ask, simulator, workspace) == ("agent", POOL)
    ask(simulator, "PATCH", ORGANIZATION, _organization("remote", None))
    assert _shown(ask, simulator, ORGANIZATION) == ("remote", None)
    assert _shown(ask, simulator, project) == ("local", None)


def test_an_overwrite_that_is_switched_off_inherits_again(simulator: Simulator, ask: Ask) -> None:
    """``setting-overwrites`` shows whether there is an own mode, and false removes it."""
    for path, kind, attributes, prefix in (
        (_paths(simulator)[0], "projects", DEFAULTS, "default-"),
        (_paths(simulator)[1], "workspaces", MODES, ""),
    ):
        off = {f"{prefix}{name}": value for name, value in NEITHER.items()}
        for change, expected, overwritten in (
            ({"description": "x"}, ("remote", None), False),
            (attributes, ("agent", POOL), True),
            ({"setting-overwrites": off}, ("remote", None), False),
            ({"setting-overwrites": dict.fromkeys(off, True)}, ("remote", None), True),
        ):
            answer = ask(simulator, "PATCH", path, _body(kind, change))
            shown = msgspec.json.decode(answer.body)["data"]["attributes"]["setting-overwrites"]
            assert shown == dict.fromkeys(off, overwritten)
            assert _shown(ask, simulator, path) == expected


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"execution-mode": "agent"}, "must be specified when using 'agent' execution mode"),
        ({"agent-pool-id": POOL}, "must not be specified unless using 'agent' execution mode"),
        (MODES | {"execution-mode": "local"}, "must not be specified unless using 'agent'"),
        (MODES | {"agent-pool-id": "apool-none"}, "The provided agent pool does not exist"),
        (
            MODES | {"setting-overwrites": NEITHER | {"agent-pool": True}},
            "their values must be the same",
        ),
    ],
    ids=str,
)
def test_mode_and_pool_that_do_not_fit_are_refused(
    simulator: Simulator, ask: Ask, attributes: dict[str, Any], words: str
) -> None:
    """Projects and workspaces refuse them in the same words, on create and on update."""
    project, workspace = _paths(simulator)
    of_project = {
        name if name.startswith("setting") else f"default-{name}": value
        for name, value in attributes.items()
    }
    for method, path, body in (
        ("PATCH", project, _body("projects", of_project | {"name": "other"})),
        ("POST", f"{ORGANIZATION}/projects", _body("projects", of_project | {"name": "other"})),
        ("PATCH", workspace, _body("workspaces", attributes | {"name": "other"})),
        ("POST", f"{ORGANIZATION}/workspaces", _body("workspaces", attributes | {"name": "other"})),
    ):
        answer = ask(simulator, method, path, body)
        assert answer.status == 422
        assert words in msgspec.json.decode(answer.body)["errors"][0]["detail"]
    assert simulator.effects == []


def test_an_unknown_pool_is_refused_after_the_attributes_are_checked(
    simulator: Simulator, ask: Ask
) -> None:
    """If the name is bad as well, the refusal is about the name."""
    unknown = MODES | {"agent-pool-id": "apool-none"}
    of_project = {f"default-{name}": value for name, value in unknown.items()}
    project, workspace = _paths(simulator)
    for method, path, body in (
        ("PATCH", project, _body("projects", of_project | {"name": "a/b"})),
        ("POST", f"{ORGANIZATION}/projects", _body("projects", of_project | {"name": "a/b"})),
        ("PATCH", workspace, _body("workspaces", unknown | {"name": "a/b"})),
        ("POST", f"{ORGANIZATION}/workspaces", _body("workspaces", unknown | {"name": "a/b"})),
    ):
        error = msgspec.json.decode(ask(simulator, method, path, body).body)["errors"][0]
        assert error["source"]["pointer"] == "/data/attributes/name"


@pytest.mark.parametrize(
    "body",
    [_organization("agent", None), _organization("agent", "apool-9"), _organization("local", POOL)],
    ids=["no pool", "unknown pool", "another mode"],
)
def test_an_organization_refuses_the_same(
    simulator: Simulator, ask: Ask, body: dict[str, Any]
) -> None:
    """Neither is it changed in part, nor does a new one exist; a new one has no pools at all."""
    body["data"]["attributes"] |= {"name": "new", "email": "a@example.com"}
    assert ask(simulator, "PATCH", ORGANIZATION, body).status == 422
    assert ask(simulator, "POST", "/organizations", body).status == 422
    assert simulator.effects == []
    assert list(simulator.world.organizations) == ["acme"]
