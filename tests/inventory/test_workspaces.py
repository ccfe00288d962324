"""Reading a selection from the server: what is asked for, and that the answer is the same."""

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
EXCLUDING = {"exclude_names", "exclude_tags", "lacks_task", "limit"}
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "names": st.lists(globs, min_size=1, max_size=2),
    "exclude_names": st.lists(globs, min_size=1, max_size=1),
    "tags": st.lists(tags, min_size=1, max_size=2),
    "exclude_tags": st.lists(tags, min_size=1, max_size=2),
    "project": st.just("p"),
    "listed": st.lists(words, max_size=3),
    "where": st.just(["locked = false"]),
    "has_task": st.just(TASK),
    "lacks_task": st.just(TASK),
    "limit": st.integers(1, 3),
}


def of_fields(fields: frozenset[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a selection that says something about these."""
    every = {"all": st.just(value=True)} if fields <= EXCLUDING else {}
    return st.fixed_dictionaries({**{name: FIELDS[name] for name in sorted(fields)}, **every})


# Few at a time: of all together, little is ever selected.
selects = st.frozensets(st.sampled_from(sorted(FIELDS)), max_size=2).flatmap(of_fields)


def read(world: World, *, why: bool = False, **select: Any) -> Selected:
    """Read a selection."""
    desired = job(select={"all": select == {}, "allow_empty": True, **select})

    async def asked() -> Selected:
        return await read_selection(world.client(), desired, "job.toml", why=why)

    return world.run(asked)


def names(selected: Selected) -> list[str]:
    """Return the names of the selected."""
    return [target.name for target in selected.targets]


def reasons(selected: Selected) -> dict[str, str]:
    """Return name → reason of the others."""
    return {other.target.name: other.reason for other in selected.others}


@settings(max_examples=200)
@given(organizations, bindings, selects, st.sets(st.integers(0, 5)))
def test_the_servers_filters_change_nothing(
    workspaces: list[dict[str, object]],
    inherited: dict[str, str],
    select: dict[str, Any],
    attached: set[int],
) -> None:
    """A list the server has narrowed gives the same selection as the whole one."""
    world = World(workspaces=0)
    world.simulator.add_project("p", tag_bindings=inherited)
    for number, workspace in enumerate(workspaces):
        world.simulator.add_workspace(**workspace)  # type: ignore[arg-type] # drawn as they are
        if number in attached:
            world.simulator.attach(str(workspace["name"]), TASK)
    narrowed = read(world, **select)
    whole = read(world, why=True, **select)
    assert narrowed.targets == whole.targets
    told = {other.target.name for other in whole.others}
    assert len(told) == len(whole.others)
    assert told | set(names(whole)) == {str(w["name"]) for w in workspaces}
    assert told.isdisjoint(names(whole))


def asked_for(world: World) -> list[dict[str, str]]:
    """Watch the queries of the workspace list."""
    queries: list[dict[str, str]] = []
    handle = world.simulator.handle

    def watched(request: Request, now: float, **more: object) -> Response:
        if request.path.endswith("/workspaces"):
            queries.append(dict(request.query))
        return handle(request, now, **more)  # type: ignore[arg-type] # passed on

    world.simulator.handle = watched  # type: ignore[method-assign] # to watch
    return queries


def test_with_why_the_server_leaves_out_nothing() -> None:
    """Each workspace that is not selected comes with its first reason."""
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
    told = read(world, why=True, **select)
    assert "search[wildcard-name]" not in queries[1]
    assert names(told) == ["prod-1"]
    assert reasons(told) == {
        "dev-0": 'its name matches none of names = ["prod-*"]',
        "prod-0": 'its name matches none of only = ["prod-1", "prod-2"]',
        "prod-2": "it comes after the first 1 by name (limit)",
    }


def test_only_what_is_asked_for_is_read() -> None:
    """Tag bindings are included where tags are asked for, and only there."""
    world = World(workspaces=1)
    queries = asked_for(world)
    read(world)
    read(world, where=["locked = false"])
    read(world, tags=["x"])
    assert [query.get("include") for query in queries] == [None, None, "effective_tag_bindings"]


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
    """Conditions are decided on the server's own attributes."""
    world = World(workspaces=3)
    one, two, three = (workspace(world, name) for name in world.names)
    one.terraform_version, two.execution_mode, three.locked = "1.5.7", "agent", True
    assert names(read(world, where=[condition])) == selected


@pytest.mark.parametrize("select", [{"where": ["run-failures < 3"]}, {"tags": ["x"]}])
def test_a_selection_that_is_not_shown_stops_the_plan(select: dict[str, Any]) -> None:
    """An attribute or tag bindings that the server doesn't show select nothing silently."""
    world = World(workspaces=2, profile="hcp-linked-tags")
    with pytest.raises(BulkopsError, match=r"nobody knows .* selects 2 workspaces") as stopped:
        read(world, **select)
    assert stopped.value.exit_code == 1
    told = read(world, why=True, **select)
    assert names(told) == []
    assert all("is not known" in reason for reason in reasons(told).values())
    assert told.notes == [
        "select: nobody knows whether it selects 2 workspaces, so that nothing is planned"
    ]


def workspace(world: World, name: str) -> Workspace:
    """Return the simulator's workspace."""
    return world.simulator.world.organizations["acme"].workspaces[name]


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202401-1", "tfe-v202401-1-none-included"])
@pytest.mark.parametrize("by", ["name", "id"])
def test_a_task_that_is_attached_or_not(profile: str, by: str) -> None:
    """has_task and lacks_task divide the workspaces, also where only their own lists tell."""
    world = World(workspaces=4, profile=profile)
    task = TASK if by == "name" else world.task.id
    world.simulator.add_task("other")
    world.simulator.attach("prod-1", TASK)
    world.simulator.attach("prod-2", "other")
    assert names(read(world, has_task=task)) == ["prod-1"]
    assert names(read(world, all=True, lacks_task=task)) == ["prod-0", "prod-2", "prod-3"]
    assert names(read(world, has_task="other", lacks_task=task)) == ["prod-2"]
    told = read(world, has_task=task, why=True)
    assert reasons(told)["prod-2"] == f'run task "{task}" is not attached'


class Denied(Simulator):
    """A server that doesn't let this token read the run tasks of one workspace."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer 404 for the tasks of the first workspace."""
        (first, *_) = self.world.workspaces or [""]
        if request.path.endswith(f"/workspaces/{first}/tasks"):
            return Response(404, {}, b"{}")
        return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on


def test_a_workspace_whose_tasks_can_not_be_read_stops_the_plan() -> None:
    """What can't be read is not known: neither attached nor not."""
    world = World(workspaces=2, profile="tfe-v202401-1", server=Denied)
    doubt = "its run tasks are not known: this token may not read them"
    for field in ("has_task", "lacks_task"):
        select: dict[str, Any] = {"all": field == "lacks_task", field: TASK}
        assert reasons(read(world, why=True, **select))["prod-0"] == doubt
        with pytest.raises(BulkopsError, match=r"selects 1 workspace, so"):
            read(world, **select)
    others: dict[str, Any] = {"all": True, "lacks_task": TASK, "exclude_names": ["prod-0"]}
    assert names(read(world, **others)) == ["prod-1"]


@pytest.mark.parametrize("kind", ["attach", "detach"])
def test_a_workspace_whose_tasks_can_not_be_read_is_blocked(kind: str) -> None:
    """Nobody knows whether it has the run task: it is neither attached anew nor passed over."""
    world = World(workspaces=3, profile="tfe-v202401-1-none-included", server=Denied)
    world.simulator.attach("prod-0", TASK)
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    plan = world.plan(job(kind))
    assert [o.target.name for o in plan.operations] == ["prod-2" if kind == "attach" else "prod-1"]
    (blocked,) = plan.blocked
    assert blocked.target.name == "prod-0"
    assert blocked.reason == "its run tasks are not known: this token may not read them"


def test_a_run_task_that_excludes_nothing_is_noted() -> None:
    """lacks_task excludes, too, and may do so in vain."""
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
def test_a_list_that_is_denied_for_a_moment_drops_no_workspace(
    select: dict[str, Any], selected: list[str], status: str
) -> None:
    """Where each workspace's own list is read: once denied, it is read again past ``settle``."""
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
        ({"all": True, "only": ["prod-9"]}, '"prod-9" (--select, or only) names no workspace'),
        ({"file": "a.csv"}, 'select.file = "a.csv" was not read: load_job reads it'),
        ({"names": ["x"], "allow_empty": False}, "no workspace fits [select]"),
    ],
)
def test_what_names_nothing_is_an_error(select: dict[str, Any], message: str) -> None:
    """A run task, project or workspace that isn't there is named, with what there is."""
    with pytest.raises(JobError) as caught:
        read(World(workspaces=1), **select)
    assert message in str(caught.value)


class Old(Simulator):
    """A server from before tag bindings, which refuses what it can't include."""

    status = 400

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Refuse ``include``."""
        if dict(request.query).get("include") == "effective_tag_bindings":
            return Response(self.status, {}, b'{"errors": []}')
        return super().handle(request, now, **more)  # type: ignore[arg-type] # passed on


class Broken(Old):
    """A server that answers nothing to it."""

    status = 409


@pytest.mark.parametrize("profile", ["tfe-v202402-1", "tfe-v202401-1"])
def test_without_tag_bindings_a_tag_is_its_name(profile: str) -> None:
    """An older server selects by tag names; key=value can't be decided there."""
    world = World(workspaces=1, server=Old, profile=profile)
    world.simulator.add_workspace("tagged", tags=["x"])
    assert names(read(world, tags=["x"])) == ["tagged"]
    assert names(read(world, all=True, exclude_tags=["x"])) == ["prod-0"]
    with pytest.raises(BulkopsError, match=r'it has exclude_tags \["x=1"\] is not known'):
        read(world, all=True, exclude_tags=["x=1"])
    with pytest.raises(ApiError, match="409"):
        read(World(workspaces=1, server=Broken), tags=["x"])


class Silent(Simulator):
    """A server that overlooks ``include``."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer as if it had not been asked for."""
        query = tuple(pair for pair in request.query if pair[0] != "include")
        asked = msgspec.structs.replace(request, query=query)
        return super().handle(asked, now, **more)  # type: ignore[arg-type] # passed on


def test_bindings_that_are_not_shown_are_not_known() -> None:
    """Links without data: neither "has it" nor "has it not", by key=value or by key alone."""
    world = World(workspaces=1, server=Silent)
    world.simulator.add_workspace("tagged", tags=["legacy"])
    for tag in ("x=1", "legacy"):
        told = read(world, all=True, exclude_tags=[tag], why=True)
        doubt = f'whether it has exclude_tags ["{tag}"] is not known: the server doesn'
        assert reasons(told)["prod-0"].startswith(doubt)
    told = read(world, all=True, exclude_tags=["legacy"], why=True)
    assert reasons(told)["tagged"] == 'it has exclude_tags ["legacy"]'
    everything_else: dict[str, Any] = {
        "all": True,
        "exclude_tags": ["legacy"],
        "exclude_names": ["prod-*"],
    }
    assert names(read(world, allow_empty=True, **everything_else)) == []


class Partly(Simulator):
    """A server whose links lead to what it doesn't include."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Leave the included out."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        return msgspec.structs.replace(answer, body=answer.body.replace(b'"included"', b'"left"'))


def test_bindings_that_are_linked_but_missing_are_not_known() -> None:
    """A link to a tag binding that isn't there makes them unknown, not absent."""
    world = World(workspaces=0, server=Partly)
    world.simulator.add_workspace("a", tag_bindings={"x": "1"})
    world.simulator.add_workspace("b")
    told = read(world, all=True, exclude_tags=["x=2"], why=True)
    assert (names(told), list(reasons(told))) == (["b"], ["a"])


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
    """A server whose workspace is the documentation's sample, changed by a test."""

    sample: Any = SAMPLE

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer the list of workspaces."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        if not request.path.endswith("/workspaces"):
            return answer
        body = msgspec.json.encode({"data": [self.sample]})
        return msgspec.structs.replace(answer, body=body)


def documented(**changes: dict[str, object]) -> World:
    """Return a world of the one workspace of the sample, parts of it exchanged or left out."""
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
    """Links without data, null or absent: no value is made up, and nothing is planned."""
    world = documented(**{part: shown})
    world.simulator.add_project("p")
    with pytest.raises(BulkopsError, match=r"selects 1 workspace, so that nothing is planned"):
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
def test_what_is_shown_or_does_not_matter_decides(
    shown: dict[str, object], select: dict[str, Any], selected: list[str]
) -> None:
    """Empty is none; what another field leaves out needs no bindings."""
    world = documented(relationships=shown)
    world.simulator.add_project("p")
    assert names(read(world, **select)) == selected


class Unplaced(Simulator):
    """A server that links to the workspaces and run tasks of attachments, and shows neither."""

    member = "workspace"

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Take the data of one relationship away."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        if not request.path.endswith("/relationships/workspace-tasks"):
            return answer
        document = msgspec.json.decode(answer.body)
        for row in document["data"]:
            row["relationships"][self.member] = {"links": {}}
        return msgspec.structs.replace(answer, body=msgspec.json.encode(document))


class Untasked(Unplaced):
    """Nor of which run task they are."""

    member = "task"


@pytest.mark.parametrize("server", [Unplaced, Untasked])
@pytest.mark.parametrize("select", [{"has_task": TASK}, {"all": True, "lacks_task": TASK}])
def test_attachments_of_nobody_knows_what_are_no_answer(
    server: type[Simulator], select: dict[str, Any]
) -> None:
    """A list that doesn't say where the run task is attached doesn't say that it is nowhere."""
    world = World(workspaces=2, server=server, attached=True)
    with pytest.raises(ApiError, match="it is unknown where the run task is attached"):
        read(world, **select)
    with pytest.raises(ApiError, match="it is unknown where the run task is attached"):
        world.plan(job())
