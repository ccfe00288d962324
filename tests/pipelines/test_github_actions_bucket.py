"""``jobs/github-actions-bucket.yml``: carried out step by step; runners leave nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bulkops.journal.place import place_of
from bulkops.journal.reader import read
from bulkops.journal.replay import Replay
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK, TOKEN, World
from tests.pipelines.bucket import PLACE, bucket_in
from tests.pipelines.runner import GitHub
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

JOBS = Path(__file__).resolve().parents[2] / "jobs"
FILE = JOBS / "github-actions-bucket.yml"
TEXT = FILE.read_text(encoding="utf-8")

SLOWLY = ("[pace]", "[pace]\nmax_at_once = 2")
LENIENT = ('level = "mandatory"', 'level = "advisory"')
PAUSES = ("[pace]", '[rollout]\nwaves = ["1", "50%"]\npause = "manual"\n\n[pace]')
BEARING = (SLOWLY, ("[pace]", "[rollout]\nmax_failures = 5\n\n[pace]"))
KILLED = Strike(signal.SIGKILL, write=5)


def _workflow(path: Path) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 takes its ``on`` for a yes."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on": found.pop(True), **found}


WORKFLOW = _workflow(FILE)
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


@pytest.fixture
def github(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A repository with the workflow, a bucket, and the organization acme."""
    world.job(SLOWLY)
    with bucket_in(tmp_path / "bucket") as bucket:
        for name, value in bucket.server.env.items():
            monkeypatch.setenv(name, value)
        yield GitHub(WORKFLOW, world, tmp_path / "github", bucket)


def _replay(rollout: str) -> Replay:
    return read(place_of(f"{PLACE}/journals/{rollout}").reader()).replay


def _all_done_once(world: World) -> bool:
    return world.all_desired() and set(world.changed().values()) == {1}


def test_the_workflow_matches_its_schema() -> None:
    """It is valid by the published JSON Schema of workflows."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    check = (sys.executable, "-m", "check_jsonschema")
    subprocess.run(
        [*check, "--builtin-schema", "vendor.github-workflows", str(FILE)],
        check=True,
        capture_output=True,
    )


def test_it_differs_from_the_one_with_artifacts_only_where_it_must() -> None:
    """Events, shell, concurrency, names and conditions of the jobs are the same."""
    other = _workflow(JOBS / "github-actions.yml")
    for key in ("name", "concurrency", "defaults"):
        assert WORKFLOW[key] == other[key]
    for name, job in other["jobs"].items():
        mine = WORKFLOW["jobs"][name]
        for key in ("runs-on", "timeout-minutes", "environment", "needs"):
            assert mine.get(key) == job.get(key)
        assert mine["if"].replace("continue_rollout", "continue_run") == job["if"]


def test_actions_are_pinned_and_there_are_no_keys() -> None:
    """Every action is named by a commit and its version; the role is all that opens the bucket."""
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"(actions|aws-actions)/[a-z-]+@[0-9a-f]{40}", name) for name in used)
    assert len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", TEXT)) == len(used)
    assert WORKFLOW["permissions"] == {"contents": "read", "id-token": "write"}
    assert not [job for job in WORKFLOW["jobs"].values() if "permissions" in job]
    assert re.findall(r"secrets\.(\w+)", TEXT) == ["TFE_TOKEN"] * 2
    assert "artifact" not in str(STEPS)


def test_no_script_has_an_expression_in_its_text() -> None:
    """A user's input reaches a script only through its environment."""
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def test_the_credentials_live_as_long_as_the_job() -> None:
    """They are not renewed while a step runs."""
    (given,) = [
        step["with"]["role-duration-seconds"]
        for step in WORKFLOW["jobs"]["apply"]["steps"]
        if "role-duration-seconds" in step.get("with", {})
    ]
    assert given >= WORKFLOW["jobs"]["apply"]["timeout-minutes"] * 60


def test_the_versions_are_those_of_the_image() -> None:
    """They are in a file of the repository, and both jobs install them."""
    assert (JOBS.parent / WORKFLOW["env"]["CONSTRAINTS"]).is_file()
    installing = {step["run"] for step in STEPS if step.get("name") == "Install"}
    assert installing == {'python -m pip install --constraint "$CONSTRAINTS" "$BULKOPS"'}


def test_each_job_has_a_role_of_its_own() -> None:
    """The one that needs no approval can't write journals."""
    roles = [
        step["with"]["role-to-assume"] for step in STEPS if "role-to-assume" in step.get("with", {})
    ]
    assert roles == ["${{ vars.AWS_PLAN_ROLE }}", "${{ vars.AWS_APPLY_ROLE }}"]


def test_a_rollout_in_one_attempt(github: GitHub) -> None:
    """It is applied as planned; all that is kept is in the bucket."""
    planned = github.attempt("plan", 1)
    assert [ran.code for ran in planned.values()] == [0] * 6
    assert github.world.writes == 0
    assert github.bucket is not None
    assert github.bucket.names() == ["plans/7001-1.plan"]
    assert "Rollout `7001-1`" in github.summary.read_text(encoding="utf-8")
    applied = github.attempt("apply", 1)
    assert [ran.code for ran in applied.values()] == [0] * 7
    assert _all_done_once(github.world)
    names = github.bucket.names()
    assert names[0] == "journals/7001-1/00000001.jsonl"
    assert names[-3:] == ["journals/7001-1/lease", "journals/7001-1/probe", "plans/7001-1.plan"]


def test_a_dead_runners_journal_is_taken_over(github: GitHub) -> None:
    """Two runners die with their disks; the third has the journal of both. Nothing twice."""
    assert github.bucket is not None
    github.attempt("plan", 1)
    assert github.attempt("apply", 1, strike=KILLED)["Apply"].code == -signal.SIGKILL
    github.bucket.expire()
    again = github.attempt("apply", 2, strike=Strike(signal.SIGKILL, write=2))["Apply"]
    assert again.code == -signal.SIGKILL
    assert "Waiting until it ends" in again.err
    assert f"Resuming {PLACE}/journals/7001-1." in again.err
    github.bucket.expire()
    assert github.attempt("apply", 3)["Apply"].code == 0
    assert _all_done_once(github.world)
    assert len(_replay("7001-1").executions) == 3


def test_nothing_of_the_journal_is_on_a_runner(github: GitHub, tmp_path: Path) -> None:
    """Of two killed machines there is the job file and the plan."""
    assert github.bucket is not None
    github.attempt("plan", 1)
    github.attempt("apply", 1, strike=KILLED)
    github.bucket.expire()
    github.attempt("apply", 2)
    machines = tmp_path / "github" / "machines"
    # pip may ask for a Rust compiler, which leaves a folder of its own.
    left = {path.name for path in machines.glob("*/*") if path.name != ".rustup"}
    assert left == {"job.toml", "saved.plan"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_step_gives_the_journal_back(github: GitHub, number: signal.Signals) -> None:
    """It drains and frees the lease: the re-run starts at once."""
    github.attempt("plan", 1)
    cancelled = github.attempt("apply", 1, strike=Strike(number, write=5))
    assert cancelled["Apply"].code == 128 + number
    assert _replay("7001-1").ended is not None
    again = github.attempt("apply", 2)["Apply"]
    assert (again.code, "Waiting" in again.err) == (0, False)
    assert _all_done_once(github.world)


def test_rerunning_all_jobs_makes_a_new_plan(github: GitHub) -> None:
    """The newly approved plan is applied with a journal of its own."""
    github.attempt("plan", 1)
    github.attempt("apply", 1, strike=KILLED)
    before = github.world.writes
    assert f"Plan: {12 - before} to attach" in github.attempt("plan", 2)["Plan"].out
    assert github.attempt("apply", 2)["Apply"].code == 0
    assert _all_done_once(github.world)
    assert len(_replay("7001-2").executions) == 1


def test_a_paused_rollout_is_resumed_by_another_run(github: GitHub) -> None:
    """Each run continues past one pause; a re-run stays at the next one, whatever its inputs."""
    github.world.job(("all = true", 'names = ["*"]'), PAUSES)
    github.attempt("plan", 1)
    assert github.attempt("apply", 1)["Apply"].code == 6
    assert github.attempt("apply", 2)["Apply"].code == 6
    assert github.world.writes == 1
    again = {"continue_rollout": "7001-1", "past_pause": True}
    assert github.attempt("plan", 1, run="second", inputs=again) == {}
    assert github.attempt("apply", 1, run="second", inputs=again)["Apply"].code == 6
    assert github.world.writes == 6
    assert github.attempt("apply", 2, run="second", inputs=again)["Apply"].code == 6
    assert github.world.writes == 6
    assert github.attempt("apply", 1, run="third", inputs=again)["Apply"].code == 0
    assert _all_done_once(github.world)


def test_failed_operations_are_retried_by_another_run(github: GitHub) -> None:
    """A re-run leaves them failed; once the cause is fixed, ``retry_failed`` retries them."""
    github.world.job(*BEARING)
    github.attempt("plan", 1)
    acme = github.world.simulator.world.organizations["acme"]
    allowed, acme.entitlements = acme.entitlements, Entitlements(run_task_workspace_limit=10)
    assert github.attempt("apply", 1)["Apply"].code == 3
    acme.entitlements = allowed
    assert github.attempt("apply", 2)["Apply"].code == 3
    again = {"continue_rollout": "7001-1", "retry_failed": True}
    assert github.attempt("apply", 1, run="second", inputs=again)["Apply"].code == 0
    assert _all_done_once(github.world)


def test_an_attempt_without_a_plan_fails(github: GitHub) -> None:
    """If somebody deleted it, nothing is sent."""
    assert github.bucket is not None
    github.attempt("plan", 1)
    planned = github.world.requests
    github.bucket.held.objects.clear()
    done = github.attempt("apply", 1)
    assert (done["Fetch the plan"].code, done["Apply"].code) == (1, -1)
    assert github.world.requests == planned


def test_a_plan_that_was_replaced_after_the_approval_is_not_applied(github: GitHub) -> None:
    """Even a sound one of another run: its SHA-256 is another."""
    assert github.bucket is not None
    github.attempt("plan", 1)
    github.world.job(LENIENT)
    github.attempt("plan", 1, run="second")
    objects, planned = github.bucket.held.objects, github.world.requests
    objects["bulkops/plans/7001-1.plan"] = objects["bulkops/plans/7002-1.plan"]
    done = github.attempt("apply", 1)
    assert (done["Check the plan"].code, done["Apply"].code) == (1, -1)
    assert github.world.requests == planned


@pytest.mark.parametrize("rollout", ["7002-1", "../plans/7002-1", "7002-1/../7002-1"])
def test_only_a_rollout_that_has_been_started_is_continued(github: GitHub, rollout: str) -> None:
    """A plan without a journal was never approved, and a name leads nowhere else."""
    assert github.bucket is not None
    github.attempt("plan", 1, run="second")
    objects, planned = github.bucket.held.objects, github.world.requests
    objects[f"bulkops/plans/{rollout}.plan"] = objects["bulkops/plans/7002-1.plan"]
    again = {"continue_rollout": rollout}
    done = github.attempt("apply", 1, run="third", inputs=again)
    assert done["Fetch the plan"].code == 0
    assert done["Check the plan"].code in (1, 2)
    assert done["Apply"].code == -1
    assert github.world.requests == planned


def test_a_continued_rollout_keeps_its_plan(github: GitHub) -> None:
    """If its plan was replaced, the journal is for another one, and nothing is sent."""
    assert github.bucket is not None
    github.world.job(PAUSES)
    github.attempt("plan", 1)
    assert github.attempt("apply", 1)["Apply"].code == 6
    github.world.job(LENIENT)
    github.attempt("plan", 1, run="second")
    objects = github.bucket.held.objects
    objects["bulkops/plans/7001-1.plan"] = objects["bulkops/plans/7002-1.plan"]
    again = {"continue_rollout": "7001-1", "past_pause": True}
    assert github.attempt("apply", 1, run="third", inputs=again)["Apply"].code == 2
    assert github.world.writes == 1


def test_a_rollout_that_contradicts_an_unfinished_one_is_refused(github: GitHub) -> None:
    """Their journals are side by side, so the second one finds the first."""
    github.world.job(PAUSES)
    github.attempt("plan", 1)
    assert github.attempt("apply", 1)["Apply"].code == 6
    github.world.job(LENIENT)
    github.attempt("plan", 1, run="second")
    refused = github.attempt("apply", 1, run="second")["Apply"]
    assert refused.code == 2
    assert f"{PLACE}/journals/7001-1 is not finished" in refused.err
    assert github.world.writes == 1


def test_a_plan_that_cant_be_made_is_not_applied(github: GitHub) -> None:
    """The job has the plan's exit code, and nothing is kept."""
    assert github.bucket is not None
    done = github.attempt("plan", 1, inputs={"job": "missing.toml"})
    assert (done["Plan"].code, done["Keep the plan"].code) == (1, -1)
    assert github.bucket.names() == []
    assert github.attempt("apply", 1) == {}


def test_a_plan_without_changes_needs_no_approval(github: GitHub) -> None:
    """The job that needs approval is skipped."""
    for name in github.world.shown():
        github.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    assert github.attempt("plan", 1)["Plan"].code == 0
    assert github.attempt("apply", 1) == {}


def test_no_object_holds_the_token(github: GitHub) -> None:
    """Plan, journal and lease are readable to all who can read the bucket."""
    assert github.bucket is not None
    github.attempt("plan", 1)
    github.attempt("apply", 1)
    objects = github.bucket.held.objects
    assert len(objects) >= 3
    assert not [name for name, data in objects.items() if TOKEN.encode() in data]
