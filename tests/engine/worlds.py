"""The worlds of ``tests.kinds``: those in which a kind has work, and the state after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bulkops.errors import JobError
from bulkops.operations import KINDS
from bulkops.operations.model import Scope
from bulkops.simulator.effects import Snapshot, snapshot
from bulkops.simulator.state import Task, Workspace
from tests.engine.world import World, job
from tests.kinds import CASES, OLD_TASK, TASK

REVERSIBLE = [kind for kind in KINDS if KINDS[kind].reversible]


def world_for(kind: str, workspaces: int | None = None, **options: Any) -> World:
    """Return a world in which every target (one by default) needs all writes of the kind."""
    if workspaces is None:
        workspaces = 0 if KINDS[kind].scope is Scope.EVERY else 1
    world = World(
        workspaces=workspaces,
        attached=CASES[kind].attached,
        replacing=CASES[kind].replacing,
        **options,
    )
    _set(world, kind, CASES[kind].before)
    return world


def fulfilled(kind: str, workspaces: int) -> World:
    """Return a world in which no target needs a write."""
    case = CASES[kind]
    world = World(workspaces=workspaces, attached=case.leaves.get(TASK) != [])
    if case.replacing:
        world.simulator.add_task(OLD_TASK)
    if case.gone:
        world.simulator.remove_task(TASK)
    for record in _workspaces(world):
        for task in record.tasks.values():
            task.enforcement_level = "mandatory"
    _set(world, kind, CASES[kind].after)
    return world


def targets(world: World, kind: str) -> list[str]:
    """Return the names of the targets of the kind's job."""
    scope = KINDS[kind].scope
    return (
        world.names if scope is Scope.SELECTED else [*(world.names * (scope is Scope.EVERY)), TASK]
    )


def once(world: World, kind: str) -> dict[str, int]:
    """Return the effects if every target gets each write once."""
    return dict.fromkeys(targets(world, kind), len(CASES[kind].writes))


def check_done(world: World, kind: str) -> None:
    """Check that every target is as desired, after each of its writes exactly once."""
    case = CASES[kind]
    for name in world.names:
        check_shown(world, kind, name)
    if case.gone:
        assert not world.simulator.world.organizations["acme"].tasks
    for record in _targets(world, kind):
        assert {name: getattr(record, name) for name in case.after} == case.after
    if case.write_only:
        assert set(world.effects()) == {TASK}
        return
    assert world.effects() == once(world, kind)


def check_shown(world: World, kind: str, workspace: str) -> None:
    """Check that a workspace is as desired."""
    case = CASES[kind]
    for task, shown in case.leaves.items():
        assert world.shown(workspace, task) == shown
    if KINDS[kind].scope is Scope.SELECTED:
        record = world.simulator.world.organizations["acme"].workspaces[workspace]
        assert {name: getattr(record, name) for name in case.after} == case.after


def check_nothing_left(world: World, kind: str) -> None:
    """Check that a plan has no operations, and nothing blocked."""
    if CASES[kind].gone:
        with pytest.raises(JobError, match="no such run task in acme"):
            world.plan(job(kind))
        return
    plan = world.plan(job(kind))
    if CASES[kind].write_only:
        assert (len(plan.operations), plan.skips) == (1, [])
        return
    assert [skip.target.name for skip in plan.skips] == sorted(targets(world, kind))
    assert (plan.operations, plan.blocked) == ([], [])


def everything(world: World) -> dict[str, list[Snapshot]]:
    """Return the attributes of all run tasks, workspaces and attachments, without ids."""
    records: list[Task | Workspace] = [world.task, *_workspaces(world)]
    found = {record.name: [snapshot(record)] for record in records}
    for record in _workspaces(world):
        found[record.name] += map(snapshot, record.tasks.values())
    return found


def _targets(world: World, kind: str) -> list[Task | Workspace]:
    return [world.task] if KINDS[kind].scope is Scope.TASK else [*_workspaces(world)]


def _workspaces(world: World) -> list[Workspace]:
    return list(world.simulator.world.workspaces.values())


def _set(world: World, kind: str, fields: Mapping[str, Any]) -> None:
    for record in _targets(world, kind):
        for name, value in fields.items():
            setattr(record, name, value)
