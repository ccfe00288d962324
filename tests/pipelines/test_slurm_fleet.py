"""``jobs/slurm-fleet.sbatch``: an array job on a real Slurm, one node of which is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from bulkops.api.messages import Request
from tests.cli.remote.machines import LEASE, until
from tests.cli.support import JOB
from tests.journal.remote.servers import Server
from tests.pipelines.organizations import SHARDS, Organizations, organizations, token
from tests.pipelines.slurm import PATH, SECONDS, Slurm, slurm

pytestmark = pytest.mark.long

FILE = Path(__file__).resolve().parents[2] / "jobs" / "slurm-fleet.sbatch"
TEXT = FILE.read_text(encoding="utf-8")
NODES = ("first", "second")
WORKSPACES = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Organizations]:
    """Organizations whose limits let a task last for some seconds."""
    with organizations(tmp_path, number=WORKSPACES, rate=30) as prepared:
        yield prepared


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A cluster of two nodes."""
    with slurm(tmp_path_factory.mktemp("slurm"), NODES) as running:
        yield running


def prepare(world: Organizations, store: Server) -> Path:
    """Return a folder as a user has it: the script, the fleet and the job, tokens and store."""
    folder = world.folder / "shared"
    folder.mkdir()
    shutil.copy(FILE, folder)
    base = store.address(f"{world.folder.name}/journals")
    text = f'job = "job.toml"\njournals = "{base}"\n'
    for name in world.names:
        file = folder / f"{name}.token"
        file.touch(0o600)
        file.write_text(token(name), encoding="utf-8")
        text += f'[[shard]]\norganization = "{name}"\ntoken_file = "{file.name}"\n'
    text += f"[rollout]\nmax_failed_shards = {len(world.names)}\n"
    job = JOB.replace('organization = "acme"\n', "") + f'\n[journal]\nlease = "{LEASE:g}s"\n'
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    (folder / "job.toml").write_text(job, encoding="utf-8")
    variables = {**store.env, "TFE_ADDRESS": world.address}
    lines = [f"{name}='{value}'\n" for name, value in variables.items()]
    (folder / "bucket.env").write_text("".join(lines), encoding="utf-8")
    return folder


def submitted(cluster: Slurm, folder: Path) -> str:
    """Submit the script as a user does, and return the job's number."""
    path, home = f"{Path(sys.executable).parent}:{PATH}", str(folder.parent)
    words = ("sbatch", "--parsable", FILE.name)
    return cluster.command(*words, folder=folder, PATH=path, HOME=home).strip()


def finished(cluster: Slurm, job: str, folder: Path) -> list[dict[str, str]]:
    """Wait until all tasks have succeeded, and return them."""
    ends = {"COMPLETED", "FAILED", "NODE_FAIL", "TIMEOUT", "CANCELLED"}
    until(lambda: {task["JobState"] for task in cluster.tasks(job, folder)} <= ends, SECONDS)
    found = cluster.tasks(job, folder)
    assert [task["JobState"] for task in found] == ["COMPLETED"] * len(SHARDS), (
        found,
        logs(folder),
    )
    return found


def logs(folder: Path) -> dict[str, str]:
    """Return what the tasks have printed."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.log")}


def test_a_lost_nodes_tasks_are_finished_on_another(
    cluster: Slurm, seaweedfs_server: Server, world: Organizations
) -> None:
    """One of two nodes is killed with its tasks; Slurm starts them again, and each change is made
    once."""
    folder = prepare(world, seaweedfs_server)
    tasks = list[int]()

    def lose(_: Request) -> None:
        if world.writes >= len(SHARDS) * WORKSPACES // 4 and not tasks:
            tasks.append(cluster.lose(NODES[0]))

    world.simulator.after = lose
    found = finished(cluster, submitted(cluster, folder), folder)
    assert tasks == [2]
    assert sorted(task["Restarts"] for task in found) == ["0", "0", "1", "1"]
    assert {task["BatchHost"] for task in found} == {NODES[1]}
    world.each_once()


def test_a_requeued_task_finishes_what_is_in_flight_first(
    cluster: Slurm, seaweedfs_server: Server, world: Organizations
) -> None:
    """As by an administrator, or when it is preempted: SIGTERM drains it, and it is resumed."""
    folder = prepare(world, seaweedfs_server)
    started = Event()

    def begun(_: Request) -> None:
        if world.changes()["acme-emea", "prod-020"]:
            started.set()

    world.simulator.after = begun
    job = submitted(cluster, folder)
    assert started.wait(SECONDS)
    cluster.command("scontrol", "requeue", f"{job}_2", folder=folder)
    found = finished(cluster, job, folder)
    assert {task["ArrayTaskId"]: task["Restarts"] for task in found} == {
        **dict.fromkeys(("1", "3", "4"), "0"),
        "2": "1",
    }
    log = logs(folder)[f"fleet-{job}-2.log"]
    assert "Not finished. The same command resumes every shard." in log
    world.each_once()


def test_a_task_is_started_again_after_an_exit_code_that_time_may_help(
    cluster: Slurm, seaweedfs_server: Server, world: Organizations
) -> None:
    """A token that is refused at first is exit 1; the others are not disturbed, though it is the
    last task, whose number is that of the whole job."""
    folder = prepare(world, seaweedfs_server)
    users = world.simulator.tokens
    world.simulator.tokens = {
        name: user for name, user in (users or {}).items() if name != token("acme-retail")
    }
    job = submitted(cluster, folder)
    until(lambda: any(one.get("Restarts") == "1" for one in cluster.tasks(job, folder)), SECONDS)
    world.simulator.tokens = users
    restarts = {one["ArrayTaskId"]: one["Restarts"] for one in finished(cluster, job, folder)}
    assert restarts == {**dict.fromkeys(("1", "2", "3"), "0"), "4": "1"}
    world.each_once()


def test_the_script_is_one_that_a_shell_accepts() -> None:
    """It has a task for each shard, which is started again after its node was lost."""
    subprocess.run(["sh", "-n", str(FILE)], check=True)  # noqa: S607 - as Slurm does
    options = dict(re.findall(r"(?m)^#SBATCH (--[a-z-]+)(?:=(\S+))?$", TEXT))
    assert options["--array"] == f"1-{len(SHARDS)}"
    assert "--requeue" in options
