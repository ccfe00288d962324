"""What the suites over all kinds know of each: a world that needs it, and what is so afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from bulkops.errors import JobError
from bulkops.operations import KINDS
from bulkops.operations.model import Over
from bulkops.simulator.effects import Snapshot, snapshot
from bulkops.simulator.state import Task, Workspace
from tests.engine.world import MANDATORY, OLD_TASK, TASK, World, job


class Case(NamedTuple):
    """One kind.

    Attributes:
        writes: methods by which each target is brought to the wish, in their order.
        before: the simulator's fields of each target, such that they are needed.
        after: those afterwards.
    """

    writes: tuple[str, ...]
    before: Mapping[str, Any] = MappingProxyType({})
    after: Mapping[str, Any] = MappingProxyType({})


CASES = {
    "attach": Case(("POST",)),
    "update": Case(("PATCH",)),
    "detach": Case(("DELETE",)),
    "replace": Case(("POST", "DELETE")),
    "task-enable": Case(("PATCH",), {"enabled": False}, {"enabled": True}),
    "task-disable": Case(("PATCH",), {"enabled": True}, {"enabled": False}),
    "task-delete": Case(("DELETE",)),
    "task-rotate-hmac": Case(("PATCH",), {"hmac_key": None}, {"hmac_key": "the key of the tests"}),
    "task-update": Case(
        ("PATCH",),
        after={
            "url": "https://run-tasks.example/new",
            "description": "Moved.",
            "agent_pool": "apool-1",
        },
    ),
    "workspace-update": Case(("PATCH",), after={"terraform_version": "1.14.0", "auto_apply": True}),
}
ATTACHMENTS = ("attach", "update", "detach")
"""The kinds that write one attachment with each workspace."""

WRITE_ONLY = "task-rotate-hmac"
"""The kind whose effect nobody can read back: it is repeated instead, and always planned."""

REVERSIBLE = [kind for kind in KINDS if KINDS[kind].reversible]


def world_for(kind: str, workspaces: int | None = None, **options: Any) -> World:
    """Return a world in which every target, or one where no number is given, needs all writes."""
    if workspaces is None:
        workspaces = 0 if KINDS[kind].over is Over.EVERY else 1
    world = World(
        workspaces=workspaces,
        attached=kind not in ("attach", "replace"),
        replacing=kind == "replace",
        **options,
    )
    _set(world, kind, CASES[kind].before)
    return world


def fulfilled(kind: str, workspaces: int) -> World:
    """Return a world in which no target needs any."""
    world = World(workspaces=workspaces, attached=kind != "detach")
    if kind == "replace":
        world.simulator.add_task(OLD_TASK)
    if kind == "task-delete":
        world.simulator.remove_task(TASK)
    for record in _workspaces(world):
        for task in record.tasks.values():
            task.enforcement_level = "mandatory"
    _set(world, kind, CASES[kind].after)
    return world


def targets(world: World, kind: str) -> list[str]:
    """Return the names of what the kind's job goes over."""
    over = KINDS[kind].over
    return world.names if over is Over.SELECTED else [*(world.names * (over is Over.EVERY)), TASK]


def once(world: World, kind: str) -> dict[str, int]:
    """Return the effects where every target saw each write once."""
    return dict.fromkeys(targets(world, kind), len(CASES[kind].writes))


def check_done(world: World, kind: str) -> None:
    """Check that every target is as wanted, by each of its writes exactly once."""
    if kind == "replace":
        assert world.all_shown(OLD_TASK) == [[]] * len(world.names)
    if kind in (*ATTACHMENTS, "replace"):
        assert world.all_shown() == [[] if kind == "detach" else MANDATORY] * len(world.names)
    if kind == "task-delete":
        assert not world.simulator.world.organizations["acme"].tasks
    for record in _targets(world, kind):
        after = CASES[kind].after
        assert {name: getattr(record, name) for name in after} == after
    if kind == WRITE_ONLY:
        assert set(world.effects()) == {TASK}
        return
    assert world.effects() == once(world, kind)


def check_nothing_left(world: World, kind: str) -> None:
    """Check that a plan has nothing to do, and nothing that it can't do."""
    if kind == "task-delete":
        with pytest.raises(JobError, match="no such run task in acme"):
            world.plan(job(kind))
        return
    plan = world.plan(job(kind))
    if kind == WRITE_ONLY:
        assert (len(plan.operations), plan.skips) == (1, [])
        return
    assert [skip.target.name for skip in plan.skips] == sorted(targets(world, kind))
    assert (plan.operations, plan.blocked) == ([], [])


def everything(world: World) -> dict[str, list[Snapshot]]:
    """Return all that can be changed of run tasks, workspaces and attachments; not their ids."""
    records: list[Task | Workspace] = [world.task, *_workspaces(world)]
    found = {record.name: [snapshot(record)] for record in records}
    for record in _workspaces(world):
        found[record.name] += map(snapshot, record.tasks.values())
    return found


def _targets(world: World, kind: str) -> list[Task | Workspace]:
    return [world.task] if KINDS[kind].over is Over.TASK else [*_workspaces(world)]


def _workspaces(world: World) -> list[Workspace]:
    return list(world.simulator.world.workspaces.values())


def _set(world: World, kind: str, fields: Mapping[str, Any]) -> None:
    for record in _targets(world, kind):
        for name, value in fields.items():
            setattr(record, name, value)
