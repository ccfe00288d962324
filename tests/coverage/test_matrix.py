"""The coverage matrix: its cells and statuses, and its three formats."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.api.resources import GlobalConfiguration, RunTask, Workspace
from bulkops.coverage.documents import csv_lines, document, lines
from bulkops.coverage.matrix import Column, Coverage, Desired, Status, Targets, desired_by
from bulkops.inventory.model import Inventory
from bulkops.job.job import Job, parse_job
from bulkops.operations.model import Observed, Resolved, Target, TaskRef
from bulkops.plan.model import make_plan
from bulkops.text import FORMULA

SCAN = RunTask("task-1", "scan", "https://example.com")
LINT = RunTask("task-2", "lint", "https://example.com")
JOB = 'name = "j"\norganization = "acme"\n[operation]\ntask = "scan"\n{}\n[select]\nnames = ["p*"]'
ATTACH = 'kind = "attach"\nenforcement_level = "mandatory"'


def observed(level: str, *stages: str, ident: str = "wstask-1") -> Observed:
    """Return an attachment."""
    return Observed(ident, {"enforcement-level": level, "stages": list(stages or ("post_plan",))})


def matrix(
    names: Sequence[str] = ("p1", "p2"),
    attached: Mapping[str, Sequence[Observed]] | None = None,
    task: RunTask = SCAN,
    desired: Mapping[str, Desired] | None = None,
) -> Coverage:
    """Return a matrix of one run task, with workspace ids equal to their names."""
    return Coverage(
        "acme",
        [Target(name, name, "data") for name in names],
        [Column(task, attached or {})],
        job="j" if desired is not None else "",
        desired=desired or {},
    )


def verdicts(
    operation: str,
    attached: Mapping[str, Sequence[Observed]],
    names: Sequence[str],
    forbidden: Sequence[str] = (),
) -> dict[str, Desired]:
    """Return what a job with this operation wants on the named workspaces."""
    job: Job = parse_job(JOB.format(operation))
    inventory = Inventory(
        resolved=Resolved(organization="acme", task=TaskRef(SCAN.id, SCAN.name)),
        targets=[Target(name, name) for name in names],
        forbidden=frozenset(forbidden),
        observations={"": attached},
        entitlements=None,
    )
    return desired_by(make_plan(job, inventory), attached)


def table(coverage: Coverage) -> list[list[str]]:
    """Return the CSV's cells."""
    return list(csv.reader(io.StringIO("".join(csv_lines(coverage)), newline="")))


def decoded(coverage: Coverage) -> Any:
    """Return the JSON document."""
    return msgspec.json.decode("".join(document(coverage)))


def test_the_statuses_of_an_attach() -> None:
    """For an attach, a workspace is missing the run task, differs, or is as desired."""
    attached = {"p2": [observed("advisory")], "p3": [observed("mandatory")]}
    found = verdicts(ATTACH, attached, ["p1", "p2", "p3"])
    assert {name: desired.status for name, desired in found.items()} == {
        "p1": Status.MISSING,
        "p2": Status.DIFFERS,
        "p3": Status.AS_DESIRED,
    }
    assert found["p1"].why == "mandatory at post_plan"


def test_blocked_workspaces_are_missing_or_differ() -> None:
    """A blocked workspace is not as desired, and the reason says why."""
    attached = {"p2": [observed("advisory"), observed("mandatory", ident="wstask-2")]}
    found = verdicts(ATTACH, attached, ["p1", "p2"], forbidden=["p1"])
    assert found["p1"] == Desired(Status.MISSING, "this token can't manage its run tasks")
    assert found["p2"].status is Status.DIFFERS
    assert "attached 2 times" in found["p2"].why


def test_the_statuses_of_a_detach() -> None:
    """For a detach, a workspace with the run task differs; the others are as desired."""
    found = verdicts('kind = "detach"', {"p1": [observed("advisory")]}, ["p1", "p2"])
    assert found["p1"] == Desired(Status.DIFFERS, "not attached")
    assert found["p2"].status is Status.AS_DESIRED


def test_the_statuses_of_an_update() -> None:
    """For an update, a workspace without the run task is as desired."""
    update = 'kind = "update"\nenforcement_level = "mandatory"'
    found = verdicts(update, {"p1": [observed("advisory", "pre_plan")]}, ["p1", "p2"])
    assert found["p1"] == Desired(Status.DIFFERS, "mandatory at pre_plan")
    assert found["p2"].status is Status.AS_DESIRED


def test_gaps_are_what_is_missing_or_differs() -> None:
    """The number of gaps decides the exit code."""
    desired = {name: Desired(status, "") for name, status in zip("abc", Status, strict=True)}
    assert matrix(desired=desired).gaps == 2
    assert matrix().gaps == 0


def test_only_ids_names_and_projects_of_workspaces_are_kept() -> None:
    """Each workspace is kept once, sorted by name; one string per project serves all of them."""
    of = Targets()
    for ident in ("ws-1", "ws-2"):
        of.add(Workspace(ident, ident, project_id="prj-1", project_name="".join(["da", "ta"])))
    one, two = of.by_name()
    assert one.project == "data"
    assert one.project is two.project
    rows = Targets()
    for ident, name in (("ws-2", "b"), ("ws-1", "c"), ("ws-3", "a"), ("ws-2", "b")):
        rows.add(Workspace(ident, name, tag_names=("prod",)))
    assert rows.by_name() == [Target("ws-3", "a"), Target("ws-2", "b"), Target("ws-1", "c")]
    assert rows.count() == 3
    known = rows.by_name()[0].id
    assert rows.same("".join(["ws", "-3"]), "x")[0] is known
    assert rows.same("ws-9", "x") == ("ws-9", "x")


def test_text_is_an_aligned_table_with_totals() -> None:
    """There is a column per run task with level and stages, or a dash if it is not attached."""
    coverage = Coverage(
        "acme",
        [Target("1", "prod-a-long-name"), Target("2", "b")],
        [
            Column(LINT, {"1": [observed("advisory", "pre_plan", "post_plan")]}),
            Column(SCAN, {"2": [observed("mandatory")]}),
        ],
    )
    assert list(lines(coverage)) == [
        "WORKSPACE         lint                             scan",
        "prod-a-long-name  advisory at pre_plan, post_plan  -",
        "b                 -                                mandatory at post_plan",
        "",
        "lint: 1 of 2 workspaces",
        "scan: 1 of 2 workspaces",
    ]


def test_text_with_a_job_has_statuses() -> None:
    """A job adds a column, with a dash if it doesn't select the workspace, and totals."""
    desired = {
        "p1": Desired(Status.MISSING, "mandatory at post_plan"),
        "p2": Desired(Status.AS_DESIRED, "already"),
    }
    assert list(
        lines(matrix(["p1", "p2", "x"], {"p2": [observed("mandatory")]}, desired=desired))
    ) == [
        "WORKSPACE  scan                    BY JOB",
        "p1         -                       missing: mandatory at post_plan",
        "p2         mandatory at post_plan  as desired",
        "x          -                       -",
        "",
        "scan: 1 of 3 workspaces",
        "j: 1 as desired, 1 missing, 0 differing of 2 selected workspaces",
    ]


def test_a_terminal_too_narrow_for_the_table_gets_blocks() -> None:
    """If the table is too wide by one column, run tasks are listed below each workspace."""
    coverage = matrix(attached={"p2": [observed("mandatory")]})
    rows = ["WORKSPACE  scan", "p1         -", "p2         mandatory at post_plan"]
    assert list(lines(coverage, len(rows[2])))[:3] == rows
    blocks = ["p1", "p2", "  scan  mandatory at post_plan"]
    assert list(lines(coverage, len(rows[2]) - 1))[:3] == blocks


def test_global_disabled_and_unlisted_are_below_the_table() -> None:
    """The totals mention global and disabled run tasks, and workspaces that aren't listed."""
    task = msgspec.structs.replace(
        SCAN,
        enabled=False,
        global_configuration=GlobalConfiguration(
            enabled=True, stages=("pre_plan",), enforcement_level="mandatory"
        ),
    )
    coverage = matrix(["p1"], {"p9": [observed("advisory")]}, task)
    assert list(lines(coverage))[3:] == [
        "scan (disabled: it does not run): 0 of 1 workspaces; 1 more that this token can't list",
        "  global: mandatory at pre_plan on every workspace that it is not attached to",
    ]
    (row,) = decoded(coverage)["tasks"]
    assert row == {
        "task": "scan",
        "task_id": "task-1",
        "enabled": False,
        "global": "mandatory at pre_plan",
        "workspaces": 0,
        "not_listed": 1,
        "attached_more_than_once": [],
    }


def test_a_run_task_that_may_be_disabled_is_not_shown_as_enabled() -> None:
    """Some servers don't show it, and then nobody knows whether it runs."""
    coverage = matrix(["p1"], {}, msgspec.structs.replace(SCAN, enabled=None))
    words = "scan (the server doesn't show whether it is enabled): 0 of 1 workspaces"
    assert words in lines(coverage)
    assert decoded(coverage)["tasks"][0]["enabled"] is None


def test_workspaces_with_surplus_attachments_are_named() -> None:
    """Workspaces with two attachments of a run task are named, with the way to remove them."""
    twice = [observed("advisory"), observed("mandatory", ident="wstask-2")]
    coverage = matrix(["p1", "p2"], {"p1": twice, "p2": [observed("advisory")]})
    assert "  attached more than once on p1: a job of kind detach removes them all" in lines(
        coverage
    )
    assert decoded(coverage)["tasks"][0]["attached_more_than_once"] == ["p1"]


def test_a_disabled_global_setting_is_not_shown() -> None:
    """Only an enabled global setting has an effect."""
    task = msgspec.structs.replace(SCAN, global_configuration=GlobalConfiguration())
    assert decoded(matrix(task=task))["tasks"][0]["global"] is None


def test_json_has_every_attachment_and_status() -> None:
    """JSON has each attachment with ids, level and stages, and the status."""
    several = [observed("advisory"), observed("mandatory", ident="wstask-2")]
    desired = {"p1": Desired(Status.DIFFERS, "why")}
    found = decoded(matrix(attached={"p1": several}, desired=desired))
    assert (found["organization"], found["job"]) == ("acme", "j")
    assert found["counts"] == {"as_desired": 0, "missing": 0, "differs": 1}
    first, second = found["workspaces"]
    assert [(t["workspace_task_id"], t["enforcement_level"]) for t in first["tasks"]] == [
        ("wstask-1", "advisory"),
        ("wstask-2", "mandatory"),
    ]
    assert (first["status"], first["desired"]) == ("differs", "why")
    assert second == {"workspace": "p2", "workspace_id": "p2", "project": "data", "tasks": []}


def test_json_without_a_job_or_a_workspace() -> None:
    """Without a job there are no counts, and without workspaces an empty list."""
    found = decoded(matrix([]))
    assert (found["job"], found["counts"], found["workspaces"]) == (None, None, [])


def test_csv_has_a_row_per_workspace() -> None:
    """CSV has names, ids, a column per run task, and with a job its status."""
    desired = {"p1": Desired(Status.MISSING, "mandatory at post_plan")}
    coverage = matrix(
        attached={"p2": [observed("mandatory", "pre_plan", "post_plan")]}, desired=desired
    )
    assert "".join(csv_lines(coverage)) == (
        '"workspace","workspace_id","project","scan","status","desired"\r\n'
        '"p1","p1","data","","missing","mandatory at post_plan"\r\n'
        '"p2","p2","data","mandatory at pre_plan, post_plan","",""\r\n'
    )
    assert table(matrix())[0] == ["workspace", "workspace_id", "project", "scan"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_every_form_has_every_workspace_whatever_its_name(names: list[str]) -> None:
    """CSV has one row per workspace, JSON the same string, and no cell is a formula."""
    coverage = matrix(names, task=msgspec.structs.replace(SCAN, name=names[0]))
    rows = table(coverage)
    assert len(rows) == 1 + len(names)
    assert {len(row) for row in rows} == {4}
    assert not any(cell.startswith(FORMULA) for row in rows for cell in row)
    assert [w["workspace"] for w in decoded(coverage)["workspaces"]] == names
    assert len(list(lines(coverage))) == 3 + len(names)
    assert all(line.isprintable() for line in list(lines(coverage))[: 1 + len(names)])


@pytest.mark.parametrize("start", FORMULA)
def test_a_formula_is_defused(start: str) -> None:
    """A cell that a spreadsheet would evaluate gets an apostrophe; others are unchanged."""
    name = f"{start}cmd|' /C calc'!A0"
    cell = table(matrix([name, "a=b", 'a"b,c']))
    assert cell[1][0].startswith("'")
    assert cell[1][0].endswith("cmd|' /C calc'!A0")
    assert [row[0] for row in cell[2:]] == ["a=b", 'a"b,c']
