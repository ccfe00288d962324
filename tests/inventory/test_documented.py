"""Documented samples in which one member is missing, null or of another type.

Whatever it is, the plan is the same as without it, or the member is named. So nothing is ever
decided by a member that could not be read.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pytest

from bulkops.api import pages
from bulkops.api.messages import Request, Response
from bulkops.errors import BulkopsError
from bulkops.job.job import Job
from bulkops.operations.model import Skip
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
POOL, OTHER_POOL = "apool-QxGd2tRjympfMvQc", "apool-yoGUFz5zcRMMz53i"


def _with_agents() -> Any:
    """Return the workspaces in an agent pool, as the same page documents it."""
    document = copy.deepcopy(SAMPLES["workspaces"])
    for row in document["data"]:
        row["attributes"]["execution-mode"] = "agent"
        row["relationships"]["agent-pool"] = {"data": {"id": POOL, "type": "agent-pools"}}
    return document


SAMPLES["workspaces_with_agents"] = _with_agents()
AGENTS = {**SERVER, "/organizations/acme/workspaces": "workspaces_with_agents"}
"""The same of a server whose workspaces run in an agent pool."""
GONE = object()
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
    # One is only the name of a tag, the other only the key of a binding.
    {"all": True, "exclude_tags": ["billing"]},
    {"all": True, "exclude_tags": ["env"]},
    NARROW,
    {"has_task": "security-scan"},
    {"all": True, "lacks_task": "security-scan"},
]
JOBS = [
    # With allow_empty, selecting too little is a wrong plan. The error that nothing is selected
    # would repeat the selection, and so name the member by chance.
    *(
        job("attach", operation={"task": "security-scan"}, select={**select, "allow_empty": True})
        for select in SELECTS
    ),
    job("detach", operation={"task": "security-scan"}),
    job("task-disable", operation={"task": "security-scan"}),
    job("task-update", operation={"task": SCAN, "description": "Scans a plan"}),
    job("task-delete", operation={"task": "security-scan"}),
    job("workspace-lock"),
    job("workspace-update", operation={"terraform_version": "1.9.8", "auto_apply": True}),
]


POOLED = [
    job("workspace-update", operation={"execution_mode": "agent", "agent_pool_id": pool})
    for pool in (POOL, OTHER_POOL)
]
"""One wants the pool that they have, the other one another."""


Path_: TypeAlias = tuple[str | int, ...]


class Change(NamedTuple):
    """One change of a sample.

    Attributes:
        path: the keys and indices that lead to the member.
        value: its new value, ``GONE`` to remove it.
    """

    sample: str
    path: Path_
    value: object

    def made(self, document: Any) -> Any:
        """Return the changed sample, or a page of it."""
        document = copy.deepcopy(document)
        *parents, last = self.path
        place = document
        for key in parents:
            place = place[key]
        if self.value is GONE:
            place.pop(last)
        else:
            place[last] = self.value
        return document


FACTS: set[tuple[str, object]] = {
    ("attributes/stages", GONE),
    ("attributes/value", None),
    ("attributes/description", None),
    ("relationships/agent-pool", GONE),
    ("relationships/agent-pool/data", None),
    ("relationships/project/data", None),
    ("attributes/resource-count", None),
}
"""Changes with a documented meaning: a server with one stage per attachment, a tag without a value,
a run task without a description or an agent pool, a workspace without a project or resources."""


class Documented(Simulator):
    """A server that answers reads with the samples, one of which is changed."""

    paths: Mapping[str, str]
    change: Change | None
    read: set[str]
    size = 100

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
        self.read.add(name)
        changed = self.change is not None and self.change.sample == name
        whole = SAMPLES[name]
        if self.size < 100 and isinstance(whole["data"], list):
            number = int(dict(request.query)["page[number]"])
            whole = page_of(whole, number, self.size)
        document = self.change.made(whole) if self.change and changed else whole
        return Response(200, {}, msgspec.json.encode(document))


def page_of(document: Any, number: int, size: int) -> Any:
    """Return a page of a list, with the members that the API documents for paging."""
    rows = document["data"]
    pages = math.ceil(len(rows) / size)
    following = number + 1 if number < pages else None
    pagination = {
        "current-page": number,
        "page-size": size,
        "prev-page": number - 1 or None,
        "next-page": following,
        "total-pages": pages,
        "total-count": len(rows),
    }
    link = f"https://tfe.example/list?page%5Bnumber%5D={following}" if following else None
    return {
        **document,
        "data": rows[(number - 1) * size : number * size],
        "links": {"self": "https://tfe.example/list", "next": link},
        "meta": {"pagination": pagination},
    }


def planned(
    asked: Job, paths: Mapping[str, str], change: Change | None = None, size: int = 100
) -> tuple[Plan | BulkopsError, set[str]]:
    """Return the plan of a job on such a server, or its error, and the samples that it read."""
    world = World(workspaces=0, server=Documented)
    server = world.simulator
    assert isinstance(server, Documented)
    server.paths, server.change, server.read, server.size = paths, change, set(), size
    try:
        return world.plan(asked), server.read
    except BulkopsError as error:
        return error, server.read


def members(part: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every member of every object and every entry of every list, however deep."""
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(part, dict):
        inner = part.items()
    elif isinstance(part, list):
        inner = enumerate(part)
    for key, value in inner:
        yield (*path, key), value
        yield from members(value, (*path, key))


OTHERS: Sequence[object] = (GONE, None, 7, "odd", True, [], {})


def changes(
    sample: str, others: Sequence[object] = OTHERS, document: Any = None
) -> Iterator[Change]:
    """Yield every change of one member: missing, null, and of each other type.

    Args:
        document: the members that are changed, if they aren't the sample's own.
    """
    for path, value in members(document or SAMPLES[sample]):
        where = "/".join(key for key in path if isinstance(key, str) and key != "data")
        where = f"{where}/data" if path[-1] == "data" else where
        for other in others:
            if any(where.endswith(end) and other is one for end, one in FACTS):
                continue
            if other is GONE:
                # A row less is another list, not one that can't be read.
                fits = isinstance(path[-1], str)
            elif value is None:
                # Null may stand for any plain value, so that one would be another fact.
                fits = isinstance(other, list | dict)
            else:
                fits = type(other) is not type(value)
            if fits:
                yield Change(sample, path, other)


def decided(plan: Plan) -> dict[str, object]:
    """Return what a plan decides about each target, by id: a name may be unknown."""
    by_target: dict[str, object] = {skip.target.id: skip for skip in plan.skips if skip.blocked}
    for one in plan.operations:
        by_target[one.target.id] = (one.aspect, one.before, one.desired)
    return by_target


def wrong_about(change: Change, plan: Plan, right: Plan) -> dict[str, object]:
    """Return what is decided otherwise, unless it is blocked by name."""
    before, after = decided(right), decided(plan)
    differing = {i: after.get(i) for i in before.keys() | after if before.get(i) != after.get(i)}
    return {
        ident: one
        for ident, one in differing.items()
        if not (isinstance(one, Skip) and names(change, one.reason))
    }


def names(change: Change, words: str) -> bool:
    """Return whether a message names the member, what contains it, or what was in it."""
    place = SAMPLES[change.sample]
    for key in change.path:
        place = place.get(key) if isinstance(place, dict) else place[key]
    keys = {*change.path, *itertools.chain(*(path for path, _ in members(place)))}
    named = {key for key in keys if isinstance(key, str)}
    forms = named.union(key.removeprefix("effective-").replace("-", " ") for key in named)
    # A relationship is compared by the id in it: agent-pool-id.
    forms |= {f"{key}-id" for key in named}
    return any(re.search(rf"(?<![\w-]){re.escape(form)}(?![\w-])", words) for form in forms)


CASES = [
    (paths, sample)
    for paths in (SERVER, OLDER)
    for sample in sorted(set(paths.values()))
    if paths is SERVER or sample not in SERVER.values()
]


def mistakes(
    asked: Job, paths: Mapping[str, str], sample: str, others: Sequence[object] = OTHERS
) -> list[object]:
    """Return the changes of a sample that change what a job's plan decides, and how."""
    right, read = planned(asked, paths)
    assert not isinstance(right, BulkopsError), right
    found: list[object] = []
    for change in changes(sample, others) if sample in read else ():
        plan, _ = planned(asked, paths, change)
        if isinstance(plan, BulkopsError):
            if not names(change, str(plan)):
                found.append((change, str(plan)))
        elif wrong := wrong_about(change, plan, right):
            found.append((change, wrong))
    return found


@pytest.mark.parametrize("sample", sorted(set(SERVER.values())))
def test_a_member_that_is_null_decides_nothing(sample: str) -> None:
    """A job that selects by everything has the same plan, or an error that names the member."""
    assert mistakes(JOBS[SELECTS.index(NARROW)], SERVER, sample, [None]) == []


@pytest.mark.long
@pytest.mark.parametrize("asked", JOBS, ids=lambda asked: asked.kind)
@pytest.mark.parametrize(("paths", "sample"), CASES, ids=[sample for _, sample in CASES])
def test_one_member_that_can_not_be_read_decides_nothing(
    paths: Mapping[str, str], sample: str, asked: Job
) -> None:
    """The plan is the same, or an error or a blocked target names the member."""
    assert mistakes(asked, paths, sample) == []


@pytest.mark.parametrize("sample", ["run_tasks", "workspaces"])
def test_a_list_whose_paging_can_not_be_read_is_not_cut_short(
    monkeypatch: pytest.MonkeyPatch, sample: str
) -> None:
    """Whatever a page shows of the next one: the plan is the same, or an error names the member."""
    monkeypatch.setattr(pages, "PAGE_SIZE", 1)
    asked = job("attach", operation={"task": "security-scan"}, select={"all": True})
    right, _ = planned(asked, SERVER, size=1)
    assert isinstance(right, Plan)
    assert decided(right) == decided(whole(planned(asked, SERVER)[0]))
    first = {name: page_of(SAMPLES[sample], 1, 1)[name] for name in ("links", "meta")}
    for change in changes(sample, document=first):
        plan, _ = planned(asked, SERVER, change, size=1)
        if isinstance(plan, BulkopsError):
            assert names(change, str(plan)), (change, str(plan))
        else:
            assert decided(plan) == decided(right), change


@pytest.mark.parametrize("asked", POOLED, ids=["as desired", "another"])
def test_a_related_id_that_can_not_be_read_decides_nothing(asked: Job) -> None:
    """A workspace whose agent pool isn't known is blocked; only null means that it has none."""
    name = "workspaces_with_agents"
    right, _ = planned(asked, AGENTS)
    related = ("data", 1, "relationships", "agent-pool")
    for path in (related, (*related, "data"), (*related, "data", "id")):
        for other in OTHERS:
            if (path[-1] == "data" and other is None) or (path[-1] == "id" and other == "odd"):
                continue
            change = Change(name, path, other)
            plan, _ = planned(asked, AGENTS, change)
            differing = wrong_about(change, whole(plan), whole(right))
            blocked = decided(whole(plan))[PROD_APP]
            assert differing == {}, (change, differing)
            assert isinstance(blocked, Skip), change


def whole(plan: Plan | BulkopsError) -> Plan:
    """Return a plan that is no error."""
    assert isinstance(plan, Plan), plan
    return plan
