"""Which workspaces a job addresses, why not the others, and what the server is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.client.resources import Workspace
from bulkops.operations.model import Target
from bulkops.selection import Select, Selection, nothing_selected, server_filters, why_not


def selected(
    select: Select, workspaces: Iterable[Workspace], project_id: str | None
) -> list[Target]:
    """Return the workspaces selected, by name."""
    selection = Selection(select, project_id)
    for workspace in workspaces:
        selection.add(workspace)
    return selection.targets()


PROD = Workspace("ws-1", "prod-app-001", project_id="prj-1", tag_names=("prod", "canary"))

REASONS = [
    (Select(names=("prod-*",)), None),
    (Select(names=("x", "prod-app-00?")), None),
    (Select(names=("prod-app-00[1-3]",)), None),
    (Select(tags=("canary", "prod")), None),
    (Select(project="payments"), None),
    (Select(ids=("ws-2", "ws-1")), None),
    (Select(all=True), None),
    (Select(names=("PROD-*", "app")), 'its name matches none of names = ["PROD-*", "app"]'),
    (Select(all=True, exclude_names=("*1", "x")), 'its name matches exclude_names ["*1"]'),
    (Select(tags=("prod", "pci")), 'it lacks tags ["pci"]'),
    (Select(all=True, exclude_tags=("x", "canary")), 'it has exclude_tags ["canary"]'),
    (Select(ids=("ws-2",)), "its id is not in ids"),
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
    (
        Select(tags=("a", "b"), exclude_tags=("c",), project="payments"),
        {
            "search[tags]": "a,b",
            "search[exclude-tags]": "c",
            "filter[project][id]": "prj-1",
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


def served(filters: dict[str, str], workspaces: list[Workspace]) -> list[Workspace]:
    """Return what the API would list, by its documentation."""
    tests: dict[str, Callable[[str, Workspace], bool]] = {
        "search[wildcard-name]": named_by_wildcard,
        "search[tags]": lambda text, w: set(text.split(",")) <= set(w.tag_names),
        "search[exclude-tags]": lambda text, w: not set(text.split(",")) & set(w.tag_names),
        "filter[project][id]": lambda text, w: w.project_id == text,
    }
    return [w for w in workspaces if all(tests[k](v, w) for k, v in filters.items())]


def named_by_wildcard(text: str, workspace: Workspace) -> bool:
    """Say whether a name fits ``*`` as prefix, suffix or both; nothing else is documented."""
    core = text.strip("*")
    assert core
    assert "*" not in core
    anywhere = text.startswith("*") and text.endswith("*")
    if anywhere:
        return core in workspace.name
    if text.startswith("*"):
        return workspace.name.endswith(core)
    assert text.endswith("*")
    return workspace.name.startswith(core)


names = st.text("ab-", min_size=1, max_size=4)
globs = st.lists(st.text("ab-*?[]!", min_size=1, max_size=4), min_size=1, max_size=2).map(tuple)
tags = st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(tuple)
projects = st.sampled_from(["prj-1", "prj-2", None])
ids = st.sampled_from(["ws-1", "ws-2", "ws-3"])
workspaces_of_a_server = st.lists(
    st.builds(Workspace, id=ids, name=names, project_id=projects, tag_names=tags),
    max_size=12,
    unique_by=lambda workspace: workspace.id,
)
selects = st.one_of(
    st.builds(Select, names=globs, exclude_names=globs | st.just(()), tags=tags),
    st.builds(Select, names=globs, project=st.none() | st.just("p"), exclude_tags=tags),
    st.builds(Select, ids=st.lists(ids, min_size=1).map(tuple), tags=tags, exclude_tags=tags),
    st.builds(Select, all=st.sampled_from([True]), exclude_names=globs, exclude_tags=tags),
)


@given(selects, workspaces_of_a_server, projects)
def test_what_the_server_leaves_out_would_not_be_selected(
    select: Select, workspaces: list[Workspace], project_id: str | None
) -> None:
    """Selecting from the narrowed list gives the same as selecting from the whole one."""
    narrowed = served(server_filters(select, project_id), workspaces)
    assert selected(select, narrowed, project_id) == selected(select, workspaces, project_id)


@given(selects, workspaces_of_a_server, projects)
def test_each_workspace_is_selected_or_has_a_reason(
    select: Select, workspaces: list[Workspace], project_id: str | None
) -> None:
    """Nothing is left out without words, and nothing selected has any."""
    chosen = {target.id for target in selected(select, workspaces, project_id)}
    for workspace in workspaces:
        assert (workspace.id in chosen) == (why_not(select, workspace, project_id) is None)


def test_selecting_nothing_names_the_file_and_what_it_says() -> None:
    """The message repeats [select] as written and tells the way out."""
    problem = nothing_selected(Select(names=("prd-*",), tags=("a",)), "prod.toml")
    assert problem.exit_code == 2
    assert str(problem) == (
        'prod.toml: no workspace fits [select] names = ["prd-*"], tags = ["a"]\n'
        "(a workspace this token may not see counts as missing; "
        "allow_empty = true in [select] makes this a success)"
    )
