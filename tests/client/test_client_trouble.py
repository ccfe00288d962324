"""The typed client against the simulator with refusals, faults and limits."""

from __future__ import annotations

import pytest

from bulkops.api.endpoints import RunTaskChange
from bulkops.clock import Clock
from bulkops.errors import (
    NoResponse,
    NotFoundOrForbidden,
    RequestRejected,
    ServerBroken,
    Unauthorized,
)
from bulkops.simulator.state import User
from tests.client.simulated import client_of, organization

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]

NOWHERE = "ws-1111111111111111"


async def test_each_documented_refusal_has_its_exception() -> None:
    """401, 404 and 422 from every endpoint that documents them raise their exceptions."""
    simulator = organization(tokens={"t": User(name="ann"), "ro": User.read_only("bob")})
    workspace_id = next(iter(simulator.world.workspaces))
    (task_id,) = simulator.world.tasks
    bad = RunTaskChange(name="new", url="no url")
    async with client_of(simulator) as client:
        tasks, attached = client.run_tasks, client.workspace_tasks
        for call in (
            tasks.create("nowhere", bad),
            tasks.list("nowhere"),
            tasks.show("task-1"),
            tasks.update("task-1", bad),
            tasks.delete("task-1"),
            attached.attach(NOWHERE, task_id, "advisory"),
            attached.attach(workspace_id, "task-1", "advisory"),
            attached.list(NOWHERE),
            attached.show(workspace_id, "wstask-1"),
            attached.update(workspace_id, "wstask-1", enforcement_level="advisory"),
            attached.detach(workspace_id, "wstask-1"),
            client.workspaces.list("nowhere"),
            client.workspaces.show("acme", "nowhere"),
            client.entitlements("nowhere"),
            client.projects("nowhere"),
        ):
            with pytest.raises(NotFoundOrForbidden, match="or this token can't"):
                await call
        await attached.attach(workspace_id, task_id, "advisory")
        for call in (
            tasks.create("acme", bad),
            tasks.update(task_id, bad),
            attached.attach(workspace_id, task_id, "advisory"),
            tasks.delete(task_id),
        ):
            with pytest.raises(RequestRejected, match="422"):
                await call
    async with client_of(simulator, user="ro") as client:
        with pytest.raises(NotFoundOrForbidden):
            await client.run_tasks.delete(task_id)
    async with client_of(simulator, user="wrong") as client:
        with pytest.raises(Unauthorized, match="expired or revoked"):
            await client.run_tasks.list("acme")


@pytest.mark.parametrize("fault", ["500-after", "502-after", "504-after", "close-after", "cut"])
async def test_a_write_whose_answer_is_lost_is_sent_once(fault: str) -> None:
    """The write takes effect once, and the caller gets an error that leaves it in doubt."""
    simulator = organization()
    workspace_id = next(iter(simulator.world.workspaces))
    (task_id,) = simulator.world.tasks
    async with client_of(simulator, faults=f"POST:{fault}=100%") as client:
        with pytest.raises((ServerBroken, NoResponse)) as caught:
            await client.workspace_tasks.attach(workspace_id, task_id, "advisory")
    assert getattr(caught.value, "sent", True)
    assert len(simulator.effects) == 1


async def test_reads_survive_every_kind_of_fault() -> None:
    """Reads are correct even if a third of all answers is broken in different ways."""
    simulator = organization()
    faults = "GET:503=6%,GET:502-html=6%,GET:close-before=6%,GET:reset-after=6%,GET:cut=6%"
    async with client_of(simulator, faults=faults) as client:
        names = [[one.name for one in await client.workspaces.list("acme")] for _ in range(12)]
    assert names == [["prod-0", "prod-1", "prod-2", "ws-odd"]] * 12
    assert sum(simulator.stats.faults.values()) > 0


async def test_a_limit_lower_than_announced_is_waited_for() -> None:
    """429s caused by another client only cost time."""
    simulator = organization()
    async with client_of(simulator, faults="GET:429=30%", clock=Clock()) as client:
        for _ in range(5):
            assert len(await client.workspaces.list("acme")) == 4
        assert simulator.stats.faults["429"] > 0
