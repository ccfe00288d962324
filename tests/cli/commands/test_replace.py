"""``replace`` at the command line: two lines a workspace, in text and in JSON."""

from __future__ import annotations

import pytest

from tests.cli.support import TASK, World
from tests.conftest import Here

OLD = "legacy-scan"
POST_PLAN = {"enforcement-level": "advisory", "stages": ["post_plan"]}


@pytest.fixture
def replacing(world: World) -> World:
    """A job that replaces a run task on three workspaces of the twelve."""
    world.simulator.add_task(OLD)
    for name in ("prod-001", "prod-002", "prod-003"):
        world.simulator.attach(name, OLD)
    world.simulator.attach("prod-002", TASK)
    world.simulator.attach("prod-003", TASK, enforcement_level="mandatory")
    world.job(
        ('kind = "attach"', f'kind = "replace"\nreplaces = "{OLD}"'),
        ('enforcement_level = "mandatory"\n', ""),
    )
    return world


def test_a_plan_shows_changes_of_both_run_tasks(replacing: World, here: Here) -> None:
    """The first line names both; each change of either has a +, ~ or -; nothing is sent."""
    done = here("plan", "job.toml")
    assert (done.code, replacing.writes) == (0, 0)
    assert done.lines[0].startswith(f"replace {OLD} (task-")
    assert f") with {TASK} (task-" in done.lines[0]
    assert done.lines[2:8] == [
        "  + attach  new: advisory at post_plan                           1 workspace",
        "      prod-001",
        "  ~ update  new: mandatory at post_plan → advisory at post_plan  1 workspace",
        "      prod-003",
        "  - detach  old: advisory at post_plan → not attached            3 workspaces",
        "      prod-001, prod-002, prod-003",
    ]
    assert done.lines[8] == f"    9 skipped: {OLD} is not attached: nothing to replace"
    assert done.lines[-1] == "Plan: 1 to attach, 1 to update, 3 to detach; 9 skipped."


@pytest.mark.usefixtures("replacing")
def test_check_names_the_old_run_task_first(here: Here) -> None:
    """The order is that of the plan."""
    assert here("check", "job.toml").out.startswith(f"scan: replace {OLD} with {TASK} in acme, ")


def test_json_has_the_aspect_of_each_operation(replacing: World, here: Here) -> None:
    """Plan, results and report have the aspect, and the names of both run tasks."""
    first, second, *_, totals = here("plan", "job.toml", "--json").objects
    assert (first["aspect"], first["action"], first["desired"]) == ("new", "attach", POST_PLAN)
    assert (second["aspect"], second["action"], second["before"]) == ("old", "detach", POST_PLAN)
    assert (totals["task"], totals["replaces"]) == (TASK, OLD)
    done = here("apply", "job.toml", "--journal", "scan.jsonl", "--yes", "--json")
    assert done.code == 0
    found = [(o["workspace"], o["aspect"]) for o in done.objects if o["type"] == "result"]
    assert len(found) == 5
    assert found.index(("prod-001", "new")) < found.index(("prod-001", "old"))
    assert (done.objects[-1]["task"], done.objects[-1]["replaces"]) == (TASK, OLD)
    assert replacing.writes == 5


def test_reports_name_both_and_which_has_drifted(replacing: World, here: Here) -> None:
    """The report's first line, one row per operation, and verify's message do so."""
    here("apply", "job.toml", "--journal", "scan.jsonl", "--yes")
    assert (
        here("report", "scan.jsonl").lines[0].startswith(f"scan: replace {OLD} with {TASK} in acme")
    )
    replacing.simulator.attach("prod-001", OLD)
    differs = here("verify", "scan.jsonl")
    assert differs.code == 3
    shown = "the server shows old: advisory at post_plan; desired: not attached"
    assert differs.lines[0] == f"drifted  prod-001  {shown}"


def test_a_saved_plan_knows_both_run_tasks(replacing: World, here: Here) -> None:
    """It is applied in its order, without a question and without ``--confirm``."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    assert here("apply", "scan.plan", "--journal", "scan.jsonl").code == 0
    assert replacing.writes == 5
    assert not any(replacing.simulator.attachments(f"prod-00{n}", OLD) for n in (1, 2, 3))


def test_waves_may_separate_the_two_operations(replacing: World, here: Here) -> None:
    """The new one is in one wave and the old one in the next, so the order is kept."""
    replacing.job(
        ('kind = "attach"', f'kind = "replace"\nreplaces = "{OLD}"'),
        ('enforcement_level = "mandatory"\n', ""),
        ("[select]", '[rollout]\nwaves = ["1", "2", "100%"]\n\n[select]'),
    )
    assert here("apply", "job.toml", "--journal", "scan.jsonl", "--yes").code == 0
    assert replacing.writes == 5
    found = (replacing.folder / "scan.jsonl").read_text(encoding="utf-8")
    assert found.count('"type":"wave"') == 3 * 3  # begun, verified, passed
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert [len(replacing.simulator.attachments(f"prod-00{n}", OLD)) for n in (1, 2, 3)] == [1] * 3


def test_a_replacement_against_an_unfinished_job_is_noticed(replacing: World, here: Here) -> None:
    """Either of its two run tasks may be the one that the other job attached."""
    job = replacing.folder / "job.toml"
    asked = job.read_text(encoding="utf-8")
    job.write_text(
        'name = "old"\norganization = "acme"\n[operation]\nkind = "attach"\n'
        f'task = "{OLD}"\nenforcement_level = "mandatory"\n[select]\nall = true\n'
        '[rollout]\nwaves = ["6", "100%"]\npause = "manual"\n',
        encoding="utf-8",
    )
    assert here("apply", "job.toml", "--yes").code == 6
    job.write_text(asked, encoding="utf-8")
    assert "is not finished: this plan reverts 6 of its changes" in here("plan", "job.toml").out
