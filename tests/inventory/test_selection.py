"""Which workspaces a job selects, why not the others, and which filters are sent."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from bulkops.api.resources import Workspace
from bulkops.errors import JobError
from bulkops.inventory.filters import server_filters
from bulkops.inventory.matcher import Matcher, RecordedMatcher
from bulkops.inventory.model import Selected, Unselected
from bulkops.inventory.selection import WorkspaceRows, attached_or_not, keep, limited
from bulkops.inventory.selection_notes import nothing_selected, undecided, unmatched_notes
from bulkops.job.conditions import Objection
from bulkops.job.select import Select
from bulkops.operations.model import Target


def why_not(select: Select, workspace: Workspace, project_id: str | None) -> str | None:
    """Return why a workspace is not selected, or what is unknown."""
    objection = Matcher(select, project_id).judge(workspace).objection
    return objection and objection.words


def selected(
    select: Select, workspaces: Iterable[Workspace], project_id: str | None
) -> list[Target]:
    """Return the selected workspaces, by name."""
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
    """Fields are ANDed, values ORed, tags ANDed; the first reason is given."""
    assert why_not(select, PROD, "prj-1") == reason


@pytest.mark.parametrize(
    ("shown_by_server", "looked_up"), [("prj-2", "prj-1"), (None, "prj-1"), (None, None)]
)
def test_another_project_does_not_match(shown_by_server: str | None, looked_up: str | None) -> None:
    """A workspace without a project matches no project, looked up or not."""
    workspace = Workspace("ws-1", "prod", project_id=shown_by_server)
    reason = why_not(Select(project="payments"), workspace, looked_up)
    assert reason == 'it is not in project "payments"'


def test_the_selection_is_sorted_by_name() -> None:
    """The order is by name, whatever the server's order."""
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
def test_only_documented_filters_are_sent(select: Select, filters: dict[str, str]) -> None:
    """A wildcard is sent only as prefix, suffix or both, and only for a single glob."""
    assert server_filters(select, "prj-1") == filters


def test_a_project_without_an_id_is_not_sent() -> None:
    """Without the project's id, the server can't filter by it."""
    assert server_filters(Select(project="payments"), None) == {}


names = st.text("ab-", min_size=1, max_size=4)
globs = st.lists(st.text("ab-*?[]!", min_size=1, max_size=4), min_size=1, max_size=2).map(tuple)
tags = st.lists(st.sampled_from(["x", "y", "x=1", "y="]), max_size=2, unique=True).map(tuple)
projects = st.sampled_from(["prj-1", "prj-2", None])
projects_shown = st.sampled_from(["prj-1", "prj-2", None, UNSET])
ids = st.sampled_from(["ws-1", "ws-2", "ws-3"])
bindings = st.sampled_from([None, UNSET]) | st.dictionaries(
    st.sampled_from("xy"), st.sampled_from(["", "1", "2"])
)
workspaces_of_a_server = st.lists(
    st.builds(
        Workspace,
        id=ids,
        name=names,
        project_id=projects_shown,
        tag_names=st.none() | st.lists(st.sampled_from("xy"), unique=True).map(tuple),
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
def test_each_workspace_is_selected_doubted_or_has_a_reason(
    select: Select, workspaces: list[Workspace], project_id: str | None
) -> None:
    """With ``--why``, every workspace is in exactly one of the three groups."""
    rows = WorkspaceRows(select, project_id, why=True)
    for workspace in workspaces:
        rows.add(workspace)
    found = rows.selected()
    silent = selected(select, workspaces, project_id)
    chosen = [t.id for t in found.targets]
    doubted = [o.target.id for o in found.doubted]
    others = [o.target.id for o in found.others]
    assert found.targets == silent
    assert sorted([*chosen, *doubted, *others]) == sorted(w.id for w in workspaces)
    assert rows.count() == len(workspaces)


@given(selects, workspaces_of_a_server, projects, st.data())
def test_a_decision_does_not_depend_on_hidden_values(
    select: Select, workspaces: list[Workspace], project_id: str | None, data: st.DataObject
) -> None:
    """Decisions stay the same whatever the hidden values are; the rest is in doubt."""
    for workspace in workspaces:
        before = Matcher(select, project_id).judge(workspace).objection
        if before is not None and not before.known:
            continue
        known = msgspec.structs.replace(
            workspace,
            project_id=data.draw(projects)
            if workspace.project_id is UNSET
            else workspace.project_id,
            tag_names=data.draw(st.sampled_from([(), ("x",), ("x", "y")]))
            if workspace.tag_names is None
            else workspace.tag_names,
            tag_bindings=data.draw(st.sampled_from([{}, {"x": "1"}, {"x": "2", "y": ""}]))
            if workspace.tag_bindings in (None, UNSET)
            else workspace.tag_bindings,
        )
        after = Matcher(select, project_id).judge(known).objection
        assert (before is None) == (after is None)


NO_BINDINGS = "the server doesn't show its tag bindings"
UNKNOWN = [
    (Select(tags=("x=1",)), f'whether it has tags ["x=1"] is unknown: {NO_BINDINGS}'),
    (Select(tags=("a",)), f'whether it has tags ["a"] is unknown: {NO_BINDINGS}'),
    (
        Select(all=True, exclude_tags=("x=1", "legacy", "a")),
        f'whether it has exclude_tags ["a", "legacy", "x=1"] is unknown: {NO_BINDINGS}',
    ),
    (Select(where=("locked = false",)), "its locked is unknown: the server doesn't show it"),
    (
        Select(project="payments"),
        'whether it is in project "payments" is unknown: the server doesn\'t show its project',
    ),
]
BARE = Workspace("ws-1", "a", tag_names=())


@pytest.mark.parametrize(("select", "reason"), UNKNOWN)
@pytest.mark.parametrize("bindings", [None, UNSET])
def test_hidden_values_are_in_doubt(
    select: Select, reason: str, bindings: UnsetType | None
) -> None:
    """Hidden tag bindings, projects and attributes neither select nor leave out."""
    workspace = msgspec.structs.replace(BARE, tag_bindings=bindings)
    objection = Matcher(select, "prj-1").judge(workspace).objection
    assert objection == Objection(reason, known=False)


@pytest.mark.parametrize(
    "select",
    [
        Select(names=("a",)),
        Select(names=("*",), exclude_names=("b",)),
        Select(all=True, exclude_names=("b",)),
        Select(listed=("a",)),
        Select(all=True, only=("a",)),
    ],
)
def test_a_name_that_is_not_shown_is_in_doubt(select: Select) -> None:
    """A workspace without a name might match names or exclude_names."""
    objection = Matcher(select, None).judge(Workspace("ws-1", "")).objection
    words = "its name is unknown: the server doesn't show its name"
    assert objection == Objection(words, known=False)


def test_tag_names_that_are_not_shown_are_in_doubt() -> None:
    """A tag that is not among the bindings may be a tag name, unless those are shown."""
    shown = Workspace("ws-1", "a", tag_bindings={"x": "1"})
    select = Select(all=True, exclude_tags=("legacy", "x=2"))
    objection = Matcher(select, None).judge(shown).objection
    assert objection is not None
    assert objection.words == (
        'whether it has exclude_tags ["legacy"] is unknown: the server doesn\'t show its tag names'
    )
    known = msgspec.structs.replace(shown, tag_names=())
    assert Matcher(select, None).judge(known).objection is None


@pytest.mark.parametrize(
    "select",
    [
        Select(names=("b",), exclude_tags=("x=1",)),
        Select(all=True, exclude_names=("a",), exclude_tags=("x=1",)),
        Select(tags=("x=1",), ids=("ws-2",)),
        Select(where=("locked = true",), listed=("b",)),
        Select(all=True, exclude_tags=("x=1", "y"), only=("b",)),
        Select(all=True, exclude_tags=("x=1", "y")),
    ],
)
def test_a_workspace_left_out_anyway_is_not_in_doubt(select: Select) -> None:
    """Another field, or another tag in the same field, has decided."""
    workspace = Workspace("ws-1", "a", tag_names=("y",), tag_bindings=None)
    objection = Matcher(select, None).judge(workspace).objection
    assert objection is not None
    assert objection.known


def rows_of(select: Select, *workspaces: Workspace) -> Selected:
    """Return the selection from a list of these workspaces."""
    rows = WorkspaceRows(select, None)
    for workspace in workspaces:
        rows.add(workspace)
    return rows.selected()


LEGACY = Workspace("ws-3", "c", tag_names=("legacy",))


def test_tag_names_alone_decide_if_no_workspace_shows_bindings() -> None:
    """An older server has only tag names, so that a tag can't be a binding."""
    select = Select(all=True, exclude_tags=("legacy",))
    found = rows_of(select, BARE, Workspace("ws-2", "b", tag_names=()), LEGACY)
    assert [t.name for t in found.targets] == ["a", "b"]
    assert found.doubted == []
    found = rows_of(Select(tags=("legacy",)), BARE, LEGACY)
    assert ([t.name for t in found.targets], found.doubted) == (["c"], [])


@pytest.mark.parametrize("bindings", [None, {}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_shows_bindings_puts_the_others_in_doubt(
    bindings: dict[str, str] | None, place: int
) -> None:
    """Anywhere in the list, it proves that the server has bindings and hides some."""
    workspaces = [BARE, LEGACY]
    workspaces.insert(place, Workspace("ws-2", "b", tag_names=(), tag_bindings=bindings))
    for select in (Select(all=True, exclude_tags=("legacy",)), Select(tags=("legacy",))):
        found = rows_of(select, *workspaces)
        doubted = {row.target.name for row in found.doubted}
        assert doubted == ({"a"} if bindings is not None else {"a", "b"})
        assert {t.name for t in found.targets}.isdisjoint(doubted | {"a"})


def test_a_selection_in_doubt_lists_reasons_and_names() -> None:
    """The error has each reason once, with the first names and the number of others."""
    many = [
        Workspace(f"ws-{n}", f"w{n:02}" if n else "", tag_names=(), tag_bindings=None)
        for n in range(10)
    ]
    found = rows_of(Select(all=True, exclude_tags=("x=1",)), *many)
    problem = undecided(found, "job.toml")
    assert problem.exit_code == 1
    assert str(problem).splitlines() == [
        "job.toml: the server doesn't show whether [select] selects 10 workspaces, so nothing is "
        "planned:",
        '  whether it has exclude_tags ["x=1"] is unknown: the server doesn\'t show its tag '
        "bindings (w01, w02, w03, w04, w05, w06, w07 and 3 more)",
        "Select by what the server shows, such as names or ids, or use a token that can see the "
        "rest. `bulkops workspaces JOB --why` lists all of these workspaces.",
    ]


APP = Workspace("ws-1", "prod-app", tag_names=("Legacy",), tag_bindings={"Env": "Prod"})
WEB = Workspace("ws-2", "prod-web", tag_names=(), tag_bindings={})


def notes_of(select: Select, *workspaces: Workspace) -> list[str]:
    """Return the notes on a selection from these workspaces, or raise its error."""
    rows = WorkspaceRows(select, None)
    for workspace in workspaces:
        rows.add(workspace)
    rows.exclusions.check("job.toml")
    return list(rows.selected().notes)


@pytest.mark.parametrize(
    ("select", "notes"),
    [
        (Select(all=True, exclude_names=("*-app",)), []),
        (Select(all=True, exclude_tags=("Legacy", "Env=Prod")), []),
        (Select(all=True, exclude_names=("x", "x")), ['exclude_names "x" excludes no workspace']),
        (Select(all=True, exclude_tags=("y", "z=")), ["y", "z="]),
        (Select(names=("*-web",), exclude_names=("*-app",)), ['exclude_names "*-app" excludes']),
        (Select(all=True, exclude_names=("*-app",), exclude_tags=("Legacy",)), []),
        (Select(all=True, only=("*-web",), exclude_names=("x",)), []),
        (
            Select(all=True, exclude_names=("re:[A-Z]+-app", "[P]ROD-web")),
            ["names differ only in case: prod-app", "names differ only in case: prod-web"],
        ),
    ],
)
def test_an_exclusion_that_excludes_nothing_is_noted(select: Select, notes: list[str]) -> None:
    """Only workspaces that the other fields select count, whatever other exclusions do."""
    result = notes_of(select, APP, WEB)
    assert len(result) == len(notes)
    assert all(expected in note for expected, note in zip(notes, result, strict=True))


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (
            Select(all=True, exclude_names=("Prod-App",)),
            'job.toml: select.exclude_names: "Prod-App" excludes no workspace: matching is '
            "case-sensitive, and it differs only in case from the name of prod-app: write it as "
            "the server does",
        ),
        (Select(all=True, exclude_names=("PROD-*",)), "from the name of prod-app, prod-web:"),
        (Select(all=True, exclude_tags=("legacy",)), "from the tags of prod-app:"),
        (Select(all=True, exclude_tags=("env",)), "from the tags of prod-app:"),
        (Select(all=True, exclude_tags=("env=prod",)), "from the tags of prod-app:"),
        (Select(all=True, exclude_tags=("Env=prod",)), "from the tags of prod-app:"),
        (Select(all=True, only=("prod-app",), exclude_names=("Prod-app",)), "of prod-app:"),
    ],
)
def test_one_that_differs_by_case_only_is_refused(select: Select, message: str) -> None:
    """The server ignores case in names and lowers tags, so such an entry is a mistake."""
    with pytest.raises(JobError) as refused:
        notes_of(select, APP, WEB)
    assert message in str(refused.value)


def test_an_entry_in_both_cases_is_only_noted() -> None:
    """If a name is excluded in one case, the entry in another case is not an error."""
    select = Select(all=True, exclude_names=("prod-app", "PROD-APP"))
    assert notes_of(select, APP, WEB) == ['select: exclude_names "PROD-APP" excludes no workspace']


def test_an_exclusion_that_misses_some_by_case_is_noted() -> None:
    """A pattern that excludes some workspaces and misses others by case gets a note."""
    select = Select(all=True, exclude_names=("prod-*",))
    other = Workspace("ws-3", "PROD-db")
    assert notes_of(select, APP, WEB, other) == [
        'select: exclude_names "prod-*" does not exclude workspaces whose names differ only in '
        "case: PROD-db"
    ]


def test_versions_that_can_not_be_compared_are_counted() -> None:
    """Values are counted, most frequent first, if nothing else leaves the workspace out."""
    versions = ["latest"] * 3 + ["~> 1.8.0"] + ["1.9.0", "1.5.0"]
    workspaces = [
        Workspace(f"ws-{n}", f"w{n}", attributes={"terraform-version": version, "locked": False})
        for n, version in enumerate(versions)
    ]
    where = ("terraform-version < 1.6",)
    assert notes_of(Select(where=where), *workspaces) == [
        "select: where can't compare the terraform-version of 4 workspaces, which are not "
        'selected: "latest" (3), "~> 1.8.0" (1)'
    ]
    select = Select(names=("w1", "w2", "w4"), exclude_names=("w1",), where=where)
    assert "of 1 workspace," in notes_of(select, *workspaces)[0]
    assert notes_of(Select(where=(*where, "locked = true")), *workspaces) == []
    some = [msgspec.structs.replace(w, attributes={"resource-count": None}) for w in workspaces]
    assert (
        "of 6 workspaces, which are not selected: none (6)"
        in notes_of(Select(where=("resource-count > 1",)), *some)[0]
    )
    kinds = [
        msgspec.structs.replace(w, attributes={"terraform-version": f"~> 1.{w.id}"})
        for w in (Workspace(str(n), str(n)) for n in range(9))
    ]
    assert notes_of(Select(where=where), *kinds)[0].endswith(", 2 more values")


def selection_of(*names: str) -> Selected:
    """Return a selection of workspaces with these names."""
    return Selected([Target(f"ws-{name}", name) for name in names])


def test_run_tasks_narrow_the_selection() -> None:
    """has_task keeps attached, lacks_task unattached workspaces; the unknown are in doubt."""
    attached = {"ws-a": True, "ws-b": False, "ws-c": None}
    for desired, kept, reason in (
        (True, ["a"], 'run task "scan" is not attached'),
        (False, ["b", "d"], 'run task "scan" is attached to it'),
    ):
        why_not = attached_or_not(attached, "scan", desired=desired)
        left = keep(selection_of("a", "b", "c", "d"), why_not, why=True)
        assert [t.name for t in left.targets] == kept
        assert {o.reason for o in left.others} == {reason}
        doubt = "its run tasks are unknown: this token can't read them"
        assert left.doubted == [Unselected(Target("ws-c", "c"), doubt)]


def test_a_doubt_may_be_resolved_later() -> None:
    """Run tasks or the limit can leave out a workspace in doubt; otherwise the doubt stays."""
    doubt = Unselected(Target("ws-b", "b"), "it is not known")
    some = msgspec.structs.replace(selection_of("a", "c"), doubted=[doubt])
    left = keep(some, attached_or_not({"ws-a": True}, "scan", desired=True), why=False)
    assert ([t.name for t in left.targets], left.doubted) == (["a"], [])
    for limit, doubted, kept in ((1, [], ["a"]), (2, [doubt], ["a", "c"])):
        first = limited(some, Select(all=True, limit=limit), "job.toml", why=False)
        assert first.doubted == doubted
        assert [t.name for t in first.targets] == kept


def test_a_limit_takes_the_first_by_name() -> None:
    """The limit is the reason for the others."""
    left = limited(selection_of("a3", "a1", "a2"), Select(all=True, limit=2), "job.toml", why=True)
    assert [t.name for t in left.targets] == ["a1", "a2"]
    reason = "it is not among the first 2 by name (limit)"
    assert left.others == [Unselected(Target("ws-a3", "a3"), reason)]
    silent = limited(selection_of("a", "b"), Select(all=True, limit=1), "job.toml", why=False)
    assert (len(silent.targets), silent.others) == (1, [])


def test_only_must_match_a_selected_workspace() -> None:
    """A typing error in ``only`` must not look like an empty job."""
    select = Select(all=True, only=("a", "x"))
    with pytest.raises(JobError, match=r'job.toml: "x" \(--select, or only\) matches no workspace'):
        limited(selection_of("a"), select, "job.toml", why=False)


def test_entries_that_select_nothing_are_noted() -> None:
    """Entries of names, ids and listed get a note if they match no selected workspace."""
    chosen = [Target("ws-1", "a"), Target("ws-2", "b")]
    select = Select(names=("a*", "re:x"), ids=("ws-1", "ws-9"), listed=("a", "ws-2", "c", "c"))
    assert list(unmatched_notes(select, chosen, {})) == [
        f'select: "{entry}" selects no workspace' for entry in ("re:x", "ws-9", "c")
    ]
    assert list(unmatched_notes(select, chosen, {}, "list.csv"))[2:] == [
        'select.file "list.csv": "c" selects no workspace'
    ]
    assert list(unmatched_notes(Select(names=("x",), limit=1), chosen, {})) == []
    assert list(unmatched_notes(Select(names=("x",), only=("a",)), chosen, {})) == []


def test_many_listed_workspaces_that_are_not_selected_share_one_note() -> None:
    """A list of 500, narrowed by a project, must not print 490 notes."""
    select = Select(listed=tuple(f"w{number}" for number in range(1, 10)))
    assert list(unmatched_notes(select, [], {}, "list.csv")) == [
        'select.file "list.csv": 9 of its entries select no workspace: "w1", "w2", "w3", "w4", '
        '"w5", "w6", "w7" and 2 more'
    ]


def test_a_message_names_the_file_that_lists() -> None:
    """The job file has ``file``, not ``listed``."""
    select = Select(listed=("x",), exclude_names=("y",))
    problem = str(nothing_selected(select, "prod.toml", "lists/a.csv"))
    assert problem.splitlines()[0] == (
        'prod.toml: no workspace matches [select] exclude_names = ["y"], file = "lists/a.csv"'
    )
    (objection,) = [Matcher(select, None, "a.csv").judge(Workspace("ws-1", "a")).objection]
    assert objection is not None
    assert objection.words == 'neither its name nor its id is in "a.csv"'


def test_selecting_nothing_is_an_error_with_the_selection() -> None:
    """The error repeats [select] and says how to allow this."""
    problem = nothing_selected(Select(names=("prd-*",), tags=("a",)), "prod.toml")
    assert problem.exit_code == 2
    assert str(problem) == (
        'prod.toml: no workspace matches [select] names = ["prd-*"], tags = ["a"]\n'
        "(`bulkops workspaces JOB --why` shows why; workspaces that this token can't see never "
        "match; allow_empty = true in [select] makes this a success)"
    )


class Counting(str):
    """Counts how often it is compared."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        """Compare as text."""
        Counting.compared += 1
        return str.__eq__(self, other)


def test_a_workspace_of_a_journal_is_looked_up_in_a_long_list() -> None:
    """A journal of many listed workspaces is opened without comparing each with all others."""
    entries = tuple(f"ws-{number}" for number in range(100))
    for select in (Select(listed=entries), Select(ids=entries)):
        Counting.compared = 0
        assert RecordedMatcher(select).may_select(Counting("ws-99"), Counting("a"))
        assert not RecordedMatcher(select).may_select(Counting("ws-x"), Counting("a"))
        assert Counting.compared < len(entries) / 4
