"""Run tasks that a job names: ids need no list of the organization's run tasks, names do."""

from __future__ import annotations

from typing import Any

import pytest

from bulkops.api.messages import Request, Response
from bulkops.coverage.matrix import Coverage
from bulkops.coverage.reading import read_coverage
from bulkops.errors import BulkopsError, JobError
from bulkops.inventory.workspaces import read_selection
from bulkops.job.job import Job
from bulkops.journal.states import Outcome
from bulkops.operations.model import Target
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User
from tests.engine.world import PATH, World, job
from tests.kinds import OLD_TASK, TASK

UNDO = PATH.with_name("undo.jsonl")
LIST = "/api/v2/organizations/acme/tasks"


def world_of_a_workspace_token(**more: Any) -> World:
    """Return a world whose token has only "Manage Workspace Run Tasks"."""
    return World(rights=User.of_workspaces("engine"), **more)


def listed(world: World) -> bool:
    """Return whether the organization's run tasks were listed."""
    return any(request.path == LIST for request in world.wire.asked)


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202401-1-none-included"])
def test_a_job_that_names_an_id_needs_no_list(profile: str) -> None:
    """Plan, apply, verify, resume and undo need only the permission on workspaces."""
    world = world_of_a_workspace_token(workspaces=3, profile=profile)
    replay = world.apply(job(operation={"task": world.task.id}))
    assert replay.count(Outcome.SUCCEEDED) == 3
    assert replay.header.resolved.task is not None
    assert replay.header.resolved.task.name == TASK
    assert world.resume().count(Outcome.SUCCEEDED) == 3
    assert len(world.start_undo(PATH, UNDO).operations) == 3
    assert world.resume(path=UNDO).count(Outcome.SUCCEEDED) == 3
    assert not listed(world)


def test_detach_update_and_replace_need_none_either() -> None:
    """Each run task given by id is read by itself."""
    world = world_of_a_workspace_token(workspaces=2, replacing=True)
    old = world.simulator.world.organizations["acme"].tasks[OLD_TASK].id
    tasks = {"task": world.task.id, "replaces": old}
    assert len(world.plan(job("replace", operation=tasks)).operations) == 4
    assert len(world.plan(job("update", operation={"task": old})).operations) == 2
    assert len(world.plan(job("detach", operation={"task": old})).operations) == 2
    assert not listed(world)


def select(world: World, **fields: Any) -> list[Target]:
    """Return the selection."""
    asked = job(select=fields)

    async def read() -> list[Target]:
        return list((await read_selection(world.client(), asked, "job.toml")).targets)

    return world.run(read)


def test_a_selection_by_an_id_needs_none() -> None:
    """has_task and lacks_task with ids need no list either."""
    world = world_of_a_workspace_token(workspaces=2)
    world.simulator.attach("prod-0", TASK)
    assert [t.name for t in select(world, has_task=world.task.id)] == ["prod-0"]
    assert [t.name for t in select(world, all=True, lacks_task=world.task.id)] == ["prod-1"]
    assert not listed(world)


def coverage(world: World, *named: str, of: Job | None = None) -> Coverage:
    """Return the coverage of these run tasks and of a job's."""
    return world.run(lambda: read_coverage(world.client(), "acme", named, of))


def test_the_coverage_of_a_job_that_names_an_id_is_of_that_run_task() -> None:
    """If the token can't list the organization's run tasks, coverage shows the job's own."""
    world = world_of_a_workspace_token(workspaces=2)
    asked = job(operation={"task": world.task.id})
    (column,) = coverage(world, of=asked).columns
    assert column.task.id == world.task.id


def test_the_coverage_of_ids_needs_none() -> None:
    """Neither the named run tasks nor the job's own need the list, if given by id."""
    world = world_of_a_workspace_token(workspaces=2, replacing=True)
    old = world.simulator.world.organizations["acme"].tasks[OLD_TASK].id
    columns = coverage(world, old, old, of=job(operation={"task": world.task.id})).columns
    assert {column.task.name for column in columns} == {TASK, OLD_TASK}
    assert not listed(world)
    with pytest.raises(JobError, match="can't list its run tasks"):
        coverage(world)


@pytest.mark.parametrize("named", [TASK, "task-scan"])
def test_a_name_needs_the_list(named: str) -> None:
    """If the list is denied, the error says how to do without it."""
    with pytest.raises(JobError, match=r"name run tasks by id \(task-…\), which needs no"):
        world_of_a_workspace_token().plan(job(operation={"task": named}))


def test_an_id_that_does_not_exist_is_an_error() -> None:
    """The error is the same whether or not the token can read the list."""
    gone = "task-AAAAAAAAAAAAAAAA"
    message = f'operation.task = "{gone}": no such run task in acme, or this token can\'t see it'
    for world in (world_of_a_workspace_token(), World()):
        with pytest.raises(JobError, match=message):
            world.plan(job(operation={"task": gone}))


def test_a_run_task_of_another_organization_is_refused() -> None:
    """The token can read it by id, but it is refused before any write."""
    for rights in (None, User.of_workspaces("engine")):
        world = World(rights=rights)
        world.simulator.add_organization("other")
        theirs = world.simulator.add_task("theirs", organization="other").id
        with pytest.raises(JobError, match=f'"{theirs}": no such run task in acme'):
            world.plan(job(operation={"task": theirs}))


class Cased(Simulator):
    """A server that shows an organization's name in another case."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Show the name in capitals."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        body = answer.body.replace(b'{"id":"acme","type":"organizations"}', self.shown)
        return Response(answer.status, answer.headers, body)

    shown = b'{"id":"ACME","type":"organizations"}'


class Hidden(Cased):
    """A server that doesn't show the organization of a run task."""

    shown = b"null"


@pytest.mark.parametrize("server", [Cased, Hidden])
def test_the_organization_is_compared_without_case_if_it_is_shown(
    server: type[Simulator],
) -> None:
    """Organization names are case-insensitive."""
    world = world_of_a_workspace_token(workspaces=1, server=server)
    assert len(world.plan(job(operation={"task": world.task.id})).operations) == 1


def test_a_name_that_looks_like_an_id_is_found() -> None:
    """If no run task has that id, it is a name."""
    world = World(workspaces=1)
    name = "task-BBBBBBBBBBBBBBBB"
    task = world.simulator.add_task(name)
    plan = world.plan(job(operation={"task": name}))
    assert plan.resolved.task is not None
    assert plan.resolved.task.id == task.id


def test_a_run_task_is_read_once_and_the_list_once() -> None:
    """A plan needs one request per id, and one list for all names."""
    for operation in ({"task": TASK}, {"task": ""}):
        world = World(workspaces=1)
        world.plan(job(operation={"task": operation["task"] or world.task.id}))
        assert len(world.wire.asked) == 5


def test_a_failing_server_is_not_a_missing_run_task() -> None:
    """A server error is raised as it is."""

    class Broken(Simulator):
        def handle(self, request: Request, now: float, **more: object) -> Response:
            if request.path.startswith("/api/v2/tasks/"):
                return Response(422, {}, b"{}")
            return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on

    world = World(workspaces=1, server=Broken)
    with pytest.raises(BulkopsError, match="422"):
        world.plan(job(operation={"task": world.task.id}))
