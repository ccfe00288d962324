"""Documented samples in which one member is missing, null or of another type.

Whatever it is, the plan is the same as without it, or the member is named. So nothing is ever
decided by a member that could not be read.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.errors import BulkopsError
from bulkops.job.job import Job
from bulkops.plan.model import Plan
from bulkops.simulator.core import Simulator
from tests.engine.world import World, job

FOLDER = Path(__file__).parent / "documented"
SCAN = "task-7oD7doVTQdAFnMLV"
PROD_APP = "ws-DRTHJQ4iKyHyY6Zf"
SERVER = {
    "/organizations/acme/tasks": "run_tasks",
    "/organizations/acme/workspaces": "workspaces",
    "/organizations/acme/projects": "projects",
    "/organizations/acme/entitlement-set": "entitlement_set",
    f"/tasks/{SCAN}/relationships/workspace-tasks": "run_task_attachments",
}
"""Path → the sample that a current server answers."""

OLDER = {
    **{path: name for path, name in SERVER.items() if "relationships" not in path},
    f"/tasks/{SCAN}": "run_task_of_an_older_server",
    f"/workspaces/{PROD_APP}/tasks": "workspace_tasks",
}
"""The same of a server without the list of a run task's attachments."""

SAMPLES: dict[str, Any] = {
    path.stem: msgspec.json.decode(path.read_bytes()) for path in FOLDER.glob("*.json")
}
GONE = "gone"
EMPTY: dict[str, Any] = {"data": []}

NARROW = {
    "names": ["*-app"],
    "tags": ["env=prod"],
    "exclude_tags": ["legacy"],
    "project": "platform",
    "where": ["locked = false", "terraform-version < 1.6", "resource-count > 2"],
}
SELECTS: list[dict[str, Any]] = [
    {"all": True, "exclude_tags": ["legacy", "env=dev"]},
    {"all": True, "exclude_names": ["*-old"]},
    NARROW,
    {"has_task": "security-scan"},
    {"all": True, "lacks_task": "security-scan"},
]
JOBS = [
    *(job("attach", operation={"task": "security-scan"}, select=select) for select in SELECTS),
    job("detach", operation={"task": "security-scan"}),
    job("task-disable", operation={"task": "security-scan"}),
    job("task-update", operation={"task": SCAN, "description": "Scans a plan"}),
    job("task-delete", operation={"task": "security-scan"}),
    job("workspace-lock"),
    job("workspace-update", operation={"terraform_version": "1.9.8", "auto_apply": True}),
]


class Change(NamedTuple):
    """One change of a sample.

    Attributes:
        path: the keys and indices that lead to the member.
        value: its new value, ``GONE`` to remove it.
    """

    sample: str
    path: tuple[str | int, ...]
    value: object

    def made(self) -> Any:
        """Return the changed sample."""
        document = copy.deepcopy(SAMPLES[self.sample])
        *parents, last = self.path
        place = document
        for key in parents:
            place = place[key]
        if self.value is GONE:
            del place[last]
        else:
            place[last] = self.value
        return document


class Documented(Simulator):
    """A server that answers reads with the samples, one of which is changed."""

    paths: Mapping[str, str]
    change: Change | None = None

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer from a sample."""
        path = request.path.removeprefix("/api/v2")
        if path == "/ping":
            return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        name = self.paths.get(path)
        if name is None and path.startswith("/workspaces/"):
            return Response(200, {}, msgspec.json.encode(EMPTY))
        if name is None:
            return Response(404)
        changed = self.change is not None and self.change.sample == name
        document = self.change.made() if self.change and changed else SAMPLES[name]
        return Response(200, {}, msgspec.json.encode(document))


def planned(asked: Job, paths: Mapping[str, str], change: Change | None = None) -> Plan:
    """Return the plan of a job on such a server."""
    world = World(workspaces=0, server=Documented)
    assert isinstance(world.simulator, Documented)
    world.simulator.paths, world.simulator.change = paths, change
    return world.plan(asked)


def members(
    part: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every member of every object, however deep."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield (*path, name), value
            yield from members(value, (*path, name))
    if isinstance(part, list):
        for index, value in enumerate(part):
            yield (*path, index), value
            yield from members(value, (*path, index))


def changes(sample: str) -> Iterator[Change]:
    """Yield every change of one member: missing, null, and of each other type."""
    for path, value in members(SAMPLES[sample]):
        # A row less is another list, not one that can't be read.
        if isinstance(path[-1], str):
            yield Change(sample, path, GONE)
        for other in (None, 7, "odd", True, [], {}):
            if type(other) is not type(value):
                yield Change(sample, path, other)


def decided(plan: Plan) -> object:
    """Return what a plan decides, without what the server showed beside it."""
    return plan.operations, [skip for skip in plan.skips if "doesn't show" not in skip.reason]


def names(change: Change, words: str) -> bool:
    """Return whether a message names the member, or the one that contains it."""
    plain = words.replace(" ", "-")
    return any(str(key) in plain for key in change.path if isinstance(key, str))


CASES = [
    (paths, sample)
    for paths in (SERVER, OLDER)
    for sample in sorted(set(paths.values()))
    if paths is SERVER or sample not in SERVER.values()
]


@pytest.mark.parametrize(("paths", "sample"), CASES, ids=[sample for _, sample in CASES])
def test_one_member_that_can_not_be_read_decides_nothing(
    paths: Mapping[str, str], sample: str
) -> None:
    """The plan is the same, or an error or a blocked target names the member."""
    wrong = []
    for asked, change in itertools.product(JOBS, changes(sample)):
        right = planned(asked, paths)
        try:
            plan = planned(asked, paths, change)
        except BulkopsError as refused:
            if not names(change, str(refused)):
                wrong.append((asked.operation_kind, change, str(refused)))
            continue
        if decided(plan) != decided(right):
            wrong.append((asked.operation_kind, change, plan.operations, plan.skips))
    assert wrong == []
