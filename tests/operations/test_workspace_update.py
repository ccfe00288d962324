"""``workspace-update``: all settings, and how the agent pool depends on the mode."""

from __future__ import annotations

from typing import Any

import pytest

from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.states import Outcome
from bulkops.operations.kinds.workspace_update import WorkspaceUpdateSpec
from bulkops.operations.model import Observed, Skip, Target
from bulkops.report.model import exit_code
from bulkops.simulator.state import Workspace
from tests.engine.world import PATH, World
from tests.engine.worlds import everything
from tests.kinds import bound

UNDO = PATH.with_name("undo.jsonl")
AGENTS = {"execution_mode": "agent", "agent_pool_id": "apool-1"}


def job(**operation: object) -> Job:
    """Return a job with only these settings."""
    document = {"name": "scan", "organization": "acme", "select": {"all": True}}
    return job_from_builtins({**document, "operation": {"kind": "workspace-update", **operation}})


def records(world: World) -> list[Workspace]:
    """Return the current state of the workspaces."""
    return list(world.simulator.world.workspaces.values())


@pytest.mark.parametrize(
    ("spec", "after"),
    [
        ({"description": "Owned by payments."}, {"description": "Owned by payments."}),
        ({"assessments_enabled": True}, {"assessments_enabled": True}),
        (AGENTS, {"execution_mode": "agent", "agent_pool": "apool-1"}),
        (
            {**AGENTS, "assessments_enabled": True, "description": "x", "auto_apply": True},
            {"agent_pool": "apool-1", "assessments_enabled": True, "description": "x"},
        ),
    ],
    ids=str,
)
def test_each_setting_is_written_verified_and_undone(
    spec: dict[str, object], after: dict[str, object]
) -> None:
    """One request per workspace; a second plan is empty; undo restores the setting."""
    world = World(workspaces=2)
    before = everything(world)
    assert exit_code(world.apply(job(**spec))) == 0
    assert len(world.wire.writes) == 2
    for record in records(world):
        assert {name: getattr(record, name) for name in after} == after
    assert world.plan(job(**spec)).operations == []
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert everything(world) == before


def test_mode_and_pool_are_restored_together() -> None:
    """The server removes the pool with the mode, so only undo has to send it."""
    world = World(workspaces=1)
    (record,) = records(world)
    record.execution_mode, record.agent_pool = "agent", "apool-7"
    world.apply(job(execution_mode="remote"))
    assert {record.execution_mode, record.agent_pool} == {"remote", None}
    assert b"agent-pool" not in world.wire.writes[0].body
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert (record.execution_mode, record.agent_pool) == ("agent", "apool-7")


def test_if_only_the_pool_differs_only_the_pool_is_sent() -> None:
    """A workspace that has both is skipped."""
    world = World(workspaces=2)
    for record, pool in zip(records(world), ("apool-1", "apool-2"), strict=True):
        record.execution_mode, record.agent_pool = "agent", pool
    replay = world.apply(job(**AGENTS))
    assert (replay.count(Outcome.SUCCEEDED), len(replay.skips)) == (1, 1)
    (sent,) = world.wire.writes
    assert b'"agent-pool-id":"apool-1"' in sent.body
    assert b"execution-mode" not in sent.body


@pytest.mark.parametrize(
    "spec", [{"execution_mode": "agent"}, {"agent_pool_id": "apool-1"}], ids=str
)
def test_mode_and_pool_require_each_other(spec: dict[str, Any]) -> None:
    """A spec with only one of the two is refused."""
    with pytest.raises(ValueError, match="and `agent_pool_id` require each other"):
        WorkspaceUpdateSpec(**spec)


def test_a_pool_that_no_agents_use_is_not_hidden() -> None:
    """From remote to agent the pool is set; if the mode isn't shown, the skip is blocked."""
    kind = bound("workspace-update", **AGENTS)
    shown: dict[str, object] = {"terraform-version": "1.5.7", "auto-apply": False}
    for mode, blocked in (({"execution-mode": "remote"}, False), ({}, True)):
        shows = {**shown, **mode}
        observed = [Observed("ws-1", shows)]
        (decision,) = kind.decide(Target("ws-1", "prod"), {"": {"ws-1": observed}})
        assert isinstance(decision, Skip) == blocked
