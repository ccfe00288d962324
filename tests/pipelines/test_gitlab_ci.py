"""``jobs/gitlab-ci.yml``: valid, and carried out job by job on the simulator."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bulkops.cli.signals import DRAIN_SECONDS
from bulkops.errors import ExitCode
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK, TOKEN, World
from tests.pipelines.gitlab import GitLab, Ran
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

FILE = Path(__file__).resolve().parents[2] / "jobs" / "gitlab-ci.yml"
TEXT = FILE.read_text(encoding="utf-8")
CONFIG: dict[str, Any] = yaml.safe_load(TEXT)
CHECK = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci")

SLOWLY = ("[pace]", "[pace]\nmax_at_once = 2")
PAUSES = ("[pace]", '[rollout]\nwaves = ["1", "50%"]\npause = "manual"\n\n[pace]')
KILLED = Strike(signal.SIGKILL, write=5, to="*")


@pytest.fixture
def gitlab(world: World, tmp_path: Path) -> GitLab:
    """A project with the pipeline, and the organization acme, changed by two workers."""
    world.job(SLOWLY)
    return GitLab(CONFIG, world, tmp_path / "gitlab")


def _ran(gitlab: GitLab, name: str, strike: Strike | None = None) -> Ran:
    ran = gitlab.job(name, strike=strike)
    assert ran is not None
    return ran


def _all_done_once(world: World) -> bool:
    return world.all_desired() and set(world.changed().values()) == {1}


def test_the_pipeline_matches_its_schema() -> None:
    """It is valid by GitLab's own JSON Schema."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    subprocess.run([*CHECK, str(FILE)], check=True, capture_output=True)


def test_a_rollout_is_planned_started_by_hand_and_verified(gitlab: GitLab) -> None:
    """A plan with changes is orange; it is applied as planned, then verified."""
    planned = _ran(gitlab, "plan")
    assert (planned.status, planned.code, gitlab.world.writes) == ("warning", 2, 0)
    assert gitlab.spec("apply")["when"] == "manual"
    assert _ran(gitlab, "apply").status == "passed"
    assert _all_done_once(gitlab.world)
    assert _ran(gitlab, "verify").status == "passed"


def test_a_retry_resumes_the_journal(gitlab: GitLab) -> None:
    """Its container was killed twice; the journal and the reports are kept each time."""
    _ran(gitlab, "plan")
    for strike in (KILLED, Strike(signal.SIGKILL, write=2, to="*")):
        assert _ran(gitlab, "apply", strike).status == "failed"
        kept = gitlab.artifacts("apply") / "result"
        assert {path.name for path in kept.iterdir()} >= {
            *("journal.jsonl", "junit.xml", "report.html")
        }
    assert gitlab.job("verify") is None
    done = _ran(gitlab, "apply")
    assert done.status == "passed"
    assert "Resuming journal/" in done.done.err
    assert _all_done_once(gitlab.world)
    assert (
        len(
            read(
                JournalFile(gitlab.artifacts("apply") / "result" / "journal.jsonl")
            ).replay.executions
        )
        == 3
    )
    assert _ran(gitlab, "verify").status == "passed"


def test_a_timeout_drains_the_job(gitlab: GitLab) -> None:
    """``timeout`` passes its signal and bulkops' exit code on; the journal is kept."""
    _ran(gitlab, "plan")
    over = _ran(gitlab, "apply", Strike(signal.SIGTERM, write=5, to="timeout"))
    assert (over.status, over.code) == ("failed", ExitCode.TERMINATED)
    assert _ran(gitlab, "apply").status == "passed"
    assert _all_done_once(gitlab.world)


def test_the_jobs_time_is_longer_than_the_commands() -> None:
    """GitLab keeps the journal only of a job that ends by itself."""
    assert "timeout --foreground --preserve-status 5h bulkops" in CONFIG[".apply"]["script"][0]
    assert CONFIG[".apply"]["timeout"] == "5h 30m"
    assert "--drain-timeout 20 " in CONFIG[".apply"]["script"][0]
    assert DRAIN_SECONDS < 20


def test_without_the_cache_what_is_done_is_skipped(gitlab: GitLab) -> None:
    """The plan is applied with a new journal, and changes that are done are skipped."""
    _ran(gitlab, "plan")
    _ran(gitlab, "apply", KILLED)
    shutil.rmtree(gitlab.cache)
    assert _ran(gitlab, "apply").status == "passed"
    assert _all_done_once(gitlab.world)


def test_a_new_plan_begins_a_new_journal(gitlab: GitLab) -> None:
    """After a retry of ``plan``, the old plan's journal stays beside the new one."""
    _ran(gitlab, "plan")
    _ran(gitlab, "apply", KILLED)
    _ran(gitlab, "plan")
    done = _ran(gitlab, "apply")
    assert done.status == "passed"
    assert "Going on" not in done.done.err
    assert _all_done_once(gitlab.world)
    assert len(list(gitlab.cache.rglob("*.jsonl"))) == 2


def test_a_paused_rollout_continues_one_pause_at_a_time(gitlab: GitLab) -> None:
    """``apply`` stays paused; each ``continue`` passes one pause, and ``verify`` waits."""
    gitlab.world.job(("all = true", 'names = ["*"]'), PAUSES)
    _ran(gitlab, "plan")
    for _ in range(2):
        assert (_ran(gitlab, "apply").status, gitlab.world.writes) == ("failed", 1)
    assert gitlab.job("verify") is None
    assert _ran(gitlab, "continue").code == 6
    assert gitlab.world.writes == 6
    assert _ran(gitlab, "continue").code == 0
    assert _all_done_once(gitlab.world)
    assert _ran(gitlab, "apply").status == "passed"
    assert _ran(gitlab, "verify").status == "passed"


def test_failed_operations_are_retried(gitlab: GitLab) -> None:
    """A retry of ``apply`` leaves them failed; ``retry-failed`` retries them after a fix."""
    gitlab.world.job(SLOWLY, ("[pace]", "[rollout]\nmax_failures = 5\n\n[pace]"))
    _ran(gitlab, "plan")
    acme = gitlab.world.simulator.world.organizations["acme"]
    allowed, acme.entitlements = acme.entitlements, Entitlements(run_task_workspace_limit=10)
    assert (_ran(gitlab, "apply").code, gitlab.world.writes) == (3, 10)
    acme.entitlements = allowed
    assert _ran(gitlab, "apply").status == "failed"
    assert _ran(gitlab, "retry-failed").status == "passed"
    assert _ran(gitlab, "apply").status == "passed"
    assert _all_done_once(gitlab.world)


def test_a_plan_without_changes_is_green(gitlab: GitLab) -> None:
    """If it is applied nevertheless, it changes nothing."""
    for name in gitlab.world.shown():
        gitlab.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    assert _ran(gitlab, "plan").status == "passed"
    assert _ran(gitlab, "apply").status == "passed"
    assert gitlab.world.writes == 0


def test_a_destructive_plan_needs_only_its_start(gitlab: GitLab) -> None:
    """The log of ``plan`` lists what will be lost; ``apply`` and its retry ask nothing."""
    for name in gitlab.world.shown():
        gitlab.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    detach = ('kind = "attach"', 'kind = "detach"')
    gitlab.world.job(detach, ('enforcement_level = "mandatory"\n', ""), SLOWLY)
    assert "prod-001" in _ran(gitlab, "plan").done.out
    _ran(gitlab, "apply", KILLED)
    assert _ran(gitlab, "apply").status == "passed"
    assert not any(gitlab.world.shown().values())


@pytest.mark.parametrize("job", ["missing.toml", "job.toml; touch injected"])
def test_a_plan_that_cant_be_made_fails(gitlab: GitLab, job: str) -> None:
    """Only the exit code for changes is orange, and no user input is run as a script."""
    ran = gitlab.job("plan", JOB=job)
    assert ran is not None
    assert (ran.status, ran.code) == ("failed", 1)
    assert gitlab.job("apply") is None
    assert not list(gitlab.world.folder.rglob("injected"))


def test_pips_exit_codes_are_not_bulkops(gitlab: GitLab) -> None:
    """A pip that exits 2 is a failure, not a plan with changes."""
    config = {**CONFIG, "default": {"before_script": []}}
    (install,) = CONFIG["default"]["before_script"]
    config["default"]["before_script"] = [install.replace("python -m pip", "sh -c 'exit 2'")]
    ran = GitLab(config, gitlab.world, gitlab.world.folder / "other").job("plan")
    assert ran is not None
    assert (ran.status, ran.code) == ("failed", 1)


def test_gitlab_retries_what_time_may_help() -> None:
    """Same as in Kubernetes, except for a journal in use; ``continue`` and the like never retry."""
    assert CONFIG["apply"]["retry"]["exit_codes"] == [1, 5, 14]
    assert CONFIG["continue"]["retry"] == CONFIG["retry-failed"]["retry"] == 0


def test_only_a_plan_with_changes_is_allowed_to_fail() -> None:
    """``apply`` blocks the pipeline until it is started, and fails it with every code but 0."""
    assert CONFIG["plan"]["allow_failure"] == {"exit_codes": [2]}
    assert CONFIG["apply"]["allow_failure"] is False


def test_every_exit_code_has_its_next_step() -> None:
    """The head of the file names each except 0."""
    head = TEXT.partition("what to do after it:\n")[2].partition("# Between attempts")[0]
    named = {int(word) for line in head.splitlines() for word in _codes(line)}
    assert named == set(ExitCode) - {ExitCode.DONE}


def _codes(line: str) -> list[str]:
    words = line.removeprefix("#   ").partition(":")[0].replace(",", " ").split()
    return [word for word in words if word.isdigit()]


def test_two_rollouts_never_run_concurrently() -> None:
    """Every job that applies is in one resource group and in the protected environment."""
    applying = [name for name, job in CONFIG.items() if "extends" in job]
    assert applying == ["apply", "continue", "retry-failed"]
    assert CONFIG[".apply"]["resource_group"] == "bulkops"
    assert CONFIG[".apply"]["environment"] == "production"


def test_artifacts_are_restricted_and_hold_no_token(gitlab: GitLab) -> None:
    """Each has restricted access, and no file contains the token."""
    assert CONFIG["plan"]["artifacts"]["access"] == "developer"
    assert CONFIG[".apply"]["artifacts"]["access"] == "developer"
    _ran(gitlab, "plan")
    _ran(gitlab, "apply")
    kept = [path for name in ("plan", "apply") for path in gitlab.artifacts(name).rglob("*.*")]
    assert len(kept) >= 4
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]
