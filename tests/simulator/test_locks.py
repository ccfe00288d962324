"""Locking and unlocking a workspace: by whom, why, and who may take a lock away."""

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
    """Return whether it is locked, why, and by whom."""
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
    """As the OpenAPI sends the reason, or as go-tfe does; both are shown until it is unlocked."""
    locked = _shown(ask(simulator, "POST", _path(simulator, "lock"), body))
    assert locked[:2] == (True, reason)
    assert locked[2]["type"] == "users"
    show = _path(simulator, "lock").removesuffix("/actions/lock")
    assert _shown(ask(simulator, "GET", show)) == locked
    assert _shown(ask(simulator, "POST", _path(simulator, "unlock"))) == (False, None, None)
    assert [effect.action for effect in simulator.effects] == ["update", "update"]


def test_a_second_lock_is_a_conflict(simulator: Simulator, ask: Ask) -> None:
    """Whoever holds it, and nothing changes."""
    first = _shown(ask(simulator, "POST", _path(simulator, "lock"), {"reason": "mine"}))
    status, detail = _problem(ask(simulator, "POST", _path(simulator, "lock"), {"reason": "x"}))
    assert (status, detail) == (409, "Unable to lock workspace. The workspace is already locked.")
    show = _path(simulator, "lock").removesuffix("/actions/lock")
    assert _shown(ask(simulator, "GET", show)) == first


@pytest.mark.parametrize(
    ("by", "kind", "said"),
    [
        ("run-1", "runs", "locked by Run 1"),
        ("team-ops", "teams", "locked by Team ops"),
        ("user-ann", "users", "locked by User ann"),
        ("", "", "already unlocked"),
    ],
)
def test_only_its_holder_unlocks_it(
    simulator: Simulator, ask: Ask, by: str, kind: str, said: str
) -> None:
    """Anybody else meets a 409 that names the holder; so does who unlocks what isn't locked."""
    if by:
        simulator.lock("prod-1", by=by)
    status, detail = _problem(ask(simulator, "POST", _path(simulator, "unlock")))
    assert (status, said in detail) == (409, True)
    if by:
        show = _path(simulator, "lock").removesuffix("/actions/lock")
        assert _shown(ask(simulator, "GET", show)) == (True, None, {"id": by, "type": kind})
        simulator.unlock("prod-1")
        assert _shown(ask(simulator, "GET", show)) == (False, None, None)


@pytest.mark.parametrize("action", ["lock", "unlock"])
def test_whoever_may_not_is_told_that_it_is_not_there(ask: Ask, action: str) -> None:
    """404, as everywhere; and the permission says so beforehand."""
    simulator = Simulator(tokens={"t": User.read_only("ann")})
    simulator.add_organization("acme")
    simulator.add_workspace("prod-1")
    headers = {"authorization": "Bearer t", "content-type": "application/vnd.api+json"}
    status, _ = _problem(ask(simulator, "POST", _path(simulator, action), headers=headers))
    assert status == 404
