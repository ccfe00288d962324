"""``jobs/kubernetes-fleet.yaml``: an Indexed Job whose pods are killed and started again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
import yaml

from bulkops import parse_job
from bulkops.errors import ExitCode
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK
from tests.journal.remote.servers import Server
from tests.pipelines.cluster import action_of, container_of
from tests.pipelines.indexed_job import Ended, IndexedJob
from tests.pipelines.killed_fleet import rolled_out
from tests.pipelines.organizations import SHARDS, Organizations, organizations, token, variable
from tests.pipelines.pods import FILE, JOB, OF, Pods, Strike

pytestmark = pytest.mark.long

TEXT = FILE.read_text(encoding="utf-8")
FLEET = tomllib.loads(OF["ConfigMap"]["data"]["fleet.toml"])
SINGLE: dict[str, dict[str, Any]] = {
    document["kind"]: document
    for document in yaml.safe_load_all(
        FILE.with_name("kubernetes-bucket.yaml").read_text(encoding="utf-8")
    )
}
ALL = set(range(len(SHARDS)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Organizations]:
    """The organizations of the manifest's fleet."""
    with organizations(tmp_path) as prepared:
        yield prepared


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("kind", OF)
def test_every_document_matches_the_apis_schema(kind: str, version: str) -> None:
    """Kubernetes' own schemas accept each, and no field is unknown."""
    schemas = pytest.importorskip("kubernetes_validate", reason="needs the extra `long`")
    schemas.validate(OF[kind], version, strict=True)


def test_the_job_is_one_the_api_accepts() -> None:
    """It meets the rules outside the schema for limits per index and for exit codes."""
    assert JOB["completionMode"] == "Indexed"
    assert JOB["template"]["spec"]["restartPolicy"] == "Never"
    assert "backoffLimit" not in JOB
    assert "maxFailedIndexes" not in JOB
    for rule in JOB["podFailurePolicy"]["rules"]:
        assert ("onExitCodes" in rule) != ("onPodConditions" in rule)
        if "onExitCodes" in rule:
            codes = rule["onExitCodes"]["values"]
            assert codes == sorted(set(codes) - {0})
            assert rule["onExitCodes"]["containerName"] == container_of(JOB)["name"]


def test_each_exit_code_has_the_consequence_it_has_for_a_single_job() -> None:
    """What ends a single organization's Job ends one index here; every code is decided."""
    single = SINGLE["Job"]["spec"]
    for code in set(ExitCode) - {ExitCode.DONE}:
        other = action_of(single, code)
        assert action_of(JOB, code) == {"FailJob": "FailIndex"}.get(other, other), code
    assert action_of(JOB, 137) == "Count"
    assert action_of(JOB, 137, disrupted=True) == "Ignore"
    assert JOB["backoffLimitPerIndex"] == single["backoffLimit"]


def test_a_pod_is_that_of_a_single_job() -> None:
    """Image, role, resources and privileges are the same; the token and the job's name are not."""
    ours, theirs = JOB["template"]["spec"], SINGLE["Job"]["spec"]["template"]["spec"]
    assert {**ours, "containers": 0, "volumes": 0} == {**theirs, "containers": 0, "volumes": 0}
    mine, other = container_of(JOB), container_of(SINGLE["Job"]["spec"])
    for key in ("name", "image", "resources", "securityContext"):
        assert mine[key] == other[key]
    assert OF["ServiceAccount"] == SINGLE["ServiceAccount"]
    parse_job(OF["ConfigMap"]["data"]["job.toml"], "job.toml", of_fleet=True)


def test_there_is_an_index_for_each_shard() -> None:
    """Each has a token of its own, and all may run at the same time."""
    names = sorted(shard["organization"] for shard in FLEET["shard"])
    assert names == list(SHARDS)
    assert FLEET["rollout"] == {"max_failed_shards": len(names)}
    assert JOB["completions"] == JOB["parallelism"] == len(names)
    assert [shard["token_env"] for shard in FLEET["shard"]] == [variable(name) for name in names]


def test_killed_at_random_every_change_is_made_once(
    seaweedfs_server: Server, tmp_path: Path
) -> None:
    """Eight organizations of 150 workspaces, four pods at a time; a fifth place reports it."""
    assert rolled_out(1, seaweedfs_server, tmp_path) >= 8


def test_interrupted_pods_cost_no_retry(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """SIGTERM drains the shard and ends with 143; the same index resumes it, the others go on."""
    strikes = {0: [Strike(9, signal=SIGTERM)] * 8}
    pods = Pods(world, moto_server, tmp_path, strikes=strikes)
    job = IndexedJob(JOB, pods.pod)
    job.run()
    assert job.succeeded == ALL
    assert 143 in [ended.code for ended in job.ended[0]]
    assert [ended.code for ended in job.ended[1]] == [0]
    world.each_once()


def test_what_time_helps_is_tried_again(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """A token that the server refuses for a while is exit 1; the next pod of the index succeeds."""
    users = world.simulator.tokens or {}
    world.simulator.tokens = {name: users[name] for name in users if name != token("acme-retail")}
    pods = Pods(world, moto_server, tmp_path)

    def pod(index: int) -> Ended:
        ended = pods.pod(index)
        if ended.code != 0:
            world.simulator.tokens = users
        return ended

    job = IndexedJob(JOB, pod)
    job.run()
    assert job.succeeded == ALL, job.ended
    assert [ended.code for ended in job.ended[SHARDS.index("acme-retail")]] == [1, 0]
    world.each_once()


def test_a_shard_that_can_not_be_helped_fails_its_index_alone(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """Its first failure is its last pod; the same Job with both options finishes it later."""
    onprem = world.simulator.world.organizations["acme-onprem"]
    allowed, onprem.entitlements = onprem.entitlements, Entitlements(run_task_workspace_limit=2)
    pods = Pods(world, moto_server, tmp_path)
    job = IndexedJob(JOB, pods.pod)
    job.run()
    failed = SHARDS.index("acme-onprem")
    assert job.failed == {failed}, job.ended
    assert job.succeeded == ALL - {failed}
    assert len(job.ended[failed]) == 1
    assert action_of(JOB, job.ended[failed][0].code) == "FailIndex"
    onprem.entitlements = allowed
    again = IndexedJob(JOB, lambda index: pods.pod(index, "--continue", "--retry-failed"))
    again.run()
    assert again.succeeded == ALL
    # The other shards' journals are finished.
    world.each_once()


def test_waves_need_no_more_pods_at_a_time_than_one(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """The lowest indexes are the first wave's shards, whatever their names: none waits for an index
    that can't start before it has ended."""
    changes = [("max_failed_shards = 4", 'waves = ["acme-onprem", "100%"]')]
    turn = ["acme-onprem", *(name for name in SHARDS if name != "acme-onprem")]
    strikes = {0: [Strike(9)], 2: [Strike(9)]}
    pods = Pods(world, moto_server, tmp_path, order=turn, strikes=strikes, changes=changes)
    job = IndexedJob({**JOB, "parallelism": 1}, pods.pod)
    job.run()
    assert job.succeeded == ALL
    assert [len(job.ended[index]) for index in ALL] == [2, 1, 2, 1]
    assert list(dict.fromkeys(name for name, _ in world.changes())) == turn
    world.each_once()


def test_a_bucket_that_is_not_there_is_tried_again(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """It counts against the retries of its index; nothing is sent."""
    lost = Pods(world, moto_server, tmp_path, changes=[("s3://journals/", "s3://missing/")])
    assert action_of(JOB, lost.pod(0).code) == "Count"
    assert not world.changes()


def test_the_controller_starts_the_lowest_index_that_waits() -> None:
    """At most ``parallelism`` at a time; after a failure an index is the next again."""
    order = list[int]()
    codes = {0: [1, 0], 1: [0], 2: [3], 3: [137, 143, 0]}
    spec = {**JOB, "parallelism": 1}
    job = IndexedJob(spec, _scripted(order, codes))
    job.run()
    assert order == [0, 0, 1, 2, 3, 3, 3]
    assert (job.succeeded, job.failed) == ({0, 1, 3}, {2})


def test_the_controller_gives_up_an_index_that_fails_too_often() -> None:
    """Six retries; those of pods that were lost with their nodes are not counted."""
    lost = Ended(137, disrupted=True)
    pods = [lost, *[Ended(1)] * 4, lost, *[Ended(14)] * 4]
    job = IndexedJob({**JOB, "completions": 1}, lambda _: pods.pop(0))
    job.run()
    assert (len(job.ended[0]), len(pods), job.failed) == (9, 1, {0})


def _scripted(order: list[int], codes: Mapping[int, list[int]]) -> Callable[[int], Ended]:
    def pod(index: int) -> Ended:
        order.append(index)
        return Ended(codes[index].pop(0))

    return pod


def test_the_secret_has_the_names_that_the_fleet_file_reads() -> None:
    """It is made from a folder of files, so no command line has a token."""
    (command,) = re.findall(r"(?m)^# +(kubectl create secret .*)$", TEXT)
    (given,) = container_of(JOB)["envFrom"]
    assert command.split()[4:] == [given["secretRef"]["name"], "--from-file=tokens/"]
    assert "--from-literal" not in TEXT


def test_a_config_map_that_anyone_may_write_is_trusted(
    moto_server: Server, tmp_path: Path, world: Organizations
) -> None:
    """By the mode of its folder, which is mounted read-only; without the variable it is refused."""
    pods = Pods(world, moto_server, tmp_path)
    assert pods.pod(0).code == 0
    node = pods.node("distrusting", BULKOPS_TRUST_FILES="", JOB_COMPLETION_INDEX="1")
    done = node.run(*pods.arguments(node))
    assert (done.code, "world-writable" in done.err) == (2, True), done
    assert TASK in OF["ConfigMap"]["data"]["job.toml"]
