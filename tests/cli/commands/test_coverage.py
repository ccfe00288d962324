"""``bulkops coverage``: the organization as the server shows it, and the exit code."""

from __future__ import annotations

import csv
import io
import re
import shutil
from typing import Any, cast

import msgspec
import pytest

from bulkops.operations import KINDS
from bulkops.operations.kinds.base import Kind
from bulkops.operations.kinds.detach import DetachSpec
from bulkops.operations.model import Scope
from bulkops.simulator.core import Simulator
from tests.cli.support import TASK, StagedSimulator, World, organization, serving
from tests.conftest import Here
from tests.documents.job_tables import JOBS

ALL = ("coverage", "--organization", "acme")


def _some(simulator: Simulator) -> None:
    simulator.add_task("lint")
    simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    simulator.attach("prod-002", TASK, enforcement_level="advisory")
    simulator.attach("prod-002", "lint", enforcement_level="advisory", stages=("pre_plan",))


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_without_a_job_it_is_all_run_tasks_and_exit_0(world: World) -> None:
    """Each workspace and run task is listed with level and stages, without a verdict."""
    _some(world.simulator)
    done = world.run(*ALL, COLUMNS="200")
    assert (done.code, done.err) == (0, "")
    assert done.lines[:3] == [
        "WORKSPACE  lint                  security-scan",
        "prod-001   -                     mandatory at post_plan",
        "prod-002   advisory at pre_plan  advisory at post_plan",
    ]
    assert done.lines[-2:] == ["lint: 1 of 12 workspaces", "security-scan: 2 of 12 workspaces"]
    assert world.writes == 0


def test_a_job_reports_gaps_and_exit_3(world: World, here: Here) -> None:
    """Exit 3 if the job's task is missing or differs anywhere, else exit 0."""
    _some(world.simulator)
    done = here("coverage", "job.toml", "--format", "csv")
    assert (done.code, done.err) == (3, "")
    first, second, third, *_ = _rows(done.out)
    assert (first["status"], second["status"], third["status"]) == (
        "as_desired",
        "differs",
        "missing",
    )
    assert second["desired"] == "mandatory at post_plan"
    assert world.writes == 0
    assert world.apply().code == 0
    assert here("coverage", "job.toml").code == 0


def test_unselected_workspaces_are_no_gaps(world: World, here: Here) -> None:
    """The matrix covers the whole organization, the verdict only the job's selection."""
    world.simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    world.job(("all = true", 'names = ["prod-001"]'))
    done = here("coverage", "job.toml", "--format", "json")
    assert done.code == 0
    found: Any = msgspec.json.decode(done.out)
    assert found["counts"] == {"as_desired": 1, "missing": 0, "differs": 0}
    assert len(found["workspaces"]) == 12
    assert [w.get("status") for w in found["workspaces"][:2]] == ["as_desired", None]


def test_named_run_tasks_only_and_the_jobs_own(world: World, here: Here) -> None:
    """``--task`` takes names and ids; with a job, its run task is always included."""
    _some(world.simulator)
    tasks = msgspec.json.decode(here(*ALL, "--format", "json").out)["tasks"]
    ident = next(task["task_id"] for task in tasks if task["task"] == "lint")
    for name in ("lint", ident):
        assert here(*ALL, "--task", name).lines[0] == "WORKSPACE  lint"
    both = here("coverage", "job.toml", "--task", "lint", "--format", "csv").lines[0]
    assert both == '"workspace","workspace_id","project","lint","security-scan","status","desired"'


def test_a_narrow_terminal_gets_blocks_and_a_file_the_table(world: World, here: Here) -> None:
    """If the table is wider than the terminal, each workspace is a block; a file has room."""
    _some(world.simulator)
    narrow = here(*ALL, COLUMNS="40")
    assert narrow.lines[:3] == ["prod-001", "  security-scan  mandatory at post_plan", "prod-002"]
    done = here(*ALL, "--output", "coverage.txt", COLUMNS="40")
    assert (done.code, done.out, done.err) == (0, "", "")
    written = (world.folder / "coverage.txt").read_text(encoding="utf-8")
    assert written.startswith("WORKSPACE  lint")


def test_a_file_keeps_the_line_ends_of_csv(world: World, here: Here) -> None:
    """RFC 4180 has CR LF, in a file as on stdout; the exit code is still 3 if there are gaps."""
    done = here("coverage", "job.toml", "--format", "csv", "--output", "c.csv")
    assert (done.code, done.out) == (3, "")
    lines = (world.folder / "c.csv").read_bytes().split(b"\r\n")
    assert len(lines) == 1 + 12 + 1
    assert not any(b"\n" in line for line in lines)


def test_the_jobs_organization_may_be_named_in_another_case(here: Here) -> None:
    """The server ignores it."""
    assert here("coverage", "job.toml", "--organization", "ACME").code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((*ALL, "--task", "scna"), 2, '"scna": no such run task in acme'),
        (("coverage",), 2, "--organization"),
        (("coverage", "--organization", "nobody"), 2, 'organization = "nobody"'),
        (("coverage", "job.toml", "--organization", "other"), 2, "the job file names acme"),
        (("coverage", "missing.toml"), 2, "missing.toml"),
        ((*ALL, "--format", "xml"), 2, "--format"),
        ((*ALL, "--task", TASK, "--missing"), 2, "--missing goes with one --task and --format csv"),
        ((*ALL, "--missing", "--format", "csv"), 2, "--missing goes with one --task"),
        (("coverage", "job.toml", "--missing"), 2, "without a job file"),
        ((*ALL, "--output", "no/such/folder"), 1, "can't be written"),
    ],
    ids=(
        *("task", "none", "organization", "two", "file", "format"),
        *("text of missing", "missing of all", "missing of a job", "output"),
    ),
)
def test_wrong_arguments_are_reported(
    here: Here, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """Wrong names and files end with a message, and with nothing on stdout."""
    done = here(*arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_a_job_about_something_else_is_refused(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind that attaches nothing does not define which workspaces need a run task."""

    class Other:
        name = "other"
        spec_type = DetachSpec
        scope = Scope.SELECTED

    monkeypatch.setitem(KINDS, "other", cast("type[Kind]", Other))
    world.job(('"attach"', '"other"'), ('enforcement_level = "mandatory"', ""))
    done = here("coverage", "job.toml")
    assert done.code == 2
    assert 'operation.kind = "other": coverage shows where' in done.err


def test_requests_grow_by_pages(here: Here) -> None:
    """950 workspaces and two run tasks, one on half: 10 requests, 5, 1, and two at the start."""
    simulator = StagedSimulator(rate=0)
    organization(simulator, 950)
    simulator.add_task("lint")
    for name in sorted(simulator.world.organizations["acme"].workspaces)[::2]:
        simulator.attach(name, TASK)
    with serving(simulator) as address:
        done = here(*ALL, "--address", address, "--format", "csv")
        alone = simulator.stats.requests
        assert here("coverage", "job.toml", "--address", address).code == 3
    assert len(done.lines) == 951
    assert alone == 10 + 5 + 1 + 2
    assert simulator.stats.requests - alone <= alone + 10 + 4


@pytest.mark.parametrize(
    "profile", ["tfe-v202408-1", "tfe-v202402-1", "tfe-v202401-1-none-included"]
)
def test_older_servers_show_the_same(here: Here, profile: str) -> None:
    """If a server has no list by run task, other lists give the same result."""
    simulator = StagedSimulator(rate=0, profile=profile)
    organization(simulator, 3)
    simulator.attach("prod-002", TASK, enforcement_level="mandatory")
    with serving(simulator) as address:
        done = here(*ALL, "--address", address, "--format", "csv")
    assert [row[TASK] for row in _rows(done.out)] == ["", "mandatory at post_plan", ""]


def test_names_from_the_server_can_not_reach_the_terminal(world: World, here: Here) -> None:
    """Control characters are escaped in every form, and no cell is a formula."""
    world.simulator.add_task("=cmd()\x1b[2J")
    for form in ("text", "csv", "json"):
        assert "\x1b" not in here(*ALL, "--format", form).out
    assert "'=cmd()\\u001b[2J" in here(*ALL, "--format", "csv").lines[0]


def test_the_daily_recipe_works(world: World) -> None:
    """The script in ``jobs/README.md`` prints something only if there are gaps."""
    shutil.copytree(JOBS, world.folder / "jobs")
    scripts = re.findall(r"```sh\n(.*?)```", (JOBS / "README.md").read_text("utf-8"), re.DOTALL)
    (script,) = (script for script in scripts if "bulkops coverage" in script)
    done = world.shell(script)
    assert (done.code, done.out) == (0, "run task missing or different: see coverage.csv\n")
    assert (world.folder / "coverage.csv").exists()
    assert world.run("apply", "jobs/require-security-scan.toml", "--yes").code == 0
    assert world.shell(script).out == ""
    unreachable = world.shell(script, TFE_TOKEN="")
    assert unreachable.code == 1


LISTED = (
    ('name = "scan"', 'name = "listed"'),
    (
        'enforcement_level = "mandatory"',
        'from_file = ["enforcement_level", "stages"]',
    ),
)
FORMULAS = ("=SUM(A1)", "-prod", "@home", "+1")
"""Names that a spreadsheet would run as formulas."""


def _attached_in_many_ways(simulator: Simulator) -> None:
    """Attach the run task with every level and two kinds of stages, also where names are odd."""
    for name in FORMULAS:
        simulator.add_workspace(name)
    names = sorted(simulator.world.organizations["acme"].workspaces)
    for number, name in enumerate(names[:-3]):
        level = ("mandatory", "advisory")[number % 2]
        stages = ("post_plan",) if number % 3 else ("pre_plan", "post_apply")
        simulator.attach(name, TASK, enforcement_level=level, stages=stages)


@pytest.mark.parametrize("kind", ["attach", "update"])
@pytest.mark.parametrize("with_ids", [True, False], ids=["ids", "names"])
def test_an_unedited_export_changes_nothing(
    world: World, here: Here, kind: str, *, with_ids: bool
) -> None:
    """A job with the present state as its file plans nothing; an edited cell is the one change."""
    _attached_in_many_ways(world.simulator)
    done = here(*ALL, "--task", TASK, "--format", "csv", "--output", "now.csv")
    assert (done.code, done.out) == (0, "")
    export = world.folder / "now.csv"
    if not with_ids:
        rows = list(csv.reader(export.read_text(encoding="utf-8").splitlines()))
        with export.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([row[0], *row[2:]] for row in rows)
    world.job(*LISTED, ("all = true", 'file = "now.csv"'), ('"attach"', f'"{kind}"'))
    before = world.shown()
    plan = here("plan", "job.toml", "--detailed-exitcode")
    assert plan.code == 0, plan
    assert "Plan: 0 to attach, 0 to update, 0 to detach; 13 skipped." in plan.out
    assert "Note" not in plan.out
    assert here(*world.applying).code == 0
    assert (world.writes, world.shown()) == (0, before)

    text = export.read_text(encoding="utf-8").replace("mandatory", "advisory", 1)
    export.write_text(text, encoding="utf-8")
    assert here(*world.applying).code == 0
    changed = {name: shows for name, shows in world.shown().items() if shows != before[name]}
    assert len(changed) == world.writes == 1


def test_an_export_has_the_workspaces_with_the_run_task_or_all(world: World, here: Here) -> None:
    """Level and stages are in columns of their own; --missing adds rows with empty cells."""
    _attached_in_many_ways(world.simulator)
    listing = (*ALL, "--task", TASK, "--format", "csv")
    attached, every = _rows(here(*listing).out), _rows(here(*listing, "--missing").out)
    assert list(attached[0]) == [
        *("workspace", "workspace_id", "project", "enforcement_level", "stages")
    ]
    shown = world.shown()
    assert {row["workspace"].removeprefix("'"): _shown(row) for row in attached} == {
        name: shows[0] for name, shows in shown.items() if shows
    }
    workspaces = world.simulator.world.organizations["acme"].workspaces
    projects = {name: workspace.project.name for name, workspace in workspaces.items()}
    assert {row["workspace"].removeprefix("'"): row["project"] for row in every} == projects
    assert all(projects.values())
    rest = [row for row in every if row not in attached]
    assert {row["workspace"] for row in rest} == {name for name in shown if not shown[name]}
    assert {(row["enforcement_level"], row["stages"]) for row in rest} == {("", "")}


def _shown(row: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    return row["enforcement_level"], tuple(row["stages"].split())
