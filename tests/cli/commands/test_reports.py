"""``report`` in its formats, of journals that the real command wrote."""

from __future__ import annotations

import csv
import io
import re
import signal
from pathlib import Path

import pytest
from junitparser import JUnitXml

from bulkops.api.messages import Request
from bulkops.simulator.state import Entitlements
from tests.cli.output.test_escapes import EVIL
from tests.cli.support import TASK, World
from tests.conftest import Here
from tests.report.test_markdown import read


def refused(world: World, here: Here) -> set[str]:
    """Apply, with the first three workspaces refused; return their names."""
    world.simulator.add_workspace("-prod")
    world.job(("[pace]", "[rollout]\nmax_failures = 5\n[pace]\nmax_at_once = 1"))
    acme = world.simulator.world.organizations["acme"]
    observed = {"writes": 0}

    def bound(request: Request) -> None:
        observed["writes"] += request.writes
        limit = 0 if 0 < observed["writes"] <= 3 else None
        acme.entitlements = Entitlements(run_task_workspace_limit=limit)

    world.simulator.before = bound
    assert here(*world.applying).code == 3
    world.simulator.before = None
    return {name for name, shows in world.shown().items() if not shows}


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV report."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("output_format", ["csv", "json"])
def test_failed_targets_are_the_next_jobs_selection(
    world: World, here: Here, output_format: str
) -> None:
    """A report of failures is a ``select.file``: the next plan has exactly those."""
    failing = refused(world, here)
    assert failing == {"-prod", "prod-001", "prod-002"}
    only = ("--format", output_format, "--only", "failed", "--output", "failed.list")
    assert here("report", "scan.jsonl", *only).code == 0
    world.job(("all = true", 'file = "failed.list"'))
    planned = here("plan", "job.toml", "--json").objects
    assert {o["workspace"] for o in planned if o["type"] == "operation"} == failing
    assert planned[-1]["skipped"] == 0
    assert here("apply", "job.toml", "--journal", "next.jsonl", "--yes").code == 0
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_csv_of_a_real_rollout(world: World, here: Here) -> None:
    """Every operation has a date and a duration; refused ones the server's message and id."""
    refused(world, here)
    found = rows(here("report", "scan.jsonl", "--format", "csv").out)
    assert [row["outcome"] for row in found] == ["failed"] * 3 + ["succeeded"] * 10
    assert all(row["at"] and float(row["seconds"]) >= 0 for row in found)
    assert found[0]["workspace"] == "'-prod"
    assert {row["status"] for row in found[:3]} == {"422"}
    assert all(row["request_id"] and row["reason"] for row in found[:3])


def test_csv_of_a_run_task_and_of_an_undo(world: World, here: Here) -> None:
    """A run task is a ``task``; an undo's action is the inverse."""
    here(*world.applying)
    here("undo", "scan.jsonl", "--yes")
    undone = rows(here("report", "scan.undo.jsonl", "--format", "csv").out)
    assert {row["action"] for row in undone} == {"detach"}
    assert undone[0]["change"] == "mandatory at post_plan → not attached"
    (world.folder / "task.toml").write_text(
        f'name = "t"\norganization = "acme"\n[operation]\nkind = "task-disable"\ntask = "{TASK}"\n',
        encoding="utf-8",
    )
    assert here("apply", "task.toml", "--journal", "task.jsonl", "--yes").code == 0
    (row,) = rows(here("report", "task.jsonl", "--format", "csv").out)
    assert (row["workspace"], row["task"], row["action"]) == ("", TASK, "disable")


def test_a_file_keeps_the_line_ends(world: World, here: Here) -> None:
    """``--output`` writes CR LF unchanged, the same as on stdout."""
    here(*world.applying)
    shown = here("report", "scan.jsonl", "--format", "csv").out
    here("report", "scan.jsonl", "--format", "csv", "--output", "report.csv")
    data = Path("report.csv").read_bytes()
    assert data == shown.encode()
    assert data.count(b"\r\n") == data.count(b"\n") == 13


def test_junit_of_waves_held_in_the_middle(world: World, here: Here) -> None:
    """One testsuite per wave, with its date; pending operations are skipped testcases."""
    world.job(("[pace]", '[rollout]\nwaves = ["1", "50%"]\npause = "manual"\n[pace]'))
    assert here(*world.applying).code == 6
    xml = JUnitXml.fromstring(here("report", "scan.jsonl", "--format", "junit").out.encode())
    assert (xml.tests, xml.failures, xml.errors) == (12, 0, 0)
    first, second, third = xml
    assert [suite.tests for suite in (first, second, third)] == [1, 5, 6]
    assert [suite.skipped for suite in (first, second, third)] == [0, 5, 6]
    assert first.name == "scan wave 1 of 3"


def test_junit_of_a_job_killed_in_the_middle(world: World, here: Here) -> None:
    """An operation in doubt is an error."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    done = here("report", "scan.jsonl", "--format", "junit")
    xml = JUnitXml.fromstring(done.out.encode())
    assert (xml.tests, xml.failures, xml.errors) == (12, 0, 1)


def test_markdown_of_a_job_killed_in_the_middle(world: World, here: Here) -> None:
    """It shows what is in doubt and the command that resumes."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    shown = read(here("report", "scan.jsonl", "--format", "markdown").out)
    assert ["in doubt", "1"] in shown.cells
    assert "1 execution, killed; took " in shown.text
    assert "Not finished. bulkops resume scan.jsonl resumes it." in shown.text


def test_a_replacement_has_two_operations_per_workspace(world: World, here: Here) -> None:
    """One per aspect: a JUnit class, a CSV column; Markdown's heading has both run tasks."""
    for number in (1, 2):
        world.simulator.attach(f"prod-00{number}", TASK)
    world.simulator.add_task("new-scan")
    new = f'"replace"\ntask = "new-scan"\nreplaces = "{TASK}"'
    world.job((f'"attach"\ntask = "{TASK}"', new))
    assert here(*world.applying, "--confirm", "new-scan").code == 0
    found = rows(here("report", "scan.jsonl", "--format", "csv").out)
    done = [(row["workspace"], row["aspect"]) for row in found if row["outcome"] == "succeeded"]
    assert done == [(name, part) for name in ("prod-001", "prod-002") for part in ("new", "old")]
    xml = here("report", "scan.jsonl", "--format", "junit").out
    assert set(re.findall(r'classname="([^"]*)"', xml)) >= {
        "bulkops.replace.new",
        "bulkops.replace.old",
    }
    markdown = here("report", "scan.jsonl", "--format", "markdown").out
    assert markdown.startswith(f"## `scan`: replace `{TASK}` with `new-scan` in `acme`\n")


@pytest.mark.parametrize("output_format", ["text", "json", "csv", "junit", "markdown", "html"])
def test_no_format_lets_a_name_through(world: World, here: Here, output_format: str) -> None:
    """Control characters are escaped in every format, including the server's messages."""
    world.simulator.add_workspace(EVIL)
    assert EVIL in refused(world, here)
    done = here("report", "scan.jsonl", "--format", output_format)
    assert done.code == 0
    assert all(line.rstrip("\r").isprintable() for line in done.out.split("\n"))
    assert "u202e" in done.out


def test_an_unknown_format_is_a_usage_error(here: Here) -> None:
    """Exit 2, and the formats are named."""
    done = here("report", "scan.jsonl", "--format", "yaml")
    assert done.code == 2
    assert "'junit'" in done.err
