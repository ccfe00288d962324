"""``jobs/gitlab-ci-fleet.yml``: a part of the fleet per job, killed, retried and reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
import yaml

from bulkops.errors import ExitCode
from tests.pipelines.bucket import PLACE, Bucket, bucket_in
from tests.pipelines.gitlab import GitLab, Ran
from tests.pipelines.organizations import SHARDS, Organizations, organizations
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

FILE = Path(__file__).resolve().parents[2] / "jobs" / "gitlab-ci-fleet.yml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SINGLE: dict[str, Any] = yaml.safe_load(FILE.with_name("gitlab-ci.yml").read_text("utf-8"))
PARTS = range(1, CONFIG[".apply"]["parallel"] + 1)


class Project(GitLab):
    """A project with the pipeline, whose runners have the bucket's variables and the tokens."""

    def __init__(self, world: Organizations, folder: Path, bucket: Bucket) -> None:
        super().__init__(CONFIG, world, folder)
        self.bucket = bucket
        self.organizations = world

    def part(self, name: str, index: int, strike: Strike | None = None) -> Ran:
        """Run one of the jobs of a group, or a job of which there is one."""
        count = self.spec(name).get("parallel")
        variables = {
            "CI_NODE_TOTAL": str(count or 1),
            **({"CI_NODE_INDEX": str(index)} if count else {}),
        }
        variables |= {**self.bucket.exported("us-east-1"), **self.organizations.tokens}
        ran = self.job(name, strike=strike, FLEET="fleet.toml", **variables)
        assert ran is not None
        return ran


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[Project]:
    """The project, a bucket, and the fleet's organizations."""
    with organizations(tmp_path) as world, bucket_in(tmp_path / "bucket") as bucket:
        world.declare(f"{PLACE}/journals")
        yield Project(world, tmp_path / "gitlab", bucket)


def test_the_pipeline_matches_its_schema() -> None:
    """It is valid by GitLab's own JSON Schema."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci")
    subprocess.run([*check, str(FILE)], check=True, capture_output=True)


def test_it_differs_from_the_one_for_a_single_job_only_where_it_must() -> None:
    """Times, conditions and retries are the same; 11 is retried, because ``--wait`` waits."""
    for name in ("workflow", "default"):
        assert CONFIG[name] == SINGLE[name]
    for name in ("apply", "continue", "retry-failed"):
        for key in ("extends", "variables", "allow_failure"):
            assert CONFIG[name][key] == SINGLE[name][key]
    assert CONFIG["apply"]["retry"]["exit_codes"] == [1, 5, 11, 14]
    assert CONFIG["continue"]["retry"] == CONFIG["retry-failed"]["retry"] == 0
    for key in ("stage", "when", "environment", "timeout"):
        assert CONFIG[".apply"][key] == SINGLE[".apply"][key]
    assert "resource_group" not in CONFIG[".apply"]
    assert len(PARTS) == len(SHARDS)


def test_the_parts_are_planned_applied_and_reported(gitlab: Project) -> None:
    """The parts together change everything once; the last job shows it without a token."""
    planned = gitlab.part("plan", 1)
    assert (planned.status, planned.code, gitlab.world.writes) == ("warning", 2, 0)
    assert [gitlab.part("apply", index).status for index in PARTS] == ["passed"] * 4
    gitlab.organizations.each_once()
    report = gitlab.part("report", 1)
    assert report.status == "passed"
    assert "Total: 24 succeeded of 24 operations" in report.done.out
    rows = (gitlab.artifacts("report") / "result" / "fleet.csv").read_text(encoding="utf-8")
    assert len(rows.splitlines()) == 1 + 24


def test_a_retry_resumes_its_own_shard(gitlab: Project) -> None:
    """Its container was killed, then it timed out; the others have not waited for it."""
    gitlab.part("plan", 1)
    killed = gitlab.part("apply", 2, Strike(SIGKILL, write=2, to="*"))
    assert killed.status == "failed"
    gitlab.bucket.expire()
    assert [gitlab.part("apply", index).status for index in (1, 3, 4)] == ["passed"] * 3
    over = gitlab.part("apply", 2, Strike(SIGTERM, write=2, to="timeout"))
    assert (over.status, over.code) == ("failed", ExitCode.TERMINATED)
    assert gitlab.part("apply", 2).status == "passed"
    gitlab.organizations.each_once()
