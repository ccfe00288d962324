"""An answer to a write is about what was written, as far as it shows that."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from bulkops.api import endpoints
from bulkops.api.echo import echoed
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.messages import Request, Response
from bulkops.client.workspaces import WorkspaceTasks
from bulkops.errors import ServerBroken
from tests.client.scripted import caller, one_by_one

LEVEL = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
ATTACH = endpoints.attach("ws-1", "task-1", LEVEL)
UPDATE = endpoints.update_workspace_task("ws-1", "wstask-1", LEVEL)
RUN_TASK = endpoints.update_run_task("task-1", RunTaskChange(enabled=False))
WORKSPACE = endpoints.update_workspace("ws-1", {"auto-apply": True})
LOCK, UNLOCK = endpoints.lock_workspace("ws-1", "freeze"), endpoints.unlock_workspace("ws-1")
CREATE = endpoints.create_run_task("acme", RunTaskChange(name="scan", url="https://a.example"))


def answer(ident: str, type_: str | None = None, **related: str) -> Response:
    """Return an answer that shows a resource with these relationships."""
    data: dict[str, Any] = {"id": ident, "attributes": LEVEL}
    data["relationships"] = {name: {"data": {"id": other}} for name, other in related.items()}
    return Response(
        200, {}, msgspec.json.encode({"data": {**data, **({"type": type_} if type_ else {})}})
    )


@pytest.mark.parametrize(
    ("request_", "shown", "problem"),
    [
        (UPDATE, answer("wstask-2"), "about wstask-2, not wstask-1"),
        (UPDATE, answer("wstask-1", workspace="ws-2"), "about ws-2, not ws-1"),
        (UPDATE, answer("wstask-1", "tasks"), "about tasks, not workspace-tasks"),
        (ATTACH, answer("wstask-7", workspace="ws-2", task="task-1"), "about ws-2, not ws-1"),
        (ATTACH, answer("wstask-7", workspace="ws-1", task="task-2"), "about task-2, not task-1"),
        (RUN_TASK, answer("task-2", "tasks"), "about task-2, not task-1"),
        (WORKSPACE, answer("ws-2"), "about ws-2, not ws-1"),
        (LOCK, answer("ws-2"), "about ws-2, not ws-1"),
        (UNLOCK, answer("ws-2", "workspaces"), "about ws-2, not ws-1"),
        (CREATE, answer("ws-2", "workspaces"), "about workspaces, not tasks"),
    ],
)
def test_an_answer_about_another_thing_is_refused(
    request_: Request, shown: Response, problem: str
) -> None:
    """Its id, its type, or what it is related to."""
    with pytest.raises(ServerBroken, match=f"^the server's answer is {problem}$"):
        echoed(request_, shown)


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        (UPDATE, answer("wstask-1", "workspace-tasks", workspace="ws-1", task="task-9")),
        (ATTACH, answer("wstask-7", "workspace-tasks", workspace="ws-1", task="task-1")),
        (ATTACH, answer("wstask-7")),
        (RUN_TASK, answer("task-1", "run-tasks")),
        (LOCK, answer("ws-1", "workspaces", organization="acme")),
        (CREATE, answer("task-7", "tasks")),
        (UPDATE, Response(204)),
        (UPDATE, Response(200, {}, b"<html>")),
        (UPDATE, Response(200, {}, b'{"data": [{"id": 7, "relationships": null}]}')),
        (endpoints.show_run_task("task-1"), answer("task-2")),
    ],
)
def test_what_it_does_not_show_is_not_compared(request_: Request, shown: Response) -> None:
    """Nor another name of a type, nor what can't be read: whoever decodes it reports that."""
    assert echoed(request_, shown) is shown


def test_a_single_write_is_refused_as_well() -> None:
    """``client.workspace_tasks.update``: what another attachment shows is no success."""
    tasks = WorkspaceTasks(caller(one_by_one(answer("wstask-2", "workspace-tasks"))))

    async def update() -> None:
        await tasks.update("ws-1", "wstask-1", enforcement_level="mandatory")

    with pytest.raises(ServerBroken, match="about wstask-2, not wstask-1"):
        anyio.run(update)
