"""``jobs/github-actions.yml``: valid, safe, and carried out step by step on the simulator."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.states import Outcome
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK, TOKEN, World
from tests.pipelines.runner import RUN, GitHub
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

FILE = Path(__file__).resolve().parents[2] / "jobs" / "github-actions.yml"
TEXT = FILE.read_text(encoding="utf-8")

CHECK = (sys.executable, "-m", "check_jsonschema")

SLOWLY = ("[pace]", "[pace]\nmax_at_once = 2")
PAUSES = ("[pace]", '[rollout]\nwaves = ["1", "50%"]\npause = "manual"\n\n[pace]')
BEARING = (SLOWLY, ("[pace]", "[rollout]\nmax_failures = 5\n\n[pace]"))
KILLED = Strike(signal.SIGKILL, write=5)


def _workflow() -> dict[str, Any]:
    """Return the workflow; YAML 1.1 takes its ``on`` for a yes."""
    read: dict[Any, Any] = yaml.safe_load(TEXT)
    return {"on": read.pop(True), **read}


WORKFLOW = _workflow()
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


@pytest.fixture
def github(world: World, tmp_path: Path) -> GitHub:
    """A repository with the workflow, and the organization acme, changed by two workers."""
    world.job(SLOWLY)
    return GitHub(WORKFLOW, world, tmp_path / "github")


def _continuing(run: str, **more: object) -> dict[str, object]:
    return {"continue_run": str(RUN[run]), **more}


def _all_done_once(world: World) -> bool:
    return world.all_desired() and set(world.changed().values()) == {1}


def test_the_workflow_matches_its_schema() -> None:
    """It is valid by the published JSON Schema of workflows."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    subprocess.run(
        [*CHECK, "--builtin-schema", "vendor.github-workflows", str(FILE)],
        check=True,
        capture_output=True,
    )


def test_no_script_has_an_expression_in_its_text() -> None:
    """A user's input reaches a script only through its environment."""
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def test_actions_are_pinned_and_rights_are_few() -> None:
    """Every action is named by a commit, and its version; nothing may write to the repository."""
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", name) for name in used)
    assert len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", TEXT)) == len(used)
    granted = [WORKFLOW["permissions"], WORKFLOW["jobs"]["apply"]["permissions"]]
    assert {right for rights in granted for right in rights.values()} == {"read"}


def test_only_the_steps_that_need_the_token_have_it() -> None:
    """Neither installing nor the actions see it, and it waits for the environment's approval."""
    having = [step["name"] for step in STEPS if "secrets.TFE_TOKEN" in str(step)]
    assert having == ["Plan", "Apply"]
    assert "secrets" not in str({**WORKFLOW, "jobs": None})
    assert WORKFLOW["jobs"]["apply"]["environment"] == "production"


def test_two_rollouts_never_run_concurrently() -> None:
    """All runs are in one group, and no run is cancelled by another."""
    assert WORKFLOW["concurrency"] == {"group": "bulkops", "cancel-in-progress": False}


def test_a_timeout_keeps_the_journal() -> None:
    """The step that applies times out before its job does, which would end everything."""
    job = WORKFLOW["jobs"]["apply"]
    (applying,) = [step for step in job["steps"] if step.get("name") == "Apply"]
    assert applying["timeout-minutes"] + 10 < job["timeout-minutes"] <= 360


def test_a_rollout_in_one_attempt(github: GitHub) -> None:
    """It is applied as planned; plan and journal are kept as artifacts."""
    planned = github.attempt("plan", 1)
    assert (planned["Install"].code, planned["Plan"].code, planned["Keep the plan"].code) == (
        0,
    ) * 3
    assert github.world.writes == 0
    assert (github.kept("first", "rollout-1-plan") / "1-plan" / "saved.plan").exists()
    applied = github.attempt("apply", 1)
    assert applied["Apply"].code == 0
    assert _all_done_once(github.world)
    assert (github.kept("first", "rollout-1-result") / "1-result" / "journal.jsonl").exists()


def test_a_rerun_resumes_the_previous_attempts_journal(github: GitHub) -> None:
    """After two kills, the next attempt has the journal of both; every change is made once."""
    github.attempt("plan", 1)
    killed = github.attempt("apply", 9, strike=KILLED)
    assert killed["Apply"].code == -signal.SIGKILL
    assert killed["Keep the journal and the reports"].code == 0
    again = github.attempt("apply", 10, strike=Strike(signal.SIGKILL, write=2))
    assert again["Apply"].code == -signal.SIGKILL
    assert "Resuming rollout/10-result/journal.jsonl." in again["Apply"].err
    done = github.attempt("apply", 11)
    assert done["Apply"].code == 0
    assert _all_done_once(github.world)
    journal = github.kept("first", "rollout-11-result") / "11-result" / "journal.jsonl"
    assert len(read(JournalFile(journal)).replay.executions) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_step_drains_and_the_rerun_resumes(
    github: GitHub, number: signal.Signals
) -> None:
    """The signal reaches bulkops, which ends by itself with nothing in doubt."""
    github.attempt("plan", 1)
    cancelled = github.attempt("apply", 1, strike=Strike(number, write=5))
    assert cancelled["Apply"].code == 128 + number
    journal = github.kept("first", "rollout-1-result") / "1-result" / "journal.jsonl"
    replay = read(JournalFile(journal)).replay
    assert replay.ended is not None
    assert not replay.count(Outcome.IN_DOUBT)
    assert 5 <= github.world.writes < 12
    assert github.attempt("apply", 2)["Apply"].code == 0
    assert _all_done_once(github.world)


def test_without_the_journal_a_rerun_skips_what_is_done(github: GitHub) -> None:
    """If no artifact was kept, the plan is applied again; changes that are done are skipped."""
    github.attempt("plan", 1)
    github.attempt("apply", 1, strike=KILLED)
    shutil.rmtree(github.kept("first", "rollout-1-result"))
    done = github.attempt("apply", 2)
    assert done["Apply"].code == 0
    assert "set outside this job" in done["Apply"].out
    assert _all_done_once(github.world)


def test_a_runner_with_umask_0_or_of_another_user_resumes(github: GitHub) -> None:
    """Its plan and journal are trusted, though writable by others or another user's."""
    before = os.umask(0)
    try:
        github.attempt("plan", 1)
        assert github.attempt("apply", 1, strike=KILLED)["Apply"].code == -signal.SIGKILL
        kept = github.kept("first", "rollout-1-result")
        if os.geteuid() == 0:
            for path in kept.rglob("*"):
                os.chown(path, 12345, 12345)
        done = github.attempt("apply", 2)["Apply"]
    finally:
        os.umask(before)
    assert done.code == 0
    assert "Resuming rollout/2-result/journal.jsonl." in done.err
    assert _all_done_once(github.world)


def test_rerunning_all_jobs_makes_a_new_plan(github: GitHub) -> None:
    """The newly approved plan is applied, not the old one or its journal."""
    github.attempt("plan", 1)
    github.attempt("apply", 1, strike=KILLED)
    before = github.world.writes
    assert f"Plan: {12 - before} to attach" in github.attempt("plan", 2)["Plan"].out
    done = github.attempt("apply", 2)
    assert done["Apply"].code == 0
    assert "Going on" not in done["Apply"].err
    assert _all_done_once(github.world)


def test_a_paused_rollout_is_resumed_by_another_run(github: GitHub) -> None:
    """Each run continues past one pause; a re-run stays at the next one, whatever its inputs."""
    github.world.job(("all = true", 'names = ["*"]'), PAUSES)
    github.attempt("plan", 1)
    assert github.attempt("apply", 1)["Apply"].code == 6
    assert github.world.writes == 1
    assert github.attempt("apply", 2)["Apply"].code == 6
    assert github.world.writes == 1

    again = _continuing("first", past_pause=True)
    assert github.attempt("plan", 1, run="second", inputs=again) == {}
    assert github.attempt("apply", 1, run="second", inputs=again)["Apply"].code == 6
    assert github.world.writes == 6
    assert github.attempt("apply", 2, run="second", inputs=again)["Apply"].code == 6
    assert github.world.writes == 6

    third = _continuing("second", past_pause=True)
    assert github.attempt("apply", 1, run="third", inputs=third)["Apply"].code == 0
    assert _all_done_once(github.world)


def test_failed_operations_are_retried_by_another_run(github: GitHub) -> None:
    """A re-run leaves them failed; once the cause is fixed, ``retry_failed`` retries them."""
    github.world.job(*BEARING)
    github.attempt("plan", 1)
    acme = github.world.simulator.world.organizations["acme"]
    allowed, acme.entitlements = acme.entitlements, Entitlements(run_task_workspace_limit=10)
    assert github.attempt("apply", 1)["Apply"].code == 3
    assert github.world.writes == 10
    acme.entitlements = allowed
    assert github.attempt("apply", 2)["Apply"].code == 3
    again = _continuing("first", retry_failed=True)
    assert github.attempt("apply", 1, run="second", inputs=again)["Apply"].code == 0
    assert _all_done_once(github.world)


def test_a_conflict_needs_a_new_plan(github: GitHub) -> None:
    """A target that was changed after the approval is left until a new run plans it."""
    github.world.job(*BEARING)
    github.attempt("plan", 1)
    github.world.simulator.attach("prod-002", TASK, enforcement_level="advisory")
    assert github.attempt("apply", 1)["Apply"].code == 3
    again = _continuing("first", retry_failed=True)
    assert github.attempt("apply", 1, run="second", inputs=again)["Apply"].code == 3
    assert github.attempt("plan", 1, run="third")["Plan"].code == 0
    assert github.attempt("apply", 1, run="third")["Apply"].code == 0
    assert _all_done_once(github.world)


def test_an_attempt_without_a_plan_fails(github: GitHub) -> None:
    """If the artifact expired, nothing is sent, and there is nothing to report."""
    github.attempt("plan", 1)
    planned = github.world.requests
    shutil.rmtree(github.kept("first", "rollout-1-plan"))
    done = github.attempt("apply", 1)
    assert done["Take the newest"].code == 1
    assert "::error::There is no plan to apply" in done["Take the newest"].out
    assert (done["Apply"].code, done["Report"].code) == (-1, 0)
    assert github.world.requests == planned


def test_a_plan_that_cant_be_made_is_not_applied(github: GitHub) -> None:
    """The job has the plan's exit code, and nothing is kept."""
    done = github.attempt("plan", 1, inputs={"job": "missing.toml"})
    assert (done["Plan"].code, done["Keep the plan"].code) == (1, -1)
    assert not github.artifacts.exists()
    assert github.attempt("apply", 1) == {}


def test_a_plan_that_cant_be_kept_is_not_applied(github: GitHub) -> None:
    """It has changes, but the approved plan would not be available."""
    github.kept("first", "rollout-1-plan").mkdir(parents=True)
    assert github.attempt("plan", 1)["Keep the plan"].code == 1
    assert github.attempt("apply", 1) == {}


def test_a_plan_without_changes_needs_no_approval(github: GitHub) -> None:
    """The job that needs approval is skipped; the plan is kept and in the summary."""
    for name in github.world.shown():
        github.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    assert github.attempt("plan", 1)["Plan"].code == 0
    assert github.attempt("apply", 1) == {}
    assert (github.kept("first", "rollout-1-plan") / "1-plan" / "saved.plan").exists()
    assert "12" in github.summary.read_text(encoding="utf-8")


def test_a_destructive_plan_needs_only_the_approval(github: GitHub) -> None:
    """The summary lists what will be lost; ``apply PLAN`` asks nothing, not even on resume."""
    for name in github.world.shown():
        github.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    github.world.job(
        ('kind = "attach"', 'kind = "detach"'), ('enforcement_level = "mandatory"\n', "")
    )
    github.attempt("plan", 1)
    assert "prod-001" in github.summary.read_text(encoding="utf-8")
    assert github.attempt("apply", 1, strike=KILLED)["Apply"].code == -signal.SIGKILL
    assert github.attempt("apply", 2)["Apply"].code == 0
    assert not any(github.world.shown().values())


def test_no_artifact_holds_the_token(github: GitHub) -> None:
    """Plan, journal, lock and reports are readable to all who can read the repository."""
    github.attempt("plan", 1)
    github.attempt("apply", 1)
    kept = [path for path in github.artifacts.rglob("*") if path.is_file()]
    assert len(kept) >= 3
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


def test_the_reports_are_kept_whatever_happened(github: GitHub) -> None:
    """A killed attempt has a JUnit and an HTML report as well; in the last, no step failed."""
    github.attempt("plan", 1)
    killed = github.attempt("apply", 1, strike=KILLED)
    assert killed["Report"].code == 0
    done = github.attempt("apply", 2)
    assert {name: ran.code for name, ran in done.items() if ran.code} == {}
    for number in (1, 2):
        kept = github.kept("first", f"rollout-{number}-result") / f"{number}-result"
        assert (kept / "junit.xml").read_text(encoding="utf-8").startswith("<?xml")
        assert "<html" in (kept / "report.html").read_text(encoding="utf-8")


def test_plan_and_apply_fill_the_summary(github: GitHub) -> None:
    """The job's summary shows the plan before the approval, and the result after it."""
    github.attempt("plan", 1)
    planned = github.summary.read_text(encoding="utf-8")
    assert "prod-001" in planned
    github.attempt("apply", 1)
    applied = github.summary.read_text(encoding="utf-8")
    assert applied.startswith(planned)
    assert "12" in applied.removeprefix(planned)
