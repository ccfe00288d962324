"""HashiCorp's official Python client, pytfe, works with the running simulator."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from anyio import to_thread
from pytfe import TFEClient, TFEConfig
from pytfe.errors import NotFound, TFEError
from pytfe.models import (
    RunTask,
    RunTaskCreateOptions,
    RunTaskUpdateOptions,
    WorkspaceRunTaskCreateOptions,
    WorkspaceRunTaskUpdateOptions,
)
from pytfe.models.run_task import Stage, TaskEnforcementLevel

from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator

pytestmark = pytest.mark.anyio


async def _with_client(simulator: Simulator, work: Callable[[TFEClient], None]) -> None:
    """Run ``work`` in a thread, because pytfe blocks, with a client of the served simulator."""

    def in_thread(address: str) -> None:
        # Without ca_bundle it takes SSL_CERT_FILE, and httpx deprecates the way it does so.
        config = TFEConfig(address=address, token="any", max_retries=0, ca_bundle=None)
        with TFEClient(config) as client:
            work(client)

    async with serve(simulator) as address:
        await to_thread.run_sync(in_thread, address)


async def test_pytfe_manages_run_tasks(simulator: Simulator) -> None:
    """pytfe creates, lists, reads, updates and deletes a run task."""

    def work(client: TFEClient) -> None:
        created = client.run_tasks.create(
            "acme",
            RunTaskCreateOptions(
                name="new", url="https://x.example", category="task", hmac_key="secret"
            ),
        )
        assert [task.name for task in client.run_tasks.list("acme")] == ["scan", "new"]
        assert client.run_tasks.read(created.id).url == "https://x.example"
        changed = client.run_tasks.update(created.id, RunTaskUpdateOptions(description="d"))
        assert (changed.name, changed.description, changed.hmac_key) == ("new", "d", None)
        client.run_tasks.delete(created.id)
        with pytest.raises(NotFound):
            client.run_tasks.read(created.id)

    await _with_client(simulator, work)
    assert [effect.action for effect in simulator.effects] == ["create", "update", "delete"]


async def test_pytfe_attaches_and_detaches(simulator: Simulator) -> None:
    """pytfe attaches a run task to a workspace, lists, reads, updates and detaches it."""
    workspace = simulator.world.organizations["acme"].workspaces["prod-1"].id
    task = simulator.world.organizations["acme"].tasks["scan"].id

    def work(client: TFEClient) -> None:
        api = client.workspace_run_tasks
        wanted = WorkspaceRunTaskCreateOptions.model_validate(
            {
                "enforcement-level": TaskEnforcementLevel.ADVISORY,
                "task": RunTask.model_construct(id=task),
                "stages": [Stage.PRE_PLAN, Stage.POST_PLAN],
            }
        )
        created = api.create(workspace, wanted)
        assert created.run_task is not None
        assert created.run_task.id == task
        with pytest.raises(TFEError, match="already associated"):
            api.create(workspace, wanted)
        assert [one.id for one in api.list(workspace)] == [created.id]
        assert api.read(workspace, created.id).stages == [Stage.PRE_PLAN, Stage.POST_PLAN]
        changed = api.update(
            workspace,
            created.id,
            WorkspaceRunTaskUpdateOptions.model_validate(
                {"enforcement-level": TaskEnforcementLevel.MANDATORY}
            ),
        )
        assert changed.enforcement_level is TaskEnforcementLevel.MANDATORY
        api.delete(workspace, created.id)
        assert list(api.list(workspace)) == []

    await _with_client(simulator, work)
    assert [effect.action for effect in simulator.effects] == ["create", "update", "delete"]


async def test_pytfe_lists_workspaces(simulator: Simulator) -> None:
    """pytfe pages through the workspaces, and reads one with its permissions and tags."""
    for number in range(150):
        simulator.add_workspace(f"more-{number}")

    def work(client: TFEClient) -> None:
        listed = list(client.workspaces.list("acme"))
        assert len({workspace.id for workspace in listed}) == 153
        one = client.workspaces.read("prod-2", organization="acme")
        assert one.tag_names == ["prod", "canary"]
        assert one.permissions is not None
        assert one.permissions.can_manage_run_tasks is True
        assert [binding.key for binding in client.workspaces.list_tag_bindings(one.id)] == ["tier"]
        assert [project.name for project in client.projects.list("acme")] == [
            "Default Project",
            "platform",
        ]

    await _with_client(simulator, work)
