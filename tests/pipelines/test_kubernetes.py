"""``jobs/kubernetes.yaml``: valid, with a rule per exit code; its containers are really run."""

from __future__ import annotations

import copy
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import bulkops
from bulkops import parse_job
from bulkops.api.messages import Request
from bulkops.cli.signals import DRAIN_SECONDS
from bulkops.errors import ExitCode
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK, TOKEN, World
from tests.pipelines.cluster import Cluster, action_of, container_of
from tests.pipelines.running import Strike

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "jobs" / "kubernetes.yaml").read_text(encoding="utf-8")
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(TEXT))
OF = {document["kind"]: document for document in DOCUMENTS}
JOB = OF["Job"]["spec"]
DRIFT = OF["CronJob"]["spec"]["jobTemplate"]["spec"]
IN_BUCKET: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "jobs" / "kubernetes-bucket.yaml").read_text(encoding="utf-8"))
)
"""The variant with a bucket; its own tests are in ``test_kubernetes_bucket``."""
SPECS = [
    pytest.param(JOB, id="job"),
    pytest.param(DRIFT, id="drift"),
    pytest.param(IN_BUCKET[-1]["spec"], id="job with a bucket"),
]

KILLED = 128 + signal.SIGKILL


@pytest.fixture
def cluster(world: World, tmp_path: Path) -> Cluster:
    """The cluster to which the manifest is applied."""
    return Cluster(world, tmp_path / "cluster", OF["ConfigMap"]["data"]["job.toml"])


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *IN_BUCKET], ids=lambda document: document["kind"]
)
def test_every_document_matches_the_apis_schema(document: dict[str, Any], version: str) -> None:
    """Kubernetes' own schemas accept each, and no field is unknown."""
    schemas = pytest.importorskip("kubernetes_validate", reason="needs the extra `long`")
    schemas.validate(document, version, strict=True)


@pytest.mark.parametrize("spec", SPECS)
def test_the_failure_policy_is_one_the_api_accepts(spec: dict[str, Any]) -> None:
    """It meets the rules outside the schema: codes sorted, unique, not 0; no restarts."""
    for rule in spec["podFailurePolicy"]["rules"]:
        assert ("onExitCodes" in rule) != ("onPodConditions" in rule)
        assert rule["action"] in {"FailJob", "Ignore", "Count"}
        if "onExitCodes" in rule:
            codes = rule["onExitCodes"]["values"]
            assert codes == sorted(set(codes))
            assert 0 not in codes
            assert rule["onExitCodes"]["containerName"] == container_of(spec)["name"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_every_exit_code_is_decided() -> None:
    """Each code except 0 is in exactly one rule."""
    rules = JOB["podFailurePolicy"]["rules"]
    decided = [code for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])]
    assert sorted(decided) == sorted(set(ExitCode) - {ExitCode.DONE})
    assert len(decided) == len(set(decided))


def test_disruption_and_interruption_cost_no_retry() -> None:
    """An evicted pod is replaced, whatever its exit code; one out of memory uses up a retry."""
    assert action_of(JOB, 143, disrupted=True) == "Ignore"
    assert action_of(JOB, KILLED, disrupted=True) == "Ignore"
    assert action_of(JOB, 143) == "Ignore"
    assert action_of(JOB, KILLED) == "Count"
    assert action_of(DRIFT, 1) == "Count"


@pytest.mark.parametrize("spec", SPECS)
def test_a_pod_has_the_least_privileges(spec: dict[str, Any]) -> None:
    """It has no root, no new privileges, a read-only root file system and no API token."""
    pod, container = spec["template"]["spec"], container_of(spec)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert container["image"] == f"bulkops:{bulkops.__version__}"


def test_a_pod_has_time_to_drain() -> None:
    """The grace period is longer than operations in flight may take."""
    (given,) = [word for word in container_of(JOB)["args"] if word.startswith("--drain-timeout=")]
    drain = float(given.partition("=")[2])
    assert DRAIN_SECONDS < drain < JOB["template"]["spec"]["terminationGracePeriodSeconds"]


def test_the_job_file_is_valid() -> None:
    """The ConfigMap's job parses and has the same name as everything else in the file."""
    name = parse_job(OF["ConfigMap"]["data"]["job.toml"], "job.toml").name
    assert {OF[kind]["metadata"]["name"] for kind in ("ConfigMap", "Job")} == {name}
    assert f"--journal=/journal/{name}.jsonl" in container_of(JOB)["args"]


def test_pods_resume_the_journal_on_the_volume(cluster: Cluster) -> None:
    """One is out of memory, one is evicted, the third finishes: every change is made once."""
    killed = cluster.pod(JOB, strike=Strike(signal.SIGKILL, write=4))
    assert action_of(JOB, 128 - killed.code) == "Count"
    evicted = cluster.pod(JOB, strike=Strike(signal.SIGTERM, write=3))
    assert evicted.code == 143
    assert action_of(JOB, evicted.code) == "Ignore"
    assert cluster.world.writes < 12
    assert cluster.pod(JOB).code == 0
    assert cluster.world.all_desired()
    assert set(cluster.world.changed().values()) == {1}
    # The Job is applied again after its journal is finished.
    assert cluster.pod(JOB).code == 0
    assert cluster.world.writes == 12


def test_a_paused_job_fails_until_it_gets_continue(cluster: Cluster) -> None:
    """Exit 6 ends the Job; with ``--continue`` as first argument, the next Job resumes it."""
    cluster.configure(('pause = "5m"', 'pause = "manual"'))
    paused = cluster.pod(JOB)
    assert paused.code == 6
    assert action_of(JOB, paused.code) == "FailJob"
    assert cluster.pod(JOB, "--continue").code == 6
    assert cluster.pod(JOB, "--continue").code == 0
    assert cluster.world.all_desired()


def test_failed_operations_are_retried_on_request(cluster: Cluster) -> None:
    """Exit 4 ends the Job; once the cause is fixed, the next one retries with both options."""
    cluster.configure(('waves = ["1", "10%", "100%"]\npause = "5m"\n', ""))
    simulator = cluster.world.simulator
    acme = simulator.world.organizations["acme"]
    allowed, less = acme.entitlements, Entitlements(run_task_workspace_limit=10)

    def shrink(request: Request) -> None:
        if request.writes:
            acme.entitlements = less

    simulator.before = shrink
    stopped = cluster.pod(JOB)
    assert stopped.code == 4
    assert action_of(JOB, stopped.code) == "FailJob"
    simulator.before, acme.entitlements = None, allowed
    assert cluster.pod(JOB, "--retry-failed").code == 4
    assert cluster.pod(JOB, "--continue", "--retry-failed").code == 0
    assert cluster.world.all_desired()
    assert set(cluster.world.changed().values()) == {1}


def test_a_destructive_job_has_its_confirmation_in_the_arguments(cluster: Cluster) -> None:
    """``--confirm=NAME`` in place of ``--yes`` starts and resumes it; ``--yes`` doesn't."""
    for name in cluster.world.shown():
        cluster.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    cluster.configure(
        ('kind = "attach"', 'kind = "detach"'),
        ('enforcement_level = "mandatory"\nstages = ["post_plan"]\n', ""),
        ('pause = "5m"', 'pause = "1ms"'),
    )
    assert cluster.pod(JOB).code == 2
    assert cluster.world.writes == 0
    job = copy.deepcopy(JOB)
    arguments = container_of(job)["args"]
    arguments[arguments.index("--yes")] = f"--confirm={TASK}"
    assert cluster.pod(job, strike=Strike(signal.SIGKILL, write=4)).code == -signal.SIGKILL
    assert cluster.pod(JOB).code == 2
    assert cluster.pod(job).code == 0
    assert not any(cluster.world.shown().values())


def test_the_secret_is_made_from_a_file(tmp_path: Path) -> None:
    """No command line has the token, and the file's line break, which is refused, is removed."""
    (command,) = re.findall(r"(?m)^# +(tr .*)$", TEXT)
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\necho "$*"\ncat "${5#--from-file=token=}"\n')
    kubectl.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - as a user does
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[1:] == [TOKEN]
    assert not done.stdout.endswith("\n")
    assert "--from-literal" not in TEXT
    environment = container_of(JOB)["env"][0]["valueFrom"]["secretKeyRef"]
    assert f"generic {environment['name']} --from-file={environment['key']}=" in done.stdout


@pytest.mark.parametrize("mode", [0o777, 0o2775], ids=["everybody's", "the group's"])
def test_a_volume_that_others_may_write_is_trusted(cluster: Cluster, mode: int) -> None:
    """As provisioners and fsGroup make it, owned by root; the next pod has another uid."""
    cluster.volume.chmod(mode)
    assert cluster.pod(JOB, strike=Strike(signal.SIGKILL, write=5)).code == -signal.SIGKILL
    if os.geteuid() == 0:
        for path in cluster.volume.iterdir():
            os.chown(path, 12345, 12345)
    assert cluster.pod(JOB).code == 0
    assert cluster.world.all_desired()


def test_drift_fails_the_check_and_is_not_tried_again(cluster: Cluster) -> None:
    """Exit 3 if the run task is missing, 0 if it is everywhere; nothing is written."""
    missing = cluster.pod(DRIFT)
    assert missing.code == 3
    assert action_of(DRIFT, missing.code) == "FailJob"
    for name in cluster.world.shown():
        cluster.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    assert cluster.pod(DRIFT).code == 0
    assert cluster.world.writes == 0
