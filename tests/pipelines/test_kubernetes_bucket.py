"""``jobs/kubernetes-bucket.yaml``: pods on lost nodes, whose journal the next pod takes over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bulkops import parse_job
from bulkops.errors import ExitCode
from tests.cli.support import TOKEN, World
from tests.pipelines.bucket import Bucket, bucket_in
from tests.pipelines.cluster import Cluster, action_of, container_of
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

JOBS = Path(__file__).resolve().parents[2] / "jobs"
TEXT = (JOBS / "kubernetes-bucket.yaml").read_text(encoding="utf-8")
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(TEXT))
OF = {document["kind"]: document for document in DOCUMENTS}
OTHERS = {
    document["kind"]: document
    for document in yaml.safe_load_all((JOBS / "kubernetes.yaml").read_text(encoding="utf-8"))
}
JOB = OF["Job"]["spec"]
THERE = "s3://my-bucket/bulkops/journals/require-security-scan"


class InBucket(Cluster):
    """A cluster whose pods have the credentials of a bucket, and no volume."""

    def __init__(self, world: World, folder: Path, bucket: Bucket) -> None:
        super().__init__(world, folder, OF["ConfigMap"]["data"]["job.toml"])
        self.bucket = bucket
        (argument,) = [word for word in container_of(JOB)["args"] if THERE in word]
        assert argument == f"--journal={THERE}"
        arguments = container_of(JOB)["args"]
        mine = [word.replace("my-bucket", "journals") for word in arguments]
        pod = JOB["template"]["spec"]
        containers = [{**container_of(JOB), "args": mine}]
        self.job = {**JOB, "template": {"spec": {**pod, "containers": containers}}}

    def run(self, *more: str, strike: Strike | None = None) -> int:
        """Run the Job's pod, and return its exit code."""
        given = self.bucket.server.env
        return self.pod(self.job, *more, strike=strike, environment=given).code


@pytest.fixture
def cluster(world: World, tmp_path: Path) -> Iterator[InBucket]:
    """The cluster to which the manifest is applied."""
    with bucket_in(tmp_path / "bucket") as bucket:
        yield InBucket(world, tmp_path / "cluster", bucket)


def test_it_differs_from_the_one_with_a_volume_only_where_it_must() -> None:
    """The ConfigMap and what follows which exit code are the same; there is no volume claim."""
    assert OF["ConfigMap"] == OTHERS["ConfigMap"]
    for key in ("backoffLimit", "podFailurePolicy"):
        assert JOB[key] == OTHERS["Job"]["spec"][key]
    assert {*OF} == {"ServiceAccount", "ConfigMap", "Job"}
    assert [one["name"] for one in JOB["template"]["spec"]["volumes"]] == ["job"]
    assert "--wait" in container_of(JOB)["args"]


def test_the_role_is_that_of_the_pod() -> None:
    """The service account with the role is the pod's, and no key is in the manifest."""
    account = OF["ServiceAccount"]["metadata"]
    assert account["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    assert JOB["template"]["spec"]["serviceAccountName"] == account["name"] == "bulkops"
    assert {one["name"] for one in container_of(JOB)["env"]} == {"TFE_TOKEN", "AWS_REGION"}


def test_everything_has_the_name_of_the_job() -> None:
    """So a renamed rollout has a journal of its own; the role trusts one name for all of them."""
    name = parse_job(OF["ConfigMap"]["data"]["job.toml"], "job.toml").name
    named = {document["kind"]: document["metadata"]["name"] for document in DOCUMENTS}
    assert named == {"ServiceAccount": "bulkops", "ConfigMap": name, "Job": name}
    assert THERE.endswith(f"/{name}")


def test_the_next_pod_takes_over_what_a_lost_node_held(cluster: InBucket) -> None:
    """One is killed, one is evicted, the third finishes on any node; nothing is done twice."""
    assert cluster.run(strike=Strike(signal.SIGKILL, write=4)) == -signal.SIGKILL
    cluster.bucket.expire()
    assert cluster.run(strike=Strike(signal.SIGTERM, write=3)) == 143
    assert cluster.world.writes < 12
    assert cluster.run() == 0
    assert cluster.world.all_desired()
    assert set(cluster.world.changed().values()) == {1}
    # The Job is applied again after its journal is finished.
    assert cluster.run() == 0
    assert cluster.world.writes == 12
    assert list(cluster.volume.iterdir()) == []


def test_a_bucket_that_is_not_there_is_tried_again(cluster: InBucket) -> None:
    """Exit 14, which counts against the retries; nothing is sent."""
    lost = [word.replace("journals", "missing") for word in container_of(cluster.job)["args"]]
    container_of(cluster.job)["args"] = lost
    code = cluster.run()
    assert (code, action_of(JOB, code)) == (ExitCode.JOURNAL_UNWRITABLE, "Count")
    assert cluster.world.writes == 0


def test_no_object_holds_the_token(cluster: InBucket) -> None:
    """Whoever may read the bucket gets no access to the server."""
    assert cluster.run() == 0
    objects = cluster.bucket.held.objects
    assert len(objects) > 3
    assert not [name for name, data in objects.items() if TOKEN.encode() in data]
