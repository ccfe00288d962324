"""Which workspaces a job addresses, why not the others, and what the server is asked for."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.api.resources import Workspace
from bulkops.errors import JobError
from bulkops.inventory.filters import server_filters
from bulkops.inventory.matcher import Matcher
from bulkops.inventory.model import Selected, Unselected
from bulkops.inventory.selection import (
    WorkspaceRows,
    attached_or_not,
    keep,
    narrowed,
    nothing_selected,
    unmatched,
)
from bulkops.job.select import Select
from bulkops.operations.model import Target


def why_not(select: Select, workspace: Workspace, project_id: str | None) -> str | None:
    """Return the first reason why a workspace is not addressed."""
    return Matcher(select, project_id).why_not(workspace)


def selected(
    select: Select, workspaces: Iterable[Workspace], project_id: str | None
) -> list[Target]:
    """Return the workspaces selected, by name."""
    rows = WorkspaceRows(select, project_id)
    for workspace in workspaces:
        rows.add(workspace)
    return list(rows.selected().targets)


PROD = Workspace(
    "ws-1",
    "prod-app-001",
    project_id="prj-1",
    tag_names=("prod", "canary"),
    tag_bindings={"env": "prod", "pci": ""},
    attributes={"locked": False},
)

REASONS = [
    (Select(names=("prod-*",)), None),
    (Select(names=("x", "prod-app-00?")), None),
    (Select(names=("prod-app-00[1-3]",)), None),
    (Select(tags=("canary", "prod")), None),
    (Select(project="payments"), None),
    (Select(ids=("ws-2", "ws-1")), None),
    (Select(names=("re:prod-.*[0-9]{3}",)), None),
    (Select(tags=("env", "env=prod", "pci=", "canary")), None),
    (Select(all=True, exclude_tags=("env=dev", "pcx")), None),
    (Select(listed=("x", "prod-app-001")), None),
    (Select(listed=("ws-1",)), None),
    (Select(where=("locked = false",)), None),
    (Select(all=True), None),
    (Select(names=("PROD-*", "app")), 'its name matches none of names = ["PROD-*", "app"]'),
    (Select(all=True, exclude_names=("*1", "x")), 'its name matches exclude_names ["*1"]'),
    (Select(tags=("prod", "pcx")), 'it lacks tags ["pcx"]'),
    (Select(all=True, exclude_tags=("x", "canary")), 'it has exclude_tags ["canary"]'),
    (Select(ids=("ws-2",)), "its id is not in ids"),
    (Select(names=("re:prod",)), 'its name matches none of names = ["re:prod"]'),
    (Select(tags=("env=dev", "pci=x")), 'it lacks tags ["env=dev", "pci=x"]'),
    (Select(tags=("canary=",)), 'it lacks tags ["canary="]'),
    (Select(all=True, exclude_tags=("env=prod",)), 'it has exclude_tags ["env=prod"]'),
    (Select(all=True, exclude_tags=("pci",)), 'it has exclude_tags ["pci"]'),
    (Select(listed=("prod-*",)), "neither its name nor its id is listed"),
    (Select(listed=()), "neither its name nor its id is listed"),
    (Select(where=("locked = true",)), "its locked is false, not = true"),
    (Select(names=("dev-*",), tags=("prod",)), 'its name matches none of names = ["dev-*"]'),
]


@pytest.mark.parametrize(("select", "reason"), REASONS)
def test_every_field_decides_by_itself(select: Select, reason: str | None) -> None:
    """Fields are combined with AND, values with OR, tags with AND; the first reason is given."""
    assert why_not(select, PROD, "prj-1") == reason


@pytest.mark.parametrize(
    ("shown_by_server", "looked_up"), [("prj-2", "prj-1"), (None, "prj-1"), (None, None)]
)
def test_another_project_is_no_match(shown_by_server: str | None, looked_up: str | None) -> None:
    """A workspace without a known project is in none, even where none was looked up."""
    workspace = Workspace("ws-1", "prod", project_id=shown_by_server)
    reason = why_not(Select(project="payments"), workspace, looked_up)
    assert reason == 'it is not in project "payments"'


def test_the_selected_come_by_name() -> None:
    """The order is that of the names, whatever order the server has."""
    workspaces = [Workspace("ws-3", "b"), Workspace("ws-2", "c"), Workspace("ws-1", "a")]
    chosen = selected(Select(names=("a", "b")), workspaces, None)
    assert [w.name for w in chosen] == ["a", "b"]


FILTERS = [
    (Select(all=True), {}),
    (Select(ids=("ws-1",)), {}),
    (Select(names=("a", "b")), {}),
    (Select(names=("prod-*",)), {"search[wildcard-name]": "prod-*"}),
    (Select(names=("*-prod",)), {"search[wildcard-name]": "*-prod"}),
    (Select(names=("*app*",)), {"search[wildcard-name]": "*app*"}),
    (Select(names=("prod-*-eu",)), {"search[wildcard-name]": "prod-*"}),
    (Select(names=("prod",)), {"search[wildcard-name]": "prod*"}),
    (Select(names=("*",)), {}),
    (Select(names=("prod-?",)), {}),
    (Select(names=("[pd]*",)), {}),
    (Select(names=("re:prod-",)), {}),
    (Select(all=True, only=("prod-*",)), {"search[wildcard-name]": "prod-*"}),
    (Select(names=("prod-*",), only=("a", "b")), {"search[wildcard-name]": "prod-*"}),
    (Select(tags=("a",)), {}),
    (Select(listed=("a",), where=("locked = true",), has_task="x", lacks_task="y"), {}),
    (
        Select(tags=("a", "env=prod", "b=", "c=d=e"), exclude_tags=("c", "d=e"), project="p"),
        {
            "search[exclude-tags]": "c",
            "filter[project][id]": "prj-1",
            "filter[tagged][0][key]": "env",
            "filter[tagged][1][key]": "b",
            "filter[tagged][2][key]": "c",
            "filter[tagged][0][value]": "prod",
            "filter[tagged][2][value]": "d=e",
        },
    ),
]


@pytest.mark.parametrize(("select", "filters"), FILTERS)
def test_the_server_is_asked_for_what_it_promises(select: Select, filters: dict[str, str]) -> None:
    """A wildcard is sent only as prefix, suffix or both, and only for one glob."""
    assert server_filters(select, "prj-1") == filters


def test_a_project_nobody_looked_up_is_not_sent() -> None:
    """Without the project's id the server is not asked to filter by it."""
    assert server_filters(Select(project="payments"), None) == {}


names = st.text("ab-", min_size=1, max_size=4)
globs = st.lists(st.text("ab-*?[]!", min_size=1, max_size=4), min_size=1, max_size=2).map(tuple)
tags = st.lists(st.sampled_from(["x", "y", "x=1", "y="]), max_size=2, unique=True).map(tuple)
projects = st.sampled_from(["prj-1", "prj-2", None])
ids = st.sampled_from(["ws-1", "ws-2", "ws-3"])
bindings = st.none() | st.dictionaries(st.sampled_from("xy"), st.sampled_from(["", "1", "2"]))
workspaces_of_a_server = st.lists(
    st.builds(
        Workspace,
        id=ids,
        name=names,
        project_id=projects,
        tag_names=st.lists(st.sampled_from("xy"), unique=True).map(tuple),
        tag_bindings=bindings,
        attributes=st.dictionaries(st.just("locked"), st.booleans() | st.none()),
    ),
    max_size=12,
    unique_by=lambda workspace: workspace.id,
)
conditions = st.sampled_from([(), ("locked = true",), ("locked != true",)])
selects = st.one_of(
    st.builds(Select, names=globs, exclude_names=globs | st.just(()), tags=tags, where=conditions),
    st.builds(Select, names=globs, project=st.none() | st.just("p"), exclude_tags=tags),
    st.builds(Select, ids=st.lists(ids, min_size=1).map(tuple), tags=tags, exclude_tags=tags),
    st.builds(Select, listed=st.lists(ids | names).map(tuple), exclude_names=globs),
    st.builds(Select, all=st.sampled_from([True]), exclude_names=globs, exclude_tags=tags),
)


@given(selects, workspaces_of_a_server, projects)
def test_each_workspace_is_selected_or_has_a_reason(
    select: Select, workspaces: list[Workspace], project_id: str | None
) -> None:
    """Nothing is left out without words, and nothing selected has any."""
    chosen = {target.id for target in selected(select, workspaces, project_id)}
    for workspace in workspaces:
        assert (workspace.id in chosen) == (why_not(select, workspace, project_id) is None)


@given(selects, workspaces_of_a_server, projects)
def test_the_others_come_with_their_reason(
    select: Select, workspaces: list[Workspace], project_id: str | None
) -> None:
    """Where it is asked why, every workspace is among the chosen or the others, none in both."""
    rows = WorkspaceRows(select, project_id, why=True)
    for workspace in workspaces:
        rows.add(workspace)
    found = rows.selected()
    told = {o.target.id: o.reason for o in found.others}
    assert found.targets == selected(select, workspaces, project_id)
    assert told.keys().isdisjoint(t.id for t in found.targets)
    assert rows.count() == len(workspaces) == len(told) + len(found.targets)
    for workspace in workspaces:
        assert told.get(workspace.id) == why_not(select, workspace, project_id)


UNKNOWN = [
    (
        Select(tags=("x=1",)),
        'whether it has ["x=1"] is not known: the server shows no tag bindings',
    ),
    (
        Select(all=True, exclude_tags=("x=1", "a")),
        'whether it has ["x=1"] is not known: the server shows no tag bindings',
    ),
    (Select(tags=("a",)), 'it lacks tags ["a"]'),
    (Select(all=True, exclude_tags=("a",)), None),
    (Select(where=("locked = false",)), "its locked is not known: the server doesn't show it"),
]


@pytest.mark.parametrize(("select", "reason"), UNKNOWN)
def test_what_is_not_known_is_not_selected(select: Select, reason: str | None) -> None:
    """Tag bindings and attributes that the server doesn't show select nothing, said as such."""
    assert why_not(select, Workspace("ws-1", "a"), None) == reason


def selection_of(*names: str) -> Selected:
    """Return a selection of workspaces of these names."""
    return Selected([Target(f"ws-{name}", name) for name in names])


def test_run_tasks_narrow_what_is_selected() -> None:
    """has_task keeps where it is attached, lacks_task where not, and neither what isn't known."""
    attached = {"ws-a": True, "ws-b": False, "ws-c": None}
    for wanted, kept, reason in (
        (True, ["a"], 'run task "scan" is not attached'),
        (False, ["b", "d"], 'run task "scan" is attached to it'),
    ):
        why_not = attached_or_not(attached, "scan", wanted=wanted)
        left = keep(selection_of("a", "b", "c", "d"), why_not, why=True)
        assert [t.name for t in left.targets] == kept
        assert {o.reason for o in left.others} == {
            reason,
            "its run tasks are not known: this token may not read them",
        }


def test_only_and_limit_narrow_what_is_selected() -> None:
    """Of the selected, those named by ``only``, and of these the first ``limit`` by name."""
    select = Select(all=True, only=("a*",), limit=2)
    left = narrowed(selection_of("a1", "a2", "a3", "b1"), select, "job.toml", why=True)
    assert [t.name for t in left.targets] == ["a1", "a2"]
    assert left.others == [
        Unselected(Target("ws-a3", "a3"), "it comes after the first 2 by name (limit)"),
        Unselected(Target("ws-b1", "b1"), 'its name matches none of only = ["a*"]'),
    ]
    silent = narrowed(selection_of("a", "b"), Select(all=True, limit=1), "job.toml", why=False)
    assert (len(silent.targets), silent.others) == (1, ())


def test_only_must_name_what_is_selected() -> None:
    """A typing error in what narrows a job must not look like nothing to do."""
    select = Select(all=True, only=("a", "x"))
    with pytest.raises(JobError, match=r'job.toml: "x" \(--select, or only\) names no workspace'):
        narrowed(selection_of("a"), select, "job.toml", why=False)


def test_entries_that_select_nothing_are_told() -> None:
    """Of names, ids and listed, those that fit none of the chosen, unless others were left out."""
    chosen = [Target("ws-1", "a"), Target("ws-2", "b")]
    select = Select(names=("a*", "re:x"), ids=("ws-1", "ws-9"), listed=("a", "ws-2", "c", "c"))
    assert unmatched(select, chosen) == ["re:x", "ws-9", "c"]
    assert unmatched(Select(names=("x",), limit=1), chosen) == []
    assert unmatched(Select(names=("x",), only=("a",)), chosen) == []


def test_selecting_nothing_names_the_file_and_what_it_says() -> None:
    """The message repeats [select] as written and tells the way out."""
    problem = nothing_selected(Select(names=("prd-*",), tags=("a",)), "prod.toml")
    assert problem.exit_code == 2
    assert str(problem) == (
        'prod.toml: no workspace fits [select] names = ["prd-*"], tags = ["a"]\n'
        "(`bulkops workspaces JOB --why` tells why not; a workspace this token may not see "
        "counts as missing; allow_empty = true in [select] makes this a success)"
    )
