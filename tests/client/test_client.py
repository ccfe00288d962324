"""The typed client against the simulator over sockets, on every server version."""

from __future__ import annotations

from typing import get_args

import pytest

from bulkops.api.endpoints import Include, RunTaskChange
from bulkops.api.messages import Request, Response
from bulkops.api.organizations import Organization, Project
from bulkops.api.resources import GlobalConfiguration, RunTask, WorkspaceTask
from bulkops.api.server import ServerInfo
from bulkops.client.rows import Whole
from bulkops.errors import NotFoundOrForbidden
from bulkops.simulator.core import Simulator
from bulkops.simulator.profiles import PROFILES
from bulkops.simulator.state import Entitlements, User
from tests.client.simulated import client_of, organization

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]


async def test_every_endpoint_of_a_run_task() -> None:
    """Create, list, show, update and delete accept and return the same typed values."""
    spec = GlobalConfiguration(enabled=True, stages=("pre_plan",), enforcement_level="mandatory")
    async with client_of(organization()) as client:
        created = await client.run_tasks.create(
            "acme",
            RunTaskChange(
                name="new",
                url="https://a.example",
                description="d",
                hmac_key="k",
                global_configuration=spec,
                agent_pool_id="apool-1",
            ),
        )
        assert created == RunTask(
            id=created.id,
            name="new",
            url="https://a.example",
            description="d",
            global_configuration=spec,
            agent_pool_id="apool-1",
            organization="acme",
        )
        assert created in await client.run_tasks.list("acme")
        assert await client.run_tasks.show(created.id) == created
        change = RunTaskChange(description=None, enabled=False, agent_pool_id=None)
        updated = await client.run_tasks.update(created.id, change)
        assert (updated.description, updated.enabled, updated.agent_pool_id) == (None, False, None)
        assert updated.global_configuration == spec
        await client.run_tasks.delete(created.id)
        with pytest.raises(NotFoundOrForbidden):
            await client.run_tasks.show(created.id)


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_endpoint_of_an_attachment(profile: str) -> None:
    """Attach, list, show, update and detach work on every version, also with 204 answers."""
    simulator = organization(profile=profile)
    async with client_of(simulator) as client:
        single = (await client.ping()).single_stage
        workspace = await client.workspaces.show("acme", "prod-0")
        (task,) = await client.run_tasks.list("acme")
        tasks = client.workspace_tasks
        if single:
            attached = await tasks.attach(workspace.id, task.id, "advisory", stage="pre_apply")
        else:
            attached = await tasks.attach(
                workspace.id, task.id, "advisory", stages=["pre_plan", "pre_apply"]
            )
        assert attached.stages == (("pre_apply",) if single else ("pre_plan", "pre_apply"))
        assert (attached.workspace_id, attached.task_id) == (workspace.id, task.id)
        assert await tasks.list(workspace.id) == [attached]
        assert await tasks.show(workspace.id, attached.id) == attached
        updated = await tasks.update(workspace.id, attached.id, enforcement_level="mandatory")
        assert (updated.enforcement_level, updated.stages) == ("mandatory", attached.stages)
        updated = await tasks.update(workspace.id, attached.id, stage="pre_plan")
        assert (updated.enforcement_level, updated.stages) == ("mandatory", ("pre_plan",))
        await tasks.detach(workspace.id, attached.id)
        assert await tasks.list(workspace.id) == []
        with pytest.raises(NotFoundOrForbidden):
            await tasks.detach(workspace.id, attached.id)
    assert [effect.action for effect in simulator.effects] == [
        "create",
        "update",
        "update",
        "delete",
    ]


async def test_an_attachment_without_stage_gets_the_servers_default() -> None:
    """Without a stage, the server chooses post_plan."""
    simulator = organization()
    async with client_of(simulator) as client:
        workspace = await client.workspaces.show("acme", "prod-0")
        (task,) = await client.run_tasks.list("acme")
        attached = await client.workspace_tasks.attach(workspace.id, task.id, "advisory")
    assert attached.stages == ("post_plan",)


@pytest.mark.parametrize("include", get_args(Include))
async def test_run_tasks_come_with_their_attachments(include: Include) -> None:
    """`include` adds the attachments, and with the workspaces also their names."""
    simulator = organization()
    for name in ("prod-0", "prod-1"):
        simulator.attach(name, "scan", stages=("pre_plan",))
    async with client_of(simulator) as client:
        (listed,) = await client.run_tasks.list("acme", (include,))
        shown = await client.run_tasks.show(listed.id, (include,))
    assert shown == listed
    assert [one.id for one in listed.workspace_tasks] == list(listed.workspace_task_ids)
    names = ["prod-0", "prod-1"] if include.endswith("workspace") else [None, None]
    assert [one.workspace_name for one in listed.workspace_tasks] == names


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ("hcp", 25),
        ("tfe-v202408-1", 25),
        ("tfe-v202402-1", 25),
        ("tfe-v202401-1", 25),
        ("tfe-v202401-1-some-included", None),
        ("tfe-v202401-1-none-included", None),
    ],
)
async def test_attachments_are_listed_whole_or_not_at_all(profile: str, found: int | None) -> None:
    """From the reverse listing, or else from a complete include, or else None."""
    simulator = organization(profile=profile)
    for number in range(25):
        simulator.add_workspace(f"w-{number}")
        simulator.attach(f"w-{number}", "scan")
    async with client_of(simulator) as client:
        (task,) = await client.run_tasks.list("acme")
        attachments = await client.run_tasks.attachments(task.id, Whole[WorkspaceTask])
    assert (attachments and attachments.count()) == found


async def test_attachments_of_a_missing_run_task_are_an_error() -> None:
    """A 404 for the list may mean an older server; a 404 for the run task is an error."""
    async with client_of(organization()) as client:
        with pytest.raises(NotFoundOrForbidden):
            await client.run_tasks.attachments("task-1111111111111111", Whole[WorkspaceTask])


@pytest.mark.parametrize(
    ("profile", "info"),
    [
        ("hcp", ServerInfo(limit=12.0)),
        ("tfe-v202408-1", ServerInfo("v202408-1", 12.0)),
        ("tfe-v202402-1", ServerInfo("v202402-1", 12.0, single_stage=True)),
        (
            "tfe-v202401-1",
            ServerInfo(
                "v202401-1",
                12.0,
                single_stage=True,
                stages=("pre_plan", "post_plan", "pre_apply"),
            ),
        ),
    ],
)
async def test_a_ping_sets_version_and_pace(profile: str, info: ServerInfo) -> None:
    """A ping applies the server's limit, and its version determines the stages."""
    async with client_of(organization(limit=12, profile=profile)) as client:
        assert await client.ping() == info
        assert client.pacer.rate == pytest.approx(11.82)


async def test_all_organizations_that_the_token_sees_are_listed() -> None:
    """A token's organizations are read from all pages, and no others."""
    simulator = Simulator(rate=0)
    names = [simulator.add_organization(f"acme-{number}").name for number in range(205)]
    ann = User(name="ann")
    simulator.tokens = {"t": User(name="ann", organizations=dict.fromkeys(names[1:], ann))}
    async with client_of(simulator) as client:
        assert await client.organizations() == [Organization(name, name) for name in names[1:]]
        assert client.requests == 3


async def test_an_organization_that_the_token_does_not_see_is_not_found() -> None:
    """Nothing tells it from one that does not exist."""
    simulator = organization()
    simulator.tokens = {"t": User(name="ann", organizations={})}
    async with client_of(simulator) as client:
        assert await client.organizations() == []
        for name in ("acme", "missing"):
            with pytest.raises(NotFoundOrForbidden):
                await client.entitlements(name)


async def test_entitlements_and_projects_are_read() -> None:
    """The organization's entitlements and all its projects are read."""
    simulator = Simulator(rate=0)
    limits = Entitlements(global_run_tasks=False, run_task_limit=1, run_task_workspace_limit=10)
    simulator.add_organization("acme", entitlements=limits)
    platform = simulator.add_project("platform")
    async with client_of(simulator) as client:
        entitlements = await client.entitlements("acme")
        assert entitlements.global_run_tasks is False
        assert (entitlements.run_task_limit, entitlements.run_task_workspace_limit) == (1, 10)
        assert entitlements.run_task_mandatory_enforcement_limit is None
        projects = await client.projects("acme")
        assert len(projects) == 2
        assert Project(platform.id, "platform") in projects


class IncludesNothing(Simulator):
    """A server that refuses to include anything."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Refuse ``include``."""
        if "include" in dict(request.query):
            return Response(422, {}, b'{"errors": []}')
        return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on


@pytest.mark.parametrize("server", [Simulator, IncludesNothing])
async def test_a_workspace_is_read_with_its_projects_name(server: type[Simulator]) -> None:
    """Alone and in the list; on a server that can't include it, only the id is known."""
    simulator = server(rate=0)
    simulator.add_organization("acme")
    platform = simulator.add_project("platform")
    simulator.add_workspace("app", project="platform")
    async with client_of(simulator) as client:
        (listed,) = await client.workspaces.list("acme")
        for shown in (listed, await client.workspaces.show("acme", "app")):
            assert shown.project_id == platform.id
            assert shown.project == ("platform" if server is Simulator else platform.id)
        with pytest.raises(NotFoundOrForbidden):
            await client.workspaces.show("acme", "nothing")


async def test_workspaces_are_listed_by_name_and_filtered() -> None:
    """All workspaces are listed in pages of 100, or those that the API's filters select."""
    simulator = organization()
    for number in range(250):
        simulator.add_workspace(f"app-{number:03}", tags=["app"] if number % 2 else [])
    async with client_of(simulator) as client:
        workspaces = await client.workspaces.list("acme")
        assert [one.name for one in workspaces] == sorted(one.name for one in workspaces)
        assert len(workspaces) == 254
        assert client.requests == 3
        tagged = await client.workspaces.list("acme", {"search[tags]": "app"})
        assert len(tagged) == 125
        named = await client.workspaces.list("acme", {"search[wildcard-name]": "prod-*"})
        assert [one.tag_names for one in named] == [("prod",)] * 3


async def test_a_workspace_is_shown_by_name_and_by_id() -> None:
    """A name that begins like an id is looked up as a name."""
    async with client_of(organization()) as client:
        for name in ("prod-1", "ws-odd"):
            workspace = await client.workspaces.show("acme", name)
            assert workspace.name == name
            assert await client.workspaces.show("acme", workspace.id) == workspace
            assert workspace.may("can-manage-run-tasks")
            assert workspace.may("can-dance") is None
