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
    job = JOB.replace('organization = "acme"\n', "") + f'\n[journal]\nlease = "{LEASE:g}s"\n'
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    (folder / "job.toml").write_text(job, encoding="utf-8")
    variables = {**store.env, "TFE_ADDRESS": world.address}
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    (folder / "bucket.env").write_text("".join(lines), encoding="utf-8")
    return folder


def test_a_lost_nodes_tasks_are_finished_on_another(
    cluster: Slurm, seaweedfs_server: Server, world: Organizations
) -> None:
    """One of two nodes is killed with its tasks; each change is made once, and all is reported."""
    folder = prepare(world, seaweedfs_server)
    lost, tasks = Event(), list[int]()

    def lose(_: Request) -> None:
        if world.writes >= len(SHARDS) * WORKSPACES // 4 and not lost.is_set():
            tasks.append(cluster.lose(NODES[0]))
            lost.set()

    world.simulator.after = lose
    programs = f"{Path(sys.executable).parent}:{PATH}"
    home = str(folder.parent)
    job = cluster.command(
        *("sbatch", "--parsable", FILE.name), folder=folder, PATH=programs, HOME=home
    ).strip()
    ends = {"COMPLETED", "FAILED", "NODE_FAIL", "TIMEOUT", "CANCELLED"}
    until(lambda: {task["JobState"] for task in cluster.tasks(job, folder)} <= ends, SECONDS)
    found = cluster.tasks(job, folder)
    logs = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.log")}
    assert [task["JobState"] for task in found] == ["COMPLETED"] * len(SHARDS), (found, logs)
    restarted = [task for task in found if task["Restarts"] == "1"]
    assert lost.is_set()
    assert len(restarted) == tasks[0] == 2, (found, logs)
    assert {task["BatchHost"] for task in found} == {NODES[1]}
    world.each_once()
    assert not [text for text in logs.values() if token("acme") in text]


def test_the_script_is_one_that_a_shell_accepts() -> None:
    """It has an index for each shard of the fleets here, and is started again after a lost node."""
    subprocess.run(["sh", "-n", str(FILE)], check=True)  # noqa: S607 - as Slurm does
    options = re.findall(r"(?m)^#SBATCH (--[a-z-]+)(?:=(\S+))?$", TEXT)
    assert dict(options)["--array"] == f"1-{len(SHARDS)}"
    assert "--requeue" in dict(options)
