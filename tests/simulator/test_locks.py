"""Locking and unlocking a workspace: holder, reason, and who may unlock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User

Ask = Callable[..., Response]


def _path(simulator: Simulator, action: str) -> str:
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"]
    return f"/workspaces/{workspace.id}/actions/{action}"


def _shown(response: Response) -> tuple[Any, Any, Any]:
    """Return whether the workspace is locked, the reason, and the holder."""
    assert response.status == 200
    data = msgspec.json.decode(response.body)["data"]
    attributes, by = data["attributes"], data["relationships"]["locked-by"]["data"]
    return attributes["locked"], attributes["locked-reason"], by


def _problem(response: Response) -> tuple[int, str]:
    return response.status, msgspec.json.decode(response.body)["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"reason": "a freeze"}, "a freeze"),
        ({"data": {"type": "", "attributes": {"reason": "a freeze"}}}, "a freeze"),
        ({"reason": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_lock_has_a_reason_and_a_holder(
    simulator: Simulator, ask: Ask, body: object, reason: str | None
) -> None:
    """The reason is read as in the OpenAPI or in go-tfe, and shown until it is unlocked."""
    locked = _shown(ask(simulator, "POST", _path(simulator, "lock"), body))
    assert locked[:2] == (True, reason)
    assert locked[2]["type"] == "users"
    show = _path(simulator, "lock").removesuffix("/actions/lock")
    assert _shown(ask(simulator, "GET", show)) == locked
    assert _shown(ask(simulator, "POST", _path(simulator, "unlock"))) == (False, None, None)
    assert [effect.action for effect in simulator.effects] == ["update", "update"]


def test_a_second_lock_is_a_conflict(simulator: Simulator, ask: Ask) -> None:
    """A locked workspace can't be locked by anyone, and is unchanged."""
    first = _shown(ask(simulator, "POST", _path(simulator, "lock"), {"reason": "mine"}))
    status, detail = _problem(ask(simulator, "POST", _path(simulator, "lock"), {"reason": "x"}))
    assert (status, detail) == (409, "Unable to lock workspace. The workspace is already locked.")
    show = _path(simulator, "lock").removesuffix("/actions/lock")
    assert _shown(ask(simulator, "GET", show)) == first


@pytest.mark.parametrize(
    ("by", "kind", "message"),
    [
        ("run-1", "runs", "locked by Run 1"),
        ("team-ops", "teams", "locked by Team ops"),
        ("user-ann", "users", "locked by User ann"),
        ("", "", "already unlocked"),
    ],
)
def test_only_its_holder_unlocks_it(
    simulator: Simulator, ask: Ask, by: str, kind: str, message: str
) -> None:
    """Another user gets a 409 that names the holder; so does unlocking an unlocked workspace."""
    if by:
        simulator.lock("prod-1", by=by)
    status, detail = _problem(ask(simulator, "POST", _path(simulator, "unlock")))
    assert (status, message in detail) == (409, True)
    if by:
        show = _path(simulator, "lock").removesuffix("/actions/lock")
        assert _shown(ask(simulator, "GET", show)) == (True, None, {"id": by, "type": kind})
        simulator.unlock("prod-1")
        assert _shown(ask(simulator, "GET", show)) == (False, None, None)


@pytest.mark.parametrize("action", ["lock", "unlock"])
def test_without_the_permission_a_lock_is_a_404(ask: Ask, action: str) -> None:
    """Without the permission, the answer is 404, and the workspace's permissions show it."""
    simulator = Simulator(tokens={"t": User.read_only("ann")})
    simulator.add_organization("acme")
    simulator.add_workspace("prod-1")
    headers = {"authorization": "Bearer t", "content-type": "application/vnd.api+json"}
    status, _ = _problem(ask(simulator, "POST", _path(simulator, action), headers=headers))
    assert status == 404


def test_a_lock_is_forced_open(simulator: Simulator, ask: Ask) -> None:
    """Whoever holds the lock, force-unlock removes it; without a lock it is a conflict."""
    simulator.lock("prod-1", by="run-1")
    path = _path(simulator, "force-unlock")
    assert _shown(ask(simulator, "POST", path)) == (False, None, None)
    assert ask(simulator, "POST", path).status == 409
