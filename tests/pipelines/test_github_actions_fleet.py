"""``jobs/github-actions-fleet.yml``: a matrix, one job of which loses its runner."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import yaml

from tests.cli.support import Done
from tests.pipelines.bucket import PLACE, bucket_in
from tests.pipelines.organizations import SHARDS, Organizations, organizations
from tests.pipelines.runner import GitHub
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

FILE = Path(__file__).resolve().parents[2] / "jobs" / "github-actions-fleet.yml"
TEXT = FILE.read_text(encoding="utf-8")


def _workflow(path: Path) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 takes its ``on`` for a yes."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on": found.pop(True), **found}


WORKFLOW = _workflow(FILE)
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
PARTS: list[str] = WORKFLOW["jobs"]["apply"]["strategy"]["matrix"]["shard"]
FLEET = {"fleet": "fleet.toml"}


class Repository(GitHub):
    """A repository with the workflow, and the fleet's tokens as secrets."""

    organizations: Organizations

    def part(self, part: str, number: int, strike: Strike | None = None) -> Done:
        """Run one job of the matrix, and return how bulkops ended."""
        done = self.attempt("apply", number, strike=strike, inputs=FLEET, matrix={"shard": part})
        return done["Apply"]


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Repository]:
    """The repository, a bucket, and the fleet's organizations."""
    with organizations(tmp_path) as world, bucket_in(tmp_path / "bucket") as bucket:
        world.declare(f"{PLACE}/journals")
        place = tmp_path / "github"
        repository = Repository(WORKFLOW, world, place, bucket, world.tokens)
        repository.organizations = world
        yield repository


def test_the_workflow_matches_its_schema() -> None:
    """It is valid by the published JSON Schema of workflows."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema")
    subprocess.run([*check, "vendor.github-workflows", str(FILE)], check=True, capture_output=True)


def test_it_is_as_careful_as_the_one_for_a_single_job() -> None:
    """The same actions, shell and times; no key, and no expression in a script."""
    other = _workflow(FILE.with_name("github-actions-bucket.yml"))
    used = {step["uses"] for step in STEPS if "uses" in step}
    assert used == {
        step["uses"] for job in other["jobs"].values() for step in job["steps"] if "uses" in step
    }
    assert len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", TEXT)) == 8
    for key in ("defaults", "permissions"):
        assert WORKFLOW[key] == other[key]
    for key in ("runs-on", "environment", "timeout-minutes"):
        assert WORKFLOW["jobs"]["apply"][key] == other["jobs"]["apply"][key]
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def test_the_parts_are_all_of_the_fleet() -> None:
    """1/N to N/N; one that fails cancels no other one, and all may run at the same time."""
    assert [f"{number}/{len(PARTS)}" for number in range(1, len(PARTS) + 1)] == PARTS
    assert len(PARTS) == len(SHARDS)
    strategy = WORKFLOW["jobs"]["apply"]["strategy"]
    assert strategy["fail-fast"] is False
    assert "max-parallel" not in strategy


def test_a_fleet_is_planned_approved_applied_and_reported(github: Repository) -> None:
    """The approver sees the plan; each change is made once; a second run needs no approval."""
    assert github.attempt("plan", 1, inputs=FLEET)["Plan"].code == 0
    assert "24 to attach" in github.summary.read_text(encoding="utf-8")
    assert github.world.writes == 0
    assert [github.part(part, 1).code for part in PARTS] == [0] * 4
    github.organizations.each_once()
    assert github.attempt("report", 1, inputs=FLEET)["Report"].code == 0
    assert "24 succeeded of 24" in github.summary.read_text(encoding="utf-8")
    github.attempt("plan", 1, run="second", inputs=FLEET)
    nothing = github.attempt("apply", 1, run="second", inputs=FLEET, matrix={"shard": PARTS[0]})
    assert nothing == {}


def test_a_rerun_of_a_lost_runners_part_resumes_it(github: Repository) -> None:
    """Its journal is in the bucket; the parts that have passed are not run again."""
    github.attempt("plan", 1, inputs=FLEET)
    killed = github.part(PARTS[1], 1, Strike(SIGKILL, write=3))
    assert killed.code != 0
    assert [github.part(part, 1).code for part in (PARTS[0], *PARTS[2:])] == [0] * 3
    assert github.bucket
    github.bucket.expire()
    assert github.part(PARTS[1], 2).code == 0
    github.organizations.each_once()


def test_without_a_plan_nothing_is_applied(github: Repository) -> None:
    """A shard that can't be planned fails the plan, and asks for no approval."""
    github.world.simulator.tokens = {}
    assert github.attempt("plan", 1, inputs=FLEET)["Plan"].code == 1
    given = {**FLEET, "past_pause": True}
    assert github.attempt("apply", 1, inputs=given, matrix={"shard": PARTS[0]}) == {}
    assert github.attempt("report", 1, inputs=FLEET) == {}
