"""Selecting by projects: what is selected, what is unknown, and what is noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from bulkops.api.messages import Request, Response
from bulkops.api.resources import Workspace
from bulkops.errors import BulkopsError, JobError
from bulkops.inventory.filters import server_filters
from bulkops.inventory.matcher import Matcher, RecordedMatcher
from bulkops.inventory.selection import WorkspaceRows
from bulkops.inventory.selection_notes import unmatched_notes
from bulkops.inventory.workspaces import read_selection
from bulkops.job.select import Select
from bulkops.journal.states import Outcome
from bulkops.plan.model import Plan
from bulkops.simulator.core import Simulator
from tests.engine.world import PATH, World, job
from tests.kinds import TASK

UNDO = PATH.with_name("undo.jsonl")
IDENT, OTHER = "prj-hwHhBaLm6oWHZJKM", "prj-AAAABBBBCCCCDDDD"


def in_project(ident: str | UnsetType | None, name: str = "", workspace: str = "ws-1") -> Workspace:
    """Return a workspace of a project."""
    return Workspace(workspace, f"prod-{workspace[3:]}", project_id=ident, project_name=name)


def words(select: Select, workspace: Workspace) -> tuple[str, bool]:
    """Return why a workspace is not selected, and whether that is known; empty if it is."""
    objection = Matcher(select, None).judge(workspace).objection
    return (objection.words, objection.known) if objection else ("", True)


@pytest.mark.parametrize("entry", ["sandbox", "sand*", IDENT, "re:(sand|play)box"])
def test_an_entry_is_a_name_an_id_or_a_pattern(entry: str) -> None:
    """The same entry selects and excludes; a workspace of no project is in none."""
    sandbox, none = in_project(IDENT, "sandbox"), in_project(None)
    data = in_project(OTHER, "data")
    selecting = Select(projects=("x", entry))
    assert words(selecting, sandbox) == ("", True)
    entries = f'projects = ["x", "{entry}"]'
    assert words(selecting, data) == (f'its project "data" matches none of {entries}', True)
    assert words(selecting, none) == (f"it is in no project, so in none of {entries}", True)
    excluding = Select(all=True, exclude_projects=("x", entry))
    matched = f'its project "sandbox" matches exclude_projects ["{entry}"]'
    assert words(excluding, sandbox) == (matched, True)
    assert words(excluding, data) == words(excluding, none) == ("", True)


def test_a_project_that_is_not_shown_is_unknown() -> None:
    """Neither in a project nor outside it; of one without its name, only its id is known."""
    hidden, nameless = in_project(UNSET), in_project(IDENT)
    for select in (Select(projects=("sandbox",)), Select(all=True, exclude_projects=("sandbox",))):
        field = "projects" if select.projects else "exclude_projects"
        doubt = f'whether it is in {field} ["sandbox"] is unknown: the server doesn\'t show '
        assert words(select, hidden) == (f"{doubt}its project", False)
        assert words(select, nameless) == (f"{doubt}the name of its project {IDENT}", False)
    assert words(Select(projects=(IDENT,)), nameless) == ("", True)
    assert words(Select(all=True, exclude_projects=(OTHER,)), nameless) == ("", True)
    assert words(Select(projects=(OTHER,)), nameless)[1]
    # Whatever its project is, another field leaves it out.
    assert words(Select(projects=("sandbox",), names=("dev-*",)), hidden)[1]
    assert words(Select(all=True, exclude_names=("*",), exclude_projects=("x",)), hidden)[1]


def test_an_entry_that_means_nothing_is_noted() -> None:
    """Most of these are typing errors, as with names."""
    select = Select(projects=("data", "dta", OTHER), exclude_projects=("x", "y*"))
    rows = WorkspaceRows(select, None)
    rows.add(in_project(IDENT, "data"))
    rows.add(in_project(OTHER, "platform", "ws-2"))
    assert [target.project for target in rows.selected().targets] == ["data", "platform"]
    seen = "; the workspaces read are in: data, platform"
    assert list(rows.selected().notes) == [
        f'select: exclude_projects "x" excludes no workspace{seen}',
        'select: exclude_projects "y*" excludes no workspace',
    ]
    found = rows.selected()
    assert list(unmatched_notes(select, found.targets, found.project_names)) == [
        f'select: projects "dta" selects no workspace{seen}'
    ]
    assert not list(
        unmatched_notes(select.narrowed(["prod-*"]), found.targets, found.project_names)
    )


def test_an_exclusion_that_differs_only_in_case_is_an_error() -> None:
    """It would have excluded nothing."""
    rows = WorkspaceRows(Select(all=True, exclude_projects=("Sandbox",)), None)
    rows.add(in_project(IDENT, "sandbox"))
    with pytest.raises(JobError) as caught:
        rows.exclusions.check("job.toml")
    assert str(caught.value) == (
        'job.toml: select.exclude_projects: "Sandbox" excludes no workspace: matching is '
        "case-sensitive, and it differs only in case from the project of prod-1: write it as the "
        "server does"
    )
    (note,) = rows.selected().notes
    assert note.endswith("workspaces whose projects differ only in case: prod-1")


def test_the_server_filters_by_a_single_id() -> None:
    """A name may be a pattern, and several ids can't be sent."""
    assert server_filters(Select(projects=(IDENT,)), None) == {"filter[project][id]": IDENT}
    for entries in ((IDENT, OTHER), ("data",), ("prj-*",)):
        assert server_filters(Select(projects=entries), None) == {}


@pytest.mark.parametrize(
    ("select", "selected", "never"),
    [
        (Select(projects=("pay*",)), ["payments"], ["data"]),
        (Select(projects=("pay*", IDENT)), ["payments", "data"], []),
        (
            Select(all=True, exclude_projects=("pay*", IDENT)),
            ["data", "", IDENT[:-1]],
            ["payments"],
        ),
    ],
)
def test_a_journal_is_judged_by_the_project_that_it_has(
    select: Select, selected: Sequence[str], never: Sequence[str]
) -> None:
    """An operation in a project that its job can't select is not the job's; an id may be any."""
    recorded = RecordedMatcher(select)
    assert all(recorded.may_select("ws-1", "prod-1", project) for project in selected)
    assert not any(recorded.may_select("ws-1", "prod-1", project) for project in never)
    assert recorded.may_select("ws-1", "prod-1")


def organization(*, server: type[Simulator] = Simulator) -> World:
    """Return one with workspaces in two projects, and ``prod-0`` in the default one."""
    world = World(workspaces=1, server=server)
    for project in ("sandbox", "payments"):
        world.simulator.add_project(project)
        world.simulator.add_workspace(f"{project}-1", project=project)
    return world


def planned(world: World, **select: Any) -> Plan:
    """Return a plan of a selection."""
    return world.plan(job(select=select))


def names(plan: Plan) -> dict[str, str]:
    """Return name → project of the workspaces of a plan."""
    return {one.target.name: one.target.project for one in plan.operations}


def test_a_plan_has_the_workspaces_of_its_projects() -> None:
    """Each with its project's name, without another request."""
    world = organization()
    plan = planned(world, all=True, exclude_projects=["sandbox"])
    assert names(plan) == {"payments-1": "payments", "prod-0": "Default Project"}
    assert plan.projects == {"payments": 1, "Default Project": 1}
    requests = len(world.wire.asked)
    assert names(planned(world, projects=["s*", "nix"])) == {"sandbox-1": "sandbox"}
    assert len(world.wire.asked) == 2 * requests
    (note,) = planned(world, projects=["s*", "nix"]).notes
    assert note == (
        'select: projects "nix" selects no workspace; the workspaces read are in: '
        "Default Project, payments, sandbox"
    )


class OldServer(Simulator):
    """A server without projects, which refuses to include them."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Refuse ``include``, and show no project."""
        if "include" in dict(request.query):
            return Response(400, {}, b'{"errors": []}')
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        return msgspec.structs.replace(answer, body=answer.body.replace(b'"project":', b'"none":'))


def test_a_server_without_projects_is_no_error() -> None:
    """The project is empty, unless the job selects by it: then the plan stops."""
    world = organization(server=OldServer)
    plan = planned(world, all=True)
    assert set(names(plan).values()) == {""}
    assert plan.projects == {}
    for select in ({"projects": ["sandbox"]}, {"all": True, "exclude_projects": ["sandbox"]}):
        with pytest.raises(BulkopsError, match="is unknown: the server doesn't show its project"):
            planned(world, **select)


class Unnamed(Simulator):
    """A server that includes nothing, as if this token could read no project."""

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer without the included data."""
        query = tuple(pair for pair in request.query if pair[0] != "include")
        asked = msgspec.structs.replace(request, query=query)
        return super().handle(asked, now, **more)  # type: ignore[arg-type] # passed on


def test_a_project_without_a_name_is_its_id() -> None:
    """A plan needs no right to read projects; it stops only if it depends on a name."""
    world = organization(server=Unnamed)
    owned = world.simulator.world.organizations["acme"].projects
    assert names(planned(world, all=True))["sandbox-1"] == owned["sandbox"].id
    assert names(planned(world, projects=[owned["sandbox"].id])).keys() == {"sandbox-1"}
    with pytest.raises(BulkopsError, match="the server doesn't show the name of its project prj-"):
        planned(world, projects=["sandbox"])


def test_why_names_what_is_unknown() -> None:
    """``workspaces --why`` lists the reasons."""
    world = organization(server=Unnamed)
    asked = job(select={"projects": ["sandbox"]})

    async def read() -> list[str]:
        selected = await read_selection(world.client(), asked, "job.toml", why=True)
        return [other.reason for other in selected.others]

    assert all("is unknown: the server doesn't show the name" in why for why in world.run(read))


def test_a_workspace_that_moved_since_the_plan_is_no_conflict() -> None:
    """Even into an excluded project: the job changes what was planned, and undoes it."""
    world = organization()
    owned = world.simulator.world.organizations["acme"]

    def move(_request: Request) -> None:
        owned.workspaces["payments-1"].project = owned.projects["sandbox"]

    world.start(job(select={"all": True, "exclude_projects": ["sandbox"]}))
    world.wire.spies.append(move)
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == len(replay.operations) == 2
    of = [progress.operation.target.project for progress in replay.operations.values()]
    assert of == ["payments", "Default Project"]
    world.start_undo(PATH, UNDO)
    undone = world.resume(path=UNDO)
    assert undone.count(Outcome.SUCCEEDED) == 2
    assert [p.operation.target.project for p in undone.operations.values()] == of
    assert not world.simulator.attachments("payments-1", TASK)
