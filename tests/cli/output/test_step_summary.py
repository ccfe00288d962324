"""``GITHUB_STEP_SUMMARY``: what plan, apply, resume and undo leave for a step's page."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.report.markdown_text import ROOM
from tests.cli.commands.test_reports import refused
from tests.cli.support import World
from tests.conftest import Here
from tests.report.test_markdown import read

SUMMARY = {"GITHUB_STEP_SUMMARY": "summary.md"}


def summary(world: World) -> str:
    """Return what was left."""
    return (world.folder / "summary.md").read_text(encoding="utf-8")


def test_without_it_nothing_is_written(world: World, here: Here) -> None:
    """Neither where it is unset nor where it is empty."""
    assert here(*world.applying, GITHUB_STEP_SUMMARY="").code == 0
    assert sorted(path.name for path in world.folder.iterdir()) == [
        "job.toml", "scan.jsonl", "scan.jsonl.lock",
    ]  # fmt: skip


def test_a_plan_is_appended(world: World, here: Here) -> None:
    """After what is there; stdout is the same; a saved one says how it is carried out."""
    shown = here("plan", "job.toml", GITHUB_STEP_SUMMARY="")
    (world.folder / "summary.md").write_text("# Before", encoding="utf-8")
    assert here("plan", "job.toml", **SUMMARY) == shown
    assert summary(world).startswith("# Before\n## Plan of `scan`: attach `security-scan` in")
    assert ["attach", "mandatory at post_plan", "12"] in read(summary(world)).cells
    assert "- `bulkops apply job.toml` carries it out." in summary(world)
    assert here("plan", "job.toml", "--out", "scan.plan", "--json", **SUMMARY).code == 0
    assert "- `bulkops apply scan.plan` carries it out." in summary(world)
    assert here("plan", "job.toml", "--select", "prod-00*", "--limit", "2", **SUMMARY).code == 0
    assert "- `bulkops apply job.toml --select 'prod-00*' --limit 2` carries it out." in summary(
        world
    )


def test_a_job_with_nothing_to_do_has_its_summary(world: World, here: Here) -> None:
    """There is no journal to report: the plan says why."""
    here(*world.applying, GITHUB_STEP_SUMMARY="")
    assert here("apply", "job.toml", "--yes", **SUMMARY).code == 0
    assert "12 skipped" in summary(world)


def test_a_pipe_nobody_reads_holds_nothing_back(world: World, here: Here) -> None:
    """It is no file: one note, and the job ends as it does."""
    os.mkfifo(world.folder / "summary.md")
    done = here(*world.applying, **SUMMARY)
    assert done.code == 0
    assert "nothing was appended: summary.md is not a regular file" in done.err


def test_a_plan_of_nothing_has_nothing_next(world: World, here: Here) -> None:
    """Where all is as wanted there is nothing to apply."""
    here(*world.applying, GITHUB_STEP_SUMMARY="")
    here("plan", "job.toml", **SUMMARY)
    assert "12 skipped" in summary(world)
    assert "bulkops apply" not in summary(world)


def test_a_finished_job_is_appended(world: World, here: Here) -> None:
    """Its report, as ``report --format markdown`` prints it; an undo's after it."""
    assert here(*world.applying, **SUMMARY).code == 0
    printed = here("report", "scan.jsonl", "--format", "markdown").out
    assert summary(world) == printed
    assert ["succeeded", "12"] in read(printed).cells
    assert " complete; took " in printed
    assert here("undo", "scan.jsonl", "--yes", **SUMMARY).code == 0
    undone = here("report", "scan.undo.jsonl", "--format", "markdown").out
    assert summary(world) == f"{printed}\n{undone}"
    assert "`scan`: undo of attach" in undone


def test_failures_are_grouped_and_what_to_run_next_is_said(world: World, here: Here) -> None:
    """Exit 3 has its summary; so has the resume after it."""
    refused(world, here)
    assert here("resume", "scan.jsonl", "--yes", **SUMMARY).code == 3
    shown = read(summary(world))
    (group,) = (row for row in shown.cells if len(row) == 4 and row[0] == "failed")
    assert (group[1], group[3]) == ("3", "-prod, prod-001, prod-002")
    assert "bulkops resume scan.jsonl --retry-failed retries failed operations." in shown.text


def test_an_interruption_has_its_summary(world: World) -> None:
    """SIGTERM in the middle: what was done, what is pending, what goes on."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.environment |= SUMMARY
    stopped = world.kill(signal.SIGTERM, write=4, stage="before")
    assert stopped.code == 143
    shown = read(summary(world))
    assert 4 <= world.writes < 12
    assert ["succeeded", str(world.writes)] in shown.cells
    assert ["pending", str(12 - world.writes)] in shown.cells
    assert ", stopped by SIGTERM" in shown.text
    assert "Not finished. bulkops resume scan.jsonl resumes it." in shown.text


def test_an_error_has_its_summary(world: World, here: Here) -> None:
    """A token revoked in the middle: exit 1, and how far it came."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))

    def revoke(_request: Request) -> None:
        if world.writes == 4:
            world.simulator.tokens = {}

    world.simulator.before = revoke
    assert here(*world.applying, **SUMMARY).code == 1
    shown = read(summary(world))
    assert ["succeeded", "4"] in shown.cells
    assert ", stopped by an error" in shown.text


@pytest.mark.parametrize("name", ["folder", "no/such/summary.md", "/dev/full"])
def test_where_it_cant_be_written_that_is_a_note(world: World, here: Here, name: str) -> None:
    """One line on stderr; the plan and the rollout end as they would."""
    (world.folder / "folder").mkdir()
    for arguments in (("plan", "job.toml"), world.applying):
        done = here(*arguments, GITHUB_STEP_SUMMARY=name)
        assert done.code == 0
        assert done.err.count("GITHUB_STEP_SUMMARY: nothing was appended: ") == 1
    assert world.all_desired()


def test_a_full_one_stays_as_it_is(world: World, here: Here) -> None:
    """GitHub takes 1 MiB or nothing: what is there already is not put at risk."""
    before = "x" * (ROOM - 9_000)
    Path("summary.md").write_text(before, encoding="utf-8")
    done = here(*world.applying, **SUMMARY)
    assert done.code == 0
    assert "GITHUB_STEP_SUMMARY: nothing was appended: the summary of this step is full" in done.err
    assert summary(world) == before


def test_a_nearly_full_one_is_filled_up(world: World, here: Here) -> None:
    """As many are listed as there is room for beside what is there."""
    for number in range(2000):
        world.simulator.add_workspace(f"more-{number:04}-{'x' * 60}")
    Path("summary.md").write_text("x" * (ROOM - 20_000), encoding="utf-8")
    here("plan", "job.toml", **SUMMARY)
    assert ROOM - 1000 < Path("summary.md").stat().st_size <= ROOM
    assert "more: `bulkops plan JOB --json` lists all" in summary(world)
