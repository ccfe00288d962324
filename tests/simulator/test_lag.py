"""Lists that lag behind the writes, as on a server with replicas."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator

Ask = Callable[..., Response]


@pytest.fixture
def lagging() -> Simulator:
    """Organization acme with lists a second behind: workspaces a and b, run task scan."""
    created = Simulator(rate=0, lag=1.0)
    created.add_organization("acme")
    created.add_task("scan")
    for name in ("a", "b"):
        created.add_workspace(name)
    return created


def _path(simulator: Simulator, workspace: str = "a") -> str:
    return f"/workspaces/{simulator.world.organizations['acme'].workspaces[workspace].id}/tasks"


def _task(simulator: Simulator) -> str:
    return simulator.world.organizations["acme"].tasks["scan"].id


def _link(simulator: Simulator) -> dict[str, object]:
    return {
        "data": {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory"},
            "relationships": {"task": {"data": {"id": _task(simulator), "type": "tasks"}}},
        }
    }


def _attach(ask: Ask, simulator: Simulator, now: float) -> str:
    """Attach scan to workspace a, and return the path of the attachment."""
    response = ask(simulator, "POST", _path(simulator), _link(simulator), now=now)
    return f"{_path(simulator)}/{msgspec.json.decode(response.body)['data']['id']}"


def _change(ask: Ask, simulator: Simulator, path: str, now: float) -> None:
    attributes = {"enforcement-level": "mandatory"}
    body = {"data": {"type": "workspace-tasks", "attributes": attributes}}
    assert ask(simulator, "PATCH", path, body, now=now).status == 200


def _levels(ask: Ask, simulator: Simulator, path: str, now: float) -> list[str]:
    listed = msgspec.json.decode(ask(simulator, "GET", path, now=now).body)["data"]
    return [one["attributes"]["enforcement-level"] for one in listed]


def test_both_lists_show_a_change_once_it_is_old_enough(lagging: Simulator, ask: Ask) -> None:
    """Attach, update and detach are shown a second later in both lists."""
    lists = (_path(lagging), f"/tasks/{_task(lagging)}/relationships/workspace-tasks")

    def seen(now: float) -> list[str]:
        one, other = (_levels(ask, lagging, path, now) for path in lists)
        assert one == other
        return one

    path = _attach(ask, lagging, now=10.0)
    assert (seen(10.9), seen(11.0)) == ([], ["advisory"])
    _change(ask, lagging, path, now=20.0)
    assert (seen(20.9), seen(21.0)) == (["advisory"], ["mandatory"])
    ask(lagging, "DELETE", path, now=30.0)
    assert (seen(30.9), seen(31.0)) == (["mandatory"], [])


@pytest.mark.parametrize(
    ("now", "seen"), [(10.3, []), (11.0, ["advisory"]), (11.1, ["mandatory"]), (11.2, [])]
)
def test_changes_in_quick_succession_are_seen_one_by_one(
    lagging: Simulator, ask: Ask, now: float, seen: list[str]
) -> None:
    """Each of several quick changes is shown a second after it was made."""
    path = _attach(ask, lagging, now=10.0)
    _change(ask, lagging, path, now=10.1)
    ask(lagging, "DELETE", path, now=10.2)
    assert _levels(ask, lagging, _path(lagging), now) == seen


def test_a_lagging_detach_affects_one_list(lagging: Simulator, ask: Ask) -> None:
    """A detach that isn't shown yet affects only its own workspace's list."""
    path = _attach(ask, lagging, now=10.0)
    ask(lagging, "DELETE", path, now=20.0)
    assert _levels(ask, lagging, _path(lagging, "b"), 20.5) == []
    assert _levels(ask, lagging, _path(lagging, "a"), 20.5) == ["advisory"]


def test_only_lists_lag(lagging: Simulator, ask: Ask) -> None:
    """An attachment is shown by id without lag, and a second attach is refused immediately."""
    path = _attach(ask, lagging, now=10.0)
    assert ask(lagging, "GET", path, now=10.0).status == 200
    assert ask(lagging, "POST", _path(lagging), _link(lagging), now=10.0).status == 422
    assert _levels(ask, lagging, _path(lagging), 10.0) == []


def test_changes_of_the_setup_are_shown_immediately(lagging: Simulator, ask: Ask) -> None:
    """Changes by the setup are shown immediately."""
    lagging.attach("a", "scan")
    assert _levels(ask, lagging, _path(lagging), 0.0) == ["advisory"]
    lagging.detach("a", "scan")
    assert _levels(ask, lagging, _path(lagging), 0.0) == []
