"""Kinds that change something else than attachments, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.support import TASK, World
from tests.conftest import Here

HEAD = f'name = "other"\norganization = "acme"\n[operation]\ntask = "{TASK}"\n'


def written(text: str) -> str:
    """Write a job file and return its name."""
    Path("other.toml").write_text(text, encoding="utf-8")
    return "other.toml"


def test_a_run_task_is_disabled_and_enabled_again(world: World, here: Here) -> None:
    """A run task is planned, applied, verified, reported and undone, with its name and id."""
    job = written(HEAD + 'kind = "task-disable"\n[pace]\nsettle = "50ms"\n')
    task = world.simulator.world.organizations["acme"].tasks[TASK]
    done = here("plan", job)
    assert (done.code, done.err) == (0, "")
    assert done.lines[2:4] == ["  ~ disable  enabled → disabled  1 run task", f"      {TASK}"]
    assert done.lines[-1] == "Plan: 1 to disable; 0 skipped."
    applied = here("apply", job, "--journal", "other.jsonl", "--yes", "--json")
    assert applied.code == 0
    (result,) = [value for value in applied.objects if value["type"] == "result"]
    assert (result["task"], result["task_id"], result["action"]) == (TASK, task.id, "disable")
    assert "workspace" not in result
    assert not task.enabled
    assert here("plan", job).lines[-1] == "Plan: nothing to do; 1 skipped."
    assert here("verify", "other.jsonl").code == 0
    rows = json.loads(here("report", "other.jsonl", "--format", "json").out)["rows"]
    assert [(row["task"], "workspace" in row) for row in rows] == [(TASK, False)]
    task.enabled = True
    differing, *_ = here("verify", "other.jsonl", "--json").objects
    assert (differing["task"], differing["shows"]) == (TASK, "enabled")
    task.enabled = False
    assert here("undo", "other.jsonl", "--yes").code == 0
    assert task.enabled


def test_a_key_is_rotated_and_never_shown(world: World, here: Here) -> None:
    """The key is neither printed nor in a file, and another key can't resume the journal."""
    job = written(HEAD + 'kind = "task-rotate-hmac"\nkey_env = "NEW_KEY"\n')
    key = "4c1d-never-told"
    task = world.simulator.world.organizations["acme"].tasks[TASK]
    assert here("plan", job).code == 2
    plan = here("plan", job, NEW_KEY=key)
    runs = [plan, here("plan", job, "--json"), here("apply", job, "--journal", "o.jsonl", "--yes")]
    assert [done.code for done in runs] == [0, 0, 0]
    assert plan.lines[-1] == "Plan: 1 to rotate; 0 skipped."
    assert "bulkops verify o.jsonl" in runs[2].err
    assert "bulkops undo" not in runs[2].err
    assert task.hmac_key == key
    runs += [here("verify", "o.jsonl"), here("report", "o.jsonl"), here("status", "o.jsonl")]
    assert runs[3].lines == ["0 of 1 operation verified, 1 can't be read back."]
    assert here("verify", "o.jsonl", "--json").objects[-1]["unreadable"] == 1
    assert not any(key in done.out + done.err for done in runs)
    assert not any(key in path.read_text() for path in Path().rglob("*") if path.is_file())
    assert here("undo", "o.jsonl", "--yes").code == 2


def test_a_report_of_workspaces_names_no_run_task(here: Here) -> None:
    """It names only the kind and the organization; its rows are workspaces."""
    text = 'name = "other"\norganization = "acme"\n[operation]\nkind = "workspace-update"\n'
    job = written(text + 'auto_apply = true\n[select]\nnames = ["prod-001"]\n')
    planned = here("plan", job)
    assert planned.lines[0] == "workspace-update in acme"
    assert planned.lines[2:4] == [
        "  ~ update  auto-apply false → true  1 workspace",
        "      prod-001",
    ]
    assert here("apply", job, "--journal", "o.jsonl", "--yes").code == 0
    first, *_ = here("report", "o.jsonl").lines
    assert first.startswith("other: workspace-update in acme (")
    assert here("plan", job, "--json").objects[0]["workspace"] == "prod-001"


def test_a_deleted_run_task_is_gone_for_good(world: World, here: Here) -> None:
    """The plan notes that it can't be undone; ``undo`` refuses: exit 2, nothing sent."""
    for name in ("prod-001", "prod-002"):
        world.simulator.attach(name, TASK)
    job = written(HEAD + 'kind = "task-delete"\n[pace]\nsettle = "50ms"\n')
    planned = here("plan", job)
    note = "    Note: this can't be undone: the run task and its 2 attachments will be lost"
    assert note in planned.lines
    assert planned.lines[-1] == "Plan: 2 to detach, 1 to delete; 0 skipped."
    assert here("apply", job, "--journal", "other.jsonl", "--confirm", TASK).code == 0
    assert TASK not in world.simulator.world.organizations["acme"].tasks
    assert here("verify", "other.jsonl").code == 0
    requests = world.requests
    undone = here("undo", "other.jsonl", "--yes")
    assert (undone.code, world.requests) == (2, requests)
    assert "jobs of kind task-delete can't be undone" in undone.err
    assert not Path("other.undo.jsonl").exists()
