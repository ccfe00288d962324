"""Reading a selection from the server: which requests are sent, and what is selected."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.api.messages import Request, Response
from bulkops.errors import ApiError, BulkopsError, JobError
from bulkops.inventory.model import Selected
from bulkops.inventory.workspaces import read_selection
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Workspace
from tests.engine.scripts import reads_back
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK

words = st.text("ab", min_size=1, max_size=3)
globs = st.text("ab*?", min_size=1, max_size=3)
tags = st.sampled_from(["x", "y", "x=1", "x=2", "y=", "z=1"])
bindings = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["", "1", "2"]), max_size=2)
organizations = st.lists(
    st.fixed_dictionaries(
        {
            "name": words,
            "project": st.sampled_from(["", "p"]),
            "tags": st.lists(st.sampled_from("xyz"), max_size=2, unique=True),
            "tag_bindings": bindings,
            "locked": st.booleans(),
        }
    ),
    max_size=6,
    unique_by=lambda workspace: workspace["name"],
)
EXCLUDING = {"exclude_names", "exclude_tags", "exclude_projects", "lacks_task", "limit"}
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "names": st.lists(globs, min_size=1, max_size=2),
    "exclude_names": st.lists(globs, min_size=1, max_size=1),
    "tags": st.lists(tags, min_size=1, max_size=2),
    "exclude_tags": st.lists(tags, min_size=1, max_size=2),
    "project": st.just("p"),
    "projects": st.lists(st.sampled_from(["p", "Default*", "prj-1234567812345678"]), min_size=1),
    "exclude_projects": st.just(["p"]),
    "listed": st.lists(words, max_size=3),
    "where": st.just(["locked = false"]),
    "has_task": st.just(TASK),
    "lacks_task": st.just(TASK),
    "limit": st.integers(1, 3),
}


def of_fields(fields: frozenset[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a selection that refers to these workspaces."""
    every = {"all": st.just(value=True)} if fields <= EXCLUDING else {}
    return st.fixed_dictionaries({**{name: FIELDS[name] for name in sorted(fields)}, **every})


# Few fields at a time: all together would rarely select anything.
selects = st.frozensets(st.sampled_from(sorted(FIELDS)), max_size=2).flatmap(of_fields)


def read(world: World, *, why: bool = False, **select: Any) -> Selected:
    """Read a selection."""
    desired = job(select={"all": select == {}, "allow_empty": True, **select})

    async def asked() -> Selected:
        return await read_selection(world.client(), desired, "job.toml", why=why)

    return world.run(asked)


def names(selected: Selected) -> list[str]:
    """Return the names of the selected workspaces."""
    return [target.name for target in selected.targets]


def reasons(selected: Selected) -> dict[str, str]:
    """Return name → reason for the other workspaces."""
    return {other.target.name: other.reason for other in selected.others}


@settings(max_examples=200)
@given(organizations, bindings, selects, st.sets(st.integers(0, 5)))
def test_the_servers_filters_change_nothing(
    workspaces: list[dict[str, object]],
    inherited: dict[str, str],
    select: dict[str, Any],
    attached: set[int],
) -> None:
    """A list that the server filtered gives the same selection as the whole list."""
    world = World(workspaces=0)
    world.simulator.add_project("p", tag_bindings=inherited)
    for number, workspace in enumerate(workspaces):
        world.simulator.add_workspace(**workspace)  # type: ignore[arg-type] # drawn as they are
        if number in attached:
            world.simulator.attach(str(workspace["name"]), TASK)
    narrowed = read(world, **select)
    whole = read(world, why=True, **select)
    assert narrowed.targets == whole.targets
    result = {other.target.name for other in whole.others}
    assert len(result) == len(whole.others)
    assert result | set(names(whole)) == {str(w["name"]) for w in workspaces}
    assert result.isdisjoint(names(whole))


def asked_for(world: World) -> list[dict[str, str]]:
    """Record the queries of the workspace list."""
    queries: list[dict[str, str]] = []
    handle = world.simulator.handle

    def watched(request: Request, now: float, **more: object) -> Response:
        if request.path.endswith("/workspaces"):
            queries.append(dict(request.query))
        return handle(request, now, **more)  # type: ignore[arg-type] # passed on

    world.simulator.handle = watched  # type: ignore[method-assign] # to watch
    return queries


def test_with_why_no_filters_are_sent() -> None:
    """With ``--why``, each workspace that is not selected has its first reason."""
    world = World(workspaces=3)
    world.simulator.add_workspace("dev-0", locked=True, tag_bindings={"env": "dev"})
    queries = asked_for(world)
    select: dict[str, Any] = {
        "names": ["prod-*"],
        "exclude_tags": ["env=prod"],
        "only": ["prod-1", "prod-2"],
        "limit": 1,
    }
    assert names(read(world, **select)) == ["prod-1"]
    assert "search[wildcard-name]" in queries[0]
    result = read(world, why=True, **select)
    assert "search[wildcard-name]" not in queries[1]
    assert names(result) == ["prod-1"]
    assert reasons(result) == {
        "dev-0": 'its name matches none of names = ["prod-*"]',
        "prod-0": 'its name matches none of only = ["prod-1", "prod-2"]',
        "prod-2": "it is not among the first 1 by name (limit)",
    }


def test_tag_bindings_are_read_only_if_needed() -> None:
    """Tag bindings are included only if the selection uses tags."""
    world = World(workspaces=1)
    queries = asked_for(world)
    read(world)
    read(world, where=["locked = false"])
    read(world, tags=["x"])
    assert [query.get("include") for query in queries] == [
        *("project", "project", "project,effective_tag_bindings")
    ]


@pytest.mark.parametrize(
    ("condition", "selected"),
    [
        ("terraform-version < 1.6", ["prod-0"]),
        ("terraform-version >= 1.6", ["prod-1", "prod-2"]),
        ("execution-mode = agent", ["prod-1"]),
        ("locked = true", ["prod-2"]),
        ("updated-at < 2026-11-25", ["prod-0", "prod-1", "prod-2"]),
        ("resource-count > 0", []),
        ("description =", ["prod-0", "prod-1", "prod-2"]),
        ("auto-destroy-at > 2020-01-01", []),
    ],
)
def test_where_selects_by_what_the_server_shows(condition: str, selected: list[str]) -> None:
    """Conditions are evaluated on the server's attributes."""
    world = World(workspaces=3)
    one, two, three = (workspace(world, name) for name in world.names)
    one.terraform_version, two.execution_mode, three.locked = "1.5.7", "agent", True
    assert names(read(world, where=[condition])) == selected


@pytest.mark.parametrize("select", [{"where": ["run-failures < 3"]}, {"tags": ["x"]}])
def test_a_selection_that_is_not_shown_stops_the_plan(select: dict[str, Any]) -> None:
    """Hidden attributes or tag bindings stop the plan instead of selecting nothing silently."""
    world = World(workspaces=2, profile="hcp-linked-tags")
    with pytest.raises(BulkopsError, match=r"doesn't show whether .* 2 workspaces") as stopped:
        read(world, **select)
    assert stopped.value.exit_code == 1
    result = read(world, why=True, **select)
    assert names(result) == []
    assert all("is unknown" in reason for reason in reasons(result).values())
    assert result.notes == [
        "select: the server doesn't show whether it selects 2 workspaces: nothing is planned"
    ]


def workspace(world: World, name: str) -> Workspace:
    """Return the workspace in the simulator."""
    return world.simulator.world.organizations["acme"].workspaces[name]


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202401-1", "tfe-v202401-1-none-included"])
@pytest.mark.parametrize("by", ["name", "id"])
def test_a_task_that_is_attached_or_not(profile: str, by: str) -> None:
    """has_task and lacks_task divide the workspaces, also on servers without a list by task."""
    world = World(workspaces=4, profile=profile)
    task = TASK if by == "name" else world.task.id
    world.simulator.add_task("other")
    world.simulator.attach("prod-1", TASK)
    world.simulator.attach("prod-2", "other")
    assert names(read(world, has_task=task)) == ["prod-1"]
    assert names(read(world, all=True, lacks_task=task)) == ["prod-0", "prod-2", "prod-3"]
    assert names(read(world, has_task="other", lacks_task=task)) == ["prod-2"]
    result = read(world, has_task=task, why=True)
    assert reasons(result)["prod-2"] == f'run task "{task}" is not attached'


class Denied(Simulator):
    """A server on which this token can't read the run tasks of one workspace."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer 404 for the tasks of the first workspace."""
        (first, *_) = self.world.workspaces or [""]
        if request.path.endswith(f"/workspaces/{first}/tasks"):
            return Response(404, {}, b"{}")
        return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on


def test_a_workspace_whose_tasks_can_not_be_read_stops_the_plan() -> None:
    """If the run tasks can't be read, has_task and lacks_task can't be decided."""
    world = World(workspaces=2, profile="tfe-v202401-1", server=Denied)
    doubt = "its run tasks are unknown: this token can't read them"
    for field in ("has_task", "lacks_task"):
        select: dict[str, Any] = {"all": field == "lacks_task", field: TASK}
        assert reasons(read(world, why=True, **select))["prod-0"] == doubt
        with pytest.raises(BulkopsError, match=r"selects 1 workspace, so"):
            read(world, **select)
    others: dict[str, Any] = {"all": True, "lacks_task": TASK, "exclude_names": ["prod-0"]}
    assert names(read(world, **others)) == ["prod-1"]


@pytest.mark.parametrize("kind", ["attach", "detach"])
def test_a_workspace_whose_tasks_can_not_be_read_is_blocked(kind: str) -> None:
    """It is unknown whether it has the run task, so it is neither changed nor skipped."""
    world = World(workspaces=3, profile="tfe-v202401-1-none-included", server=Denied)
    world.simulator.attach("prod-0", TASK)
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    plan = world.plan(job(kind))
    assert [o.target.name for o in plan.operations] == ["prod-2" if kind == "attach" else "prod-1"]
    (blocked,) = plan.blocked
    assert blocked.target.name == "prod-0"
    assert blocked.reason == "its run tasks are unknown: this token can't read them"


def test_a_run_task_that_excludes_nothing_is_noted() -> None:
    """lacks_task is an exclusion, and gets a note if it excludes nothing."""
    world = World(workspaces=2)
    assert read(world, all=True, lacks_task=TASK).notes == [
        f'select: lacks_task "{TASK}" excludes no workspace'
    ]
    world.simulator.attach("prod-0", TASK)
    assert read(world, all=True, lacks_task=TASK).notes == []


@pytest.mark.parametrize("status", ["403", "404"])
@pytest.mark.parametrize(
    ("select", "selected"),
    [
        ({"has_task": TASK}, ["prod-0", "prod-1"]),
        ({"all": True, "lacks_task": TASK}, ["prod-2", "prod-3"]),
    ],
)
def test_a_temporarily_denied_list_drops_no_workspace(
    select: dict[str, Any], selected: list[str], status: str
) -> None:
    """A workspace's list that was denied is read again after ``settle``."""
    world = World(workspaces=4, profile="tfe-v202401-1-none-included")
    world.simulator.add_task("other")
    for name in world.names:
        world.simulator.attach(name, TASK if name in ("prod-0", "prod-1") else "other")
    denied = Trouble(status)
    world.wire.troubles = reads_back(denied, None, denied, None)
    assert names(read(world, **select)) == selected
    assert 10 < world.elapsed - world.pause < 12


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"has_task": "scam"}, 'job.toml: select.has_task = "scam": no such run task in acme, or '),
        ({"all": True, "lacks_task": "x"}, "select.lacks_task"),
        (
            {"project": "x"},
            'select.project = "x": no such project in acme, or this',
        ),
        ({"all": True, "only": ["prod-9"]}, '"prod-9" (--select, or only) matches no workspace'),
        ({"file": "a.csv"}, 'select.file = "a.csv" was not read: use load_job'),
        ({"names": ["x"], "allow_empty": False}, "no workspace matches [select]"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error(select: dict[str, Any], message: str) -> None:
    """The error names the missing run task, project or workspace, and lists what exists."""
    with pytest.raises(JobError) as caught:
        read(World(workspaces=1), **select)
    assert message in str(caught.value)


class Old(Simulator):
    """A server without tag bindings, which refuses to include them."""

    status = 400

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Refuse ``include``."""
        if "effective_tag_bindings" in dict(request.query).get("include", ""):
            return Response(self.status, {}, b'{"errors": []}')
        return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on


class Broken(Old):
    """A server that answers 409 to it."""

    status = 409


@pytest.mark.parametrize("profile", ["tfe-v202402-1", "tfe-v202401-1"])
def test_without_tag_bindings_a_tag_is_its_name(profile: str) -> None:
    """On an older server, tags are names, and key=value can't be decided."""
    world = World(workspaces=1, server=Old, profile=profile)
    world.simulator.add_workspace("tagged", tags=["x"])
    assert names(read(world, tags=["x"])) == ["tagged"]
    assert names(read(world, all=True, exclude_tags=["x"])) == ["prod-0"]
    with pytest.raises(BulkopsError, match=r'it has exclude_tags \["x=1"\] is unknown'):
        read(world, all=True, exclude_tags=["x=1"])
    with pytest.raises(ApiError, match="409"):
        read(World(workspaces=1, server=Broken), tags=["x"])


class Silent(Simulator):
    """A server that ignores ``include``."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer without the included data."""
        query = tuple(pair for pair in request.query if pair[0] != "include")
        asked = msgspec.structs.replace(request, query=query)
        return super().handle(asked, now, **more)  # type: ignore[arg-type] # passed on


def test_bindings_that_are_not_shown_are_unknown() -> None:
    """With links but no data, neither key=value nor key can be decided."""
    world = World(workspaces=1, server=Silent)
    world.simulator.add_workspace("tagged", tags=["legacy"])
    for tag in ("x=1", "legacy"):
        result = read(world, all=True, exclude_tags=[tag], why=True)
        doubt = f'whether it has exclude_tags ["{tag}"] is unknown: the server doesn'
        assert reasons(result)["prod-0"].startswith(doubt)
    result = read(world, all=True, exclude_tags=["legacy"], why=True)
    assert reasons(result)["tagged"] == 'it has exclude_tags ["legacy"]'
    everything_else: dict[str, Any] = {
        "all": True,
        "exclude_tags": ["legacy"],
        "exclude_names": ["prod-*"],
    }
    assert names(read(world, allow_empty=True, **everything_else)) == []


class Partly(Simulator):
    """A server that links to tag bindings and doesn't include them."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Remove the included data."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        return msgspec.structs.replace(answer, body=answer.body.replace(b'"included"', b'"left"'))


def test_bindings_that_are_linked_but_missing_are_unknown() -> None:
    """A link to a missing tag binding makes them unknown, not absent."""
    world = World(workspaces=0, server=Partly)
    world.simulator.add_workspace("a", tag_bindings={"x": "1"})
    world.simulator.add_workspace("b")
    result = read(world, all=True, exclude_tags=["x=2"], why=True)
    assert (names(result), list(reasons(result))) == (["b"], ["a"])


SAMPLE: dict[str, Any] = {
    "id": "ws-SihZTyXKfNXUWuUa",
    "type": "workspaces",
    "attributes": {"name": "prod-0", "tag-names": [], "locked": False},
    "relationships": {
        "project": {"data": {"id": "prj-1", "type": "projects"}},
        "effective-tag-bindings": {"links": {"related": "/api/v2/…"}},
        "tag-bindings": {"links": {"related": "/api/v2/…"}},
    },
}


class Documented(Simulator):
    """A server with the workspace of the API documentation's sample, changed by a test."""

    sample: Any = SAMPLE

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Replace the list of workspaces."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        if not request.path.endswith("/workspaces"):
            return answer
        body = msgspec.json.encode({"data": [self.sample]})
        return msgspec.structs.replace(answer, body=body)


def documented(**changes: dict[str, object]) -> World:
    """Return a world with the sample's workspace, parts of it changed or removed."""
    world = World(workspaces=0, server=Documented)
    parts = {part: {**SAMPLE[part], **value} for part, value in changes.items()}
    kept = {
        part: {k: v for k, v in value.items() if v is not msgspec.UNSET}
        for part, value in parts.items()
    }
    assert isinstance(world.simulator, Documented)
    world.simulator.sample = {**SAMPLE, **kept}
    return world


GONE = msgspec.UNSET
LINKS = {"links": {"related": "/api/v2/…"}}


@pytest.mark.parametrize(
    ("part", "shown", "select"),
    [
        ("relationships", {}, {"all": True, "exclude_tags": ["env=prod"]}),
        ("relationships", {}, {"all": True, "exclude_tags": ["legacy"]}),
        ("relationships", {}, {"tags": ["legacy"]}),
        (
            "relationships",
            {"effective-tag-bindings": None},
            {"all": True, "exclude_tags": ["legacy"]},
        ),
        (
            "relationships",
            {"effective-tag-bindings": {"data": None}},
            {"all": True, "exclude_tags": ["legacy"]},
        ),
        (
            "relationships",
            {"effective-tag-bindings": GONE},
            {"all": True, "exclude_tags": ["legacy"]},
        ),
        (
            "relationships",
            {"effective-tag-bindings": GONE, "tag-bindings": GONE},
            {"all": True, "exclude_tags": ["env=prod"]},
        ),
        ("relationships", {"project": LINKS}, {"project": "p"}),
        ("relationships", {"project": None}, {"project": "p"}),
        ("relationships", {"project": GONE}, {"project": "p"}),
        ("attributes", {"tag-names": GONE}, {"all": True, "exclude_tags": ["legacy"]}),
        ("attributes", {"tag-names": None}, {"tags": ["legacy"]}),
        ("attributes", {"locked": None}, {"where": ["locked = false"]}),
        ("attributes", {"locked": GONE}, {"where": ["locked != true"]}),
        ("attributes", {}, {"where": ["terraform-version < 1.6"]}),
        ("attributes", {"name": GONE}, {"all": True, "exclude_names": ["prod-*"]}),
        ("attributes", {"name": GONE}, {"names": ["prod-*"]}),
        ("attributes", {"name": GONE}, {"listed": ["prod-0"]}),
    ],
)
def test_whatever_a_selection_reads_and_is_not_shown_stops_it(
    part: str, shown: dict[str, object], select: dict[str, Any]
) -> None:
    """Links without data, null or absent: the value is unknown, and nothing is planned."""
    world = documented(**{part: shown})
    world.simulator.add_project("p")
    with pytest.raises(BulkopsError, match=r"selects 1 workspace, so nothing is planned"):
        read(world, allow_empty=False, **select)


@pytest.mark.parametrize(
    ("shown", "select", "selected"),
    [
        ({}, {"all": True}, ["prod-0"]),
        ({}, {"names": ["prod-*"]}, ["prod-0"]),
        ({}, {"all": True, "exclude_tags": ["env=prod"], "exclude_names": ["prod-0"]}, []),
        (
            {"effective-tag-bindings": {"data": []}},
            {"all": True, "exclude_tags": ["legacy", "env=prod"]},
            ["prod-0"],
        ),
        (
            {"effective-tag-bindings": GONE, "tag-bindings": GONE},
            {"all": True, "exclude_tags": ["legacy"]},
            ["prod-0"],
        ),
        ({"project": {"data": None}}, {"project": "p"}, []),
    ],
)
def test_shown_or_irrelevant_values_do_not_stop_it(
    shown: dict[str, object], select: dict[str, Any], selected: list[str]
) -> None:
    """Empty means none, and a workspace that another field leaves out needs no bindings."""
    world = documented(relationships=shown)
    world.simulator.add_project("p")
    assert names(read(world, **select)) == selected


class Unplaced(Simulator):
    """A server that shows attachments without their workspaces."""

    member = "workspace"

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Remove the data of one relationship."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        if not request.path.endswith("/relationships/workspace-tasks"):
            return answer
        document = msgspec.json.decode(answer.body)
        for row in document["data"]:
            row["relationships"][self.member] = {"links": {}}
        return msgspec.structs.replace(answer, body=msgspec.json.encode(document))


class Untasked(Unplaced):
    """A server that shows attachments without their run tasks."""

    member = "task"


@pytest.mark.parametrize("server", [Unplaced, Untasked])
@pytest.mark.parametrize("select", [{"has_task": TASK}, {"all": True, "lacks_task": TASK}])
def test_incomplete_attachments_are_an_error(
    server: type[Simulator], select: dict[str, Any]
) -> None:
    """A list that doesn't show where the run task is attached can't mean "nowhere"."""
    world = World(workspaces=2, server=server, attached=True)
    with pytest.raises(ApiError, match="it is unknown where the run task is attached"):
        read(world, **select)
    with pytest.raises(ApiError, match="it is unknown where the run task is attached"):
        world.plan(job())
