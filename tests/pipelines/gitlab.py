"""Carries out a pipeline's jobs as GitLab's runner does: fresh folders, artifacts, a cache.

Scripts are really run, by ``sh``, because an image may have no bash.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.support import TOKEN, Done, World
from tests.pipelines.running import Strike, execute

PIPELINE = "9001"


class Ran(NamedTuple):
    """The result of a job: its status as GitLab shows it, and its script's output."""

    status: str
    done: Done

    @property
    def code(self) -> int:
        """The exit code."""
        return self.done.code


class GitLab:
    """A project with one pipeline, its cache and artifacts, and an organization to work on."""

    def __init__(self, config: Mapping[str, Any], world: World, folder: Path) -> None:
        self.config = config
        self.world = world
        self.cache = folder / "cache"
        self._folder = folder
        self._number = 0
        self._installed = False
        self.ran: dict[str, Ran] = {}

    def spec(self, name: str) -> dict[str, Any]:
        """Return a job merged with what it extends and the defaults."""
        own = self.config[name]
        base = self.spec(own["extends"]) if "extends" in own else self.config["default"]
        return {**base, **own}

    def artifacts(self, name: str) -> Path:
        """Return the folder of the newest artifacts of a job."""
        return self._folder / "artifacts" / name

    def job(self, name: str, *, strike: Strike | None = None, **variables: str) -> Ran | None:
        """Run a job once on a fresh machine; ``None`` if a job that it needs has not passed."""
        spec = self.spec(name)
        needed = spec.get("needs", [])
        if any(self.ran[one].status == "failed" for one in needed if one in self.ran):
            return None
        assert all(one in self.ran for one in needed), "it waits"
        self._number += 1
        machine = self._folder / "machines" / str(self._number)
        machine.mkdir(parents=True)
        for file in self.world.folder.glob("*.toml"):
            shutil.copy(file, machine)
        environment = self._environment(spec, machine, variables)
        cached = self.cache / self._filled(spec.get("cache", {}).get("key", ""), environment)
        if "cache" in spec:
            _copy(cached, machine, spec["cache"]["paths"])
        for one in needed:
            kept = self.spec(one).get("artifacts", {}).get("paths", [])
            _copy(self.artifacts(one), machine, kept)
        # One installation serves all machines of a test.
        install = [] if self._installed else spec["before_script"]
        done = self._run(machine, [*install, *spec["script"]], environment, strike)
        self._installed = True
        if "after_script" in spec:
            self._run(machine, spec["after_script"], environment)
        self._keep(machine, spec, name, cached, passed=done.code == 0)
        self.ran[name] = Ran(_status(done.code, spec.get("allow_failure", False)), done)
        return self.ran[name]

    def _environment(
        self, spec: Mapping[str, Any], machine: Path, variables: Mapping[str, str]
    ) -> dict[str, str]:
        plain = {**self.config["variables"], **spec.get("variables", {})}
        values = {
            name: value["value"] if isinstance(value, dict) else str(value)
            for name, value in plain.items()
        }
        return {
            **values,
            "JOB": "job.toml",
            **variables,
            # Installed already: this does not test how pip finds it.
            "BULKOPS": "bulkops",
            "PIP_NO_INDEX": "1",
            "CI": "true",
            "CI_PIPELINE_ID": PIPELINE,
            "HOME": str(machine),
            "TFE_ADDRESS": self.world.address,
            "TFE_TOKEN": TOKEN,
        }

    def _run(
        self,
        machine: Path,
        lines: list[str],
        environment: Mapping[str, str],
        strike: Strike | None = None,
    ) -> Done:
        script = machine.with_suffix(".sh")
        script.write_text("\n".join(["set -e", *lines]), encoding="utf-8")
        words = ["sh", str(script)]
        return execute(self.world, words, folder=machine, environment=environment, strike=strike)

    def _keep(
        self, machine: Path, spec: Mapping[str, Any], name: str, cached: Path, *, passed: bool
    ) -> None:
        cache = spec.get("cache", {})
        pushed = cache.get("policy", "pull-push") != "pull"
        if cache and pushed and (passed or cache.get("when") == "always"):
            shutil.rmtree(cached, ignore_errors=True)
            _copy(machine, cached, cache["paths"])
        artifacts = spec.get("artifacts")
        if artifacts and (passed or artifacts.get("when") == "always"):
            shutil.rmtree(self.artifacts(name), ignore_errors=True)
            _copy(machine, self.artifacts(name), artifacts["paths"])

    @staticmethod
    def _filled(text: str, environment: Mapping[str, str]) -> str:
        return re.sub(r"\$(\w+)", lambda found: environment[found[1]], text)


def _copy(source: Path, target: Path, folders: list[str]) -> None:
    for folder in folders:
        if (source / folder).exists():
            shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)


def _status(code: int, allowed: bool | Mapping[str, list[int]]) -> str:  # noqa: FBT001 - GitLab's own
    if code == 0:
        return "passed"
    bears = allowed if isinstance(allowed, bool) else code in allowed["exit_codes"]
    return "warning" if bears else "failed"
