"""Runs the pods of ``jobs/kubernetes-fleet.yaml``, which share a store and a server only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import yaml

from bulkops.api.messages import Request
from bulkops.journal.remote.lease.content import decoded
from tests.cli.remote.machines import LEASE, Machine, Process
from tests.journal.remote.servers import Server
from tests.pipelines.cluster import container_of
from tests.pipelines.indexed_job import Ended
from tests.pipelines.organizations import Organizations, token, variable

FILE = Path(__file__).resolve().parents[2] / "jobs" / "kubernetes-fleet.yaml"
OF: dict[str, dict[str, Any]] = {
    document["kind"]: document for document in yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
}
"""Kind → the manifest's document."""
JOB: dict[str, Any] = OF["Job"]["spec"]
BASE = "s3://my-bucket/bulkops/journals"
TFE = "https://tfe.example.com"


class Strike(NamedTuple):
    """A signal for a pod at one of its requests.

    Attributes:
        request: its number, counted from 1 for each pod.
        stage: ``before`` or ``after`` the request takes effect.
        disrupted: the pod's node is lost, too.
    """

    request: int
    stage: str = "after"
    signal: Signals = SIGKILL
    disrupted: bool = False


class Pods:
    """The cluster's nodes, of which each pod gets a new one, and the ConfigMap as files there.

    Args:
        shards: other ``[[shard]]`` tables for the fleet file.
        order: of the shards, by index; by name if empty.
        strikes: index → what happens to its first pods, in order.
        changes: of texts in the manifest's ConfigMap.
    """

    def __init__(
        self,
        world: Organizations,
        store: Server,
        folder: Path,
        *,
        shards: str = "",
        order: Sequence[str] = (),
        strikes: Mapping[int, Sequence[Strike]] = MappingProxyType({}),
        changes: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.world = world
        self.store = store
        self.base = store.address(f"{folder.name}/journals")
        self.nodes = list[Machine]()
        self._order = order or sorted(world.names)
        self._folder = folder
        self._files = self._configured(shards, changes)
        self._strikes = strikes
        self._started = Counter[int]()
        self._sent = Counter[int]()
        self._running = dict[int, tuple[Process, Strike]]()
        self._index_of = {f"Bearer {token(name)}": index for index, name in enumerate(self._order)}
        for stage in ("before", "after"):
            setattr(world.simulator, stage, self._hits(stage))

    def pod(self, index: int, *more: str) -> Ended:
        """Run the pod of an index to its end, on a node that nothing has run on before."""
        number = self._started[index]
        self._started[index] += 1
        self._expire(self._order[index])
        planned = self._strikes.get(index, ())
        strike = planned[number] if number < len(planned) else None
        node = self.node(f"{index}-{number}", JOB_COMPLETION_INDEX=str(index))
        self._sent[index] = 0
        process = node.start(*self.arguments(node), *more)
        if strike is not None:
            self._running[index] = process, strike
        done = node.ended(process)
        self._running.pop(index, None)
        assert node.written() == [], "a pod has no volume"
        if done.code < 0:
            return Ended(128 - done.code, strike is not None and strike.disrupted, done.err)
        return Ended(done.code, log=done.err)

    def node(self, name: str, **environment: str) -> Machine:
        """Return a new node, with the variables of the manifest's container and those given."""
        container = container_of(JOB)
        (secret,) = container["envFrom"]
        assert secret == {"secretRef": {"name": "bulkops-fleet"}}
        variables = {one["name"]: one["value"] for one in container["env"]}
        variables |= self.world.tokens | {"TFE_ADDRESS": self.world.address}
        variables |= {**self.store.env, **environment}
        node = Machine(self._folder / name, variables, tuple(self.world.tokens.values()))
        config = mounts(node) / "fleet"
        config.mkdir(parents=True)
        # As the kubelet does for a ConfigMap.
        config.chmod(0o777)
        for file, text in self._files.items():
            (config / file).write_text(text, encoding="utf-8")
        self.nodes.append(node)
        return node

    def arguments(self, node: Machine) -> list[str]:
        """Return the arguments of the container, whose files are those of the node."""
        (mount,) = container_of(JOB)["volumeMounts"]
        assert (mount["mountPath"], mount["readOnly"]) == ("/fleet", True)
        words: list[str] = container_of(JOB)["args"]
        return [
            str(mounts(node)) + word if word.startswith(mount["mountPath"]) else word
            for word in words
        ]

    def _configured(self, shards: str, changes: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Return the ConfigMap's files, with the store and the server of this test."""
        files: dict[str, str] = dict(OF["ConfigMap"]["data"])
        fleet, job = files["fleet.toml"], files["job.toml"]
        for old, new in ((BASE, str(self.base)), (TFE, self.world.address)):
            assert fleet.count(old) == 1
            fleet = fleet.replace(old, new)
        if shards:
            head, tail = fleet.partition("[[shard]]")[0], fleet.partition("[rollout]")[2]
            fleet = f"{head}{shards}[rollout]{tail}"
        assert job.count('pause = "5m"') == 1
        job = job.replace('pause = "5m"', 'pause = "1ms"')
        job += f'\n[pace]\nsettle = "50ms"\n\n[journal]\nlease = "{LEASE:g}s"\n'
        for old, new in changes:
            assert old in fleet + job
            fleet, job = fleet.replace(old, new), job.replace(old, new)
        return {"fleet.toml": fleet, "job.toml": job}

    def _hits(self, stage: str) -> Callable[[Request], None]:
        def hit(request: Request) -> None:
            index = self._index_of[request.headers["authorization"]]
            self._sent[index] += stage == "before"
            process, strike = self._running.get(index, (None, None))
            if process and strike and (stage, self._sent[index]) == (strike.stage, strike.request):
                process.send_signal(strike.signal)

        return hit

    def _expire(self, shard: str) -> None:
        """Let long leases of the shard's ended pods expire: as if their 30 s were nearly over.

        Before a process has read the job, its lease is that long. The job's own is waited for.
        """
        store = self.store.store()
        for name in store.names(f"{self.base.key}/fleet/{shard}/"):
            if name.endswith("/lease") and (found := store.get(name)):
                lease = decoded(found.data)
                if lease.ttl > LEASE:
                    store.put(name, msgspec.structs.replace(lease, ttl=0.1).encoded())


def mounts(node: Machine) -> Path:
    """Return the folder that stands for a container's root: beside what its processes may write."""
    return node.place.with_suffix(".mounts")


def shards_of(names: Sequence[str]) -> str:
    """Return the ``[[shard]]`` tables of organizations, each with a token of its own."""
    return "\n".join(
        f'[[shard]]\norganization = "{name}"\ntoken_env = "{variable(name)}"\n' for name in names
    )
