"""Runs the containers of a Kubernetes manifest, and decides as its rules do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.cli.support import TOKEN, Done, World
from tests.pipelines.running import Strike, execute


def container_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    (container,) = spec["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def action_of(spec: Mapping[str, Any], code: int, *, disrupted: bool = False) -> str:
    """Return the action for a failed pod, by the first rule that matches."""
    for rule in spec["podFailurePolicy"]["rules"]:
        if "onPodConditions" in rule:
            fits = disrupted
        else:
            assert rule["onExitCodes"]["operator"] == "In"
            fits = code in rule["onExitCodes"]["values"]
        if fits:
            return str(rule["action"])
    return "Count"


class Cluster:
    """One organization, the ConfigMap as files, and a volume that outlives the pods.

    Args:
        job: the ConfigMap's job file.
    """

    def __init__(self, world: World, folder: Path, job: str) -> None:
        self.world = world
        self._folder = folder
        self._job = job
        for volume in ("job", "journal", "root"):
            (folder / volume).mkdir(parents=True)
        self.configure()

    @property
    def volume(self) -> Path:
        """The folder of the volume that the journal is on."""
        return self._folder / "journal"

    def configure(self, *changes: tuple[str, str]) -> None:
        """Write the ConfigMap's job file, with short waits."""
        text = self._job
        short = ('pause = "5m"', 'pause = "1ms"')
        for old, new in (*changes, *([short] if not changes else [])):
            assert old in text
            text = text.replace(old, new)
        text += '\n[pace]\nmax_at_once = 2\nsettle = "50ms"\n'
        (self._folder / "job" / "job.toml").write_text(text, encoding="utf-8")

    def pod(
        self,
        spec: Mapping[str, Any],
        *more: str,
        strike: Strike | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Done:
        """Run the pod's container; its mounts are folders, and its root stays empty.

        Args:
            environment: variables that the cluster adds to those of the container.
        """
        container = container_of(spec)
        places = {
            mount["mountPath"]: self._folder / mount["name"] for mount in container["volumeMounts"]
        }
        command, *arguments = [
            re.sub(r"(?<![\w/])/\w+", lambda found: str(places[found[0]]), word)
            for word in container["args"]
        ]
        token, *plain = container["env"]
        assert token["valueFrom"]["secretKeyRef"]["key"] == "token"
        root = self._folder / "root"
        done = execute(
            self.world,
            ["bulkops", command, *more, *arguments],
            folder=root,
            environment={
                **{variable["name"]: variable["value"] for variable in plain},
                token["name"]: TOKEN,
                "TFE_ADDRESS": self.world.address,
                "HOME": "/",
                **environment,
            },
            strike=strike,
        )
        assert list(root.iterdir()) == []
        assert [path.name for path in places["/job"].iterdir()] == ["job.toml"]
        return done
