"""``GITHUB_STEP_SUMMARY``: what plan, apply, resume and undo append for a step's page."""

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
    """Return what was appended."""
    return (world.folder / "summary.md").read_text(encoding="utf-8")


def test_without_the_variable_nothing_is_written(world: World, here: Here) -> None:
    """Neither if it is unset nor if it is empty."""
    assert here(*world.applying, GITHUB_STEP_SUMMARY="").code == 0
    assert sorted(path.name for path in world.folder.iterdir()) == [
        "job.toml", "scan.jsonl", "scan.jsonl.lock",
    ]  # fmt: skip


def test_a_plan_is_appended(world: World, here: Here) -> None:
    """It follows earlier content; stdout is the same; a saved plan names the apply command."""
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
    """There is no journal to report, so the plan gives the reason."""
    here(*world.applying, GITHUB_STEP_SUMMARY="")
    assert here("apply", "job.toml", "--yes", **SUMMARY).code == 0
    assert "12 skipped" in summary(world)


def test_an_unread_pipe_does_not_delay_a_job(world: World, here: Here) -> None:
    """It is not a file: one note reports it, and the job ends as usual."""
    os.mkfifo(world.folder / "summary.md")
    done = here(*world.applying, **SUMMARY)
    assert done.code == 0
    assert "nothing was appended: summary.md is not a regular file" in done.err


def test_an_empty_plan_names_no_next_command(world: World, here: Here) -> None:
    """If everything is as desired, there is nothing to apply."""
    here(*world.applying, GITHUB_STEP_SUMMARY="")
    here("plan", "job.toml", **SUMMARY)
    assert "12 skipped" in summary(world)
    assert "bulkops apply" not in summary(world)


def test_a_finished_job_is_appended(world: World, here: Here) -> None:
    """Its report is that of ``report --format markdown``; an undo's follows it."""
    assert here(*world.applying, **SUMMARY).code == 0
    printed = here("report", "scan.jsonl", "--format", "markdown").out
    assert summary(world) == printed
    assert ["succeeded", "12"] in read(printed).cells
    assert " complete; took " in printed
    assert here("undo", "scan.jsonl", "--yes", **SUMMARY).code == 0
    undone = here("report", "scan.undo.jsonl", "--format", "markdown").out
    assert summary(world) == f"{printed}\n{undone}"
    assert "`scan`: undo of attach" in undone


def test_failures_are_grouped_and_followed_by_the_next_command(world: World, here: Here) -> None:
    """Exit 3 has a summary, and so has the resume after it."""
    refused(world, here)
    assert here("resume", "scan.jsonl", "--yes", **SUMMARY).code == 3
    shown = read(summary(world))
    (group,) = (row for row in shown.cells if len(row) == 4 and row[0] == "failed")
    assert (group[1], group[3]) == ("3", "-prod, prod-001, prod-002")
    assert "bulkops resume scan.jsonl --retry-failed retries failed operations." in shown.text


def test_an_interruption_has_its_summary(world: World) -> None:
    """After SIGTERM it lists what is done and pending, and how to resume."""
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
    """After a revoked token (exit 1) it shows the progress."""
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
def test_an_unwritable_summary_is_a_note(world: World, here: Here, name: str) -> None:
    """One line on stderr reports it; the plan and the rollout end as usual."""
    (world.folder / "folder").mkdir()
    for arguments in (("plan", "job.toml"), world.applying):
        done = here(*arguments, GITHUB_STEP_SUMMARY=name)
        assert done.code == 0
        assert done.err.count("GITHUB_STEP_SUMMARY: nothing was appended: ") == 1
    assert world.all_desired()


def test_a_full_summary_is_unchanged(world: World, here: Here) -> None:
    """GitHub accepts at most 1 MiB, so earlier content is not put at risk."""
    before = "x" * (ROOM - 9_000)
    Path("summary.md").write_text(before, encoding="utf-8")
    done = here(*world.applying, **SUMMARY)
    assert done.code == 0
    assert "GITHUB_STEP_SUMMARY: nothing was appended: the summary of this step is full" in done.err
    assert summary(world) == before


def test_a_nearly_full_summary_is_filled_up(world: World, here: Here) -> None:
    """It lists as much as fits beside the earlier content."""
    for number in range(2000):
        world.simulator.add_workspace(f"more-{number:04}-{'x' * 60}")
    Path("summary.md").write_text("x" * (ROOM - 20_000), encoding="utf-8")
    here("plan", "job.toml", **SUMMARY)
    assert ROOM - 1000 < Path("summary.md").stat().st_size <= ROOM
    assert "more: `bulkops plan JOB --json` lists all" in summary(world)
