"""Slurm on the loopback interface: a controller and nodes, one of which can be lost.

It needs Debian's packages slurm-wlm and munge; without them, its tests skip.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.cli.remote.machines import until
from tests.journal.remote.servers import free_ports

PATH = f"{os.environ['PATH']}:/usr/sbin"
"""A PATH with the daemons, which Debian keeps from users."""
SECONDS = 120.0
"""The most seconds for what a test waits for: a lost node is noticed after about 20."""

# A lost node counts as down after SlurmdTimeout, and its tasks are started again once their
# credentials have expired: by default that takes minutes.
_CONFIGURATION = """\
ClusterName=bulkops
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={place}/state
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/%n.pid
SlurmdSpoolDir={place}/%n
SlurmdParameters=config_overrides
SlurmdTimeout=5
KillWait=5
ReturnToService=2
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
PartitionName=all Nodes=ALL Default=YES State=UP
"""


class Slurm:
    """A running cluster.

    Attributes:
        environment: the variables of its commands.
    """

    def __init__(self, place: Path, nodes: Mapping[str, subprocess.Popen[bytes]]) -> None:
        self.environment = {"PATH": PATH, "SLURM_CONF": str(place / "slurm.conf")}
        self._nodes = nodes

    def command(self, *words: str, folder: Path, **more: str) -> str:
        """Run one of Slurm's commands, and return its output."""
        done = subprocess.run(
            words,
            cwd=folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def tasks(self, job: str, folder: Path) -> list[dict[str, str]]:
        """Return what Slurm shows of each task of an array job."""
        lines = self.command("scontrol", "show", "job", "--oneliner", job, folder=folder)
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in lines.splitlines()
        ]

    def lose(self, name: str) -> int:
        """Kill a node's daemon and all that it has started; return the number of its tasks."""
        running = list(self._running(f"SLURMD_NODENAME={name}"))
        parents = {_parent(pid) for pid in running}
        self._nodes[name].kill()
        # A process of a task has the step's daemon, or another process of the task, as its parent.
        for pid in {*running, *parents} - {os.getpid(), 1, 0}:
            os.kill(pid, SIGKILL)
        return len(parents - set(running))

    def end(self) -> None:
        """Kill the tasks that still run, with their daemons."""
        running = list(self._running("SLURMD_NODENAME="))
        for pid in {*running, *(_parent(pid) for pid in running)} - {0, 1}:
            os.kill(pid, SIGKILL)

    def _running(self, variable: str) -> Iterator[int]:
        """Yield the processes of this cluster's tasks that have a variable."""
        own = f"SLURM_CONF={self.environment['SLURM_CONF']}\0"
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended, or is another user's
            if own in text and f"\0{variable}" in f"\0{text}":
                yield int(path.parent.name)


@contextmanager
def slurm(place: Path, names: Sequence[str]) -> Iterator[Slurm]:
    """Run a cluster whose nodes have two processors each; skips if Slurm isn't installed."""
    if not all(shutil.which(name, path=PATH) for name in ("slurmctld", "slurmd", "munged")):
        pytest.skip("no Slurm: apt-get install slurm-wlm munge")
    _configure(place, names)
    with ExitStack() as stack:

        def start(*words: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(_running(words, place))

        files = ("socket", "key", "pid", "log", "seed")
        options = [f"--{_OPTION.get(file, file + '-file')}={place}/munge.{file}" for file in files]
        # As root, and in a folder that only root can enter, it needs to be forced.
        start("munged", "--foreground", "--force", *options)
        until((place / "munge.socket").exists, SECONDS)
        start("slurmctld", "-D")
        nodes = {name: start("slurmd", "-D", "-N", name) for name in names}
        cluster = Slurm(place, nodes)
        until(lambda: _idle(cluster, place) == len(names), SECONDS)
        stack.callback(cluster.end)
        yield cluster


_OPTION = {"socket": "socket"}
"""munged's options for its files: ``--socket``, and ``--key-file`` and so on."""


def _configure(place: Path, names: Sequence[str]) -> None:
    controller, *ports = free_ports(1 + len(names))
    host = socket.gethostname()
    text = _CONFIGURATION.format(
        place=place, host=host, controller=controller, user=getpass.getuser()
    )
    for name, port in zip(names, ports, strict=True):
        text += f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
        text += "CPUs=2 RealMemory=4096\n"
    (place / "slurm.conf").write_text(text, encoding="utf-8")
    (place / "munge.key").write_bytes(secrets.token_bytes(128))
    (place / "munge.key").chmod(0o600)
    (place / "state").mkdir()


def _idle(cluster: Slurm, place: Path) -> int:
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--states=idle"],  # noqa: S607 - on the PATH given
        env=cluster.environment,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    return len(done.stdout.splitlines())


@contextmanager
def _running(words: Sequence[str], place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon, and kill it in the end: nothing of it is needed any more."""
    log = place / f"{words[0]}-{words[-1].rpartition('/')[2]}.log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            words,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={"PATH": PATH, "SLURM_CONF": str(place / "slurm.conf")},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _parent(pid: int) -> int:
    """Return the parent of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[1])
