"""``jobs/aws-batch-fleet.json`` and ``jobs/cloud-run-fleet.yaml``: valid, and really run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from signal import SIGKILL
from typing import Any, NamedTuple

import pytest
import yaml

from bulkops.api.messages import Request
from bulkops.errors import ExitCode
from bulkops.simulator.state import Entitlements
from tests.cli.support import Done
from tests.pipelines.bucket import PLACE, Bucket, bucket_in
from tests.pipelines.cluster import action_of
from tests.pipelines.organizations import SHARDS, Organizations, organizations, variable
from tests.pipelines.pods import JOB as INDEXED
from tests.pipelines.running import Strike, execute

pytestmark = pytest.mark.long

JOBS = Path(__file__).resolve().parents[2] / "jobs"
BATCH: dict[str, Any] = json.loads((JOBS / "aws-batch-fleet.json").read_text(encoding="utf-8"))
CLOUD_RUN: dict[str, Any] = yaml.safe_load(
    (JOBS / "cloud-run-fleet.yaml").read_text(encoding="utf-8")
)
EXECUTION = CLOUD_RUN["spec"]["template"]["spec"]
TASK = EXECUTION["template"]["spec"]


class Platform(NamedTuple):
    """What a platform starts, and the variables with which it numbers its processes."""

    command: list[str]
    secrets: list[str]
    index_in: str
    count_in: str


(CONTAINER,) = TASK["containers"]
PLATFORMS = {
    "AWS Batch": Platform(
        BATCH["containerProperties"]["command"],
        [secret["name"] for secret in BATCH["containerProperties"]["secrets"]],
        "AWS_BATCH_JOB_ARRAY_INDEX",
        "AWS_BATCH_JOB_ARRAY_SIZE",
    ),
    "Cloud Run": Platform(
        CONTAINER["args"],
        [one["name"] for one in CONTAINER["env"]],
        "CLOUD_RUN_TASK_INDEX",
        "CLOUD_RUN_TASK_COUNT",
    ),
}


class Account:
    """The fleet's organizations and a bucket; every process has an empty folder of its own."""

    def __init__(self, world: Organizations, bucket: Bucket) -> None:
        self.world = world
        self.bucket = bucket
        self._number = 0

    def start(self, platform: Platform, index: int, strike: Strike | None = None) -> Done:
        """Run the container of an index to its end."""
        self._number += 1
        folder = self.world.folder / "machines" / str(self._number)
        folder.mkdir(parents=True)
        command = [word.replace("/fleet/", f"{self.world.folder}/") for word in platform.command]
        done = execute(
            self.world,
            ["bulkops", *command],
            folder=folder,
            environment={
                **self.bucket.exported("us-east-1"),
                **{name: self.world.tokens[name] for name in platform.secrets},
                platform.index_in: str(index),
                platform.count_in: str(len(SHARDS)),
                "HOME": "/",
            },
            strike=strike,
        )
        assert list(folder.iterdir()) == []
        return done


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """The organizations and a bucket with the fleet's journals."""
    with organizations(tmp_path) as world, bucket_in(tmp_path / "bucket") as bucket:
        world.declare(f"{PLACE}/journals")
        yield Account(world, bucket)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_killed_index_is_resumed_by_the_next_attempt(account: Account, name: str) -> None:
    """Each index carries out its own shard; together they change everything once."""
    platform = PLATFORMS[name]
    assert account.start(platform, 1, Strike(SIGKILL, write=3)).code == -SIGKILL
    account.bucket.expire()
    assert [account.start(platform, index).code for index in range(len(SHARDS))] == [0] * 4
    account.world.each_once()


def test_a_retry_after_failures_would_plan_anew(account: Account) -> None:
    """Cloud Run doesn't know exit codes: so it never retries, and a person decides."""
    onprem = account.world.simulator.world.organizations["acme-onprem"]
    allowed, less = onprem.entitlements, Entitlements(run_task_workspace_limit=2)

    def shrink(request: Request) -> None:
        if request.writes:
            onprem.entitlements = less

    account.world.simulator.before = shrink
    tolerant = '[rollout]\nmax_failures = "100%"\n\n[pace]'
    account.world.job(('organization = "acme"\n', ""), ("[pace]", tolerant))
    platform, index = PLATFORMS["Cloud Run"], SHARDS.index("acme-onprem")
    assert account.start(platform, index).code == ExitCode.UNFULFILLED
    account.world.simulator.before, onprem.entitlements = None, allowed
    assert account.world.writes == 2
    assert account.start(platform, index).code == 0
    assert account.world.writes == account.world.number
    assert TASK["maxRetries"] == 0


def test_the_job_definition_matches_the_services_model() -> None:
    """boto's own model of the service accepts it, and no field is unknown."""
    botocore = pytest.importorskip("botocore", reason="needs the extra `long`")
    session = pytest.importorskip("botocore.session").get_session()
    model = session.get_service_model("batch").operation_model("RegisterJobDefinition")
    report = botocore.validate.ParamValidator().validate(BATCH, model.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("code", [*(set(ExitCode) - {ExitCode.DONE}), 137])
def test_batch_starts_again_what_kubernetes_does(code: int) -> None:
    """After the same exit codes, with at most five conditions, of which the first decides."""
    conditions = BATCH["retryStrategy"]["evaluateOnExit"]
    assert len(conditions) <= 5
    action = next(one["action"] for one in conditions if fnmatch(str(code), one["onExitCode"]))
    assert (action == "EXIT") is (action_of(INDEXED, code) == "FailIndex")


def test_the_cloud_run_job_matches_the_services_schema() -> None:
    """Google's own description of the service accepts it, and no field is unknown."""
    client = pytest.importorskip("googleapiclient", reason="needs the extra `long`")
    documents = Path(client.__file__).parent / "discovery_cache" / "documents"
    schemas = json.loads((documents / "run.v1.json").read_text(encoding="utf-8"))["schemas"]
    assert list(_problems(CLOUD_RUN, {"$ref": "Job"}, schemas)) == []
    wrong = {**CLOUD_RUN, "spec": {"template": {"spec": {"tasks": 4, "taskCount": "4"}}}}
    assert list(_problems(wrong, {"$ref": "Job"}, schemas)) == [
        "tasks is unknown",
        "'4' is no integer",
    ]


_TYPES = {"string": str, "integer": int, "boolean": bool}


def _problems(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a schema of Google's discovery format refuses."""
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    if schema["type"] == "array":
        assert isinstance(value, list)
        for one in value:
            yield from _problems(one, schema["items"], schemas)
    elif schema["type"] == "object":
        assert isinstance(value, dict)
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, one in value.items():
            if name in known or others:
                yield from _problems(one, known.get(name, others), schemas)
            else:
                yield f"{name} is unknown"
    elif not isinstance(value, _TYPES[schema["type"]]):
        yield f"{value!r} is no {schema['type']}"


@pytest.mark.parametrize("name", PLATFORMS)
def test_there_is_a_token_for_each_shard(name: str) -> None:
    """The variables are those that the fleet files here name."""
    assert PLATFORMS[name].secrets == [variable(shard) for shard in SHARDS]


def test_cloud_run_has_a_task_for_each_shard() -> None:
    """All may run at the same time, and a task has time to drain."""
    assert EXECUTION["taskCount"] == EXECUTION["parallelism"] == len(SHARDS)
    (drain,) = [word for word in CONTAINER["args"] if word.startswith("--drain-timeout=")]
    assert float(drain.partition("=")[2]) < 10
