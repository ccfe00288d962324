"""Carries out a workflow's jobs as GitHub's runner does: fresh folders, artifacts, conditions.

Steps that run a script are really run. Actions are imitated as their source works: a single
artifact that matches a pattern gets no folder of its own, and a name can be used once.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

from tests.cli.support import TOKEN, Done, World
from tests.pipelines.bucket import PLACE, Bucket
from tests.pipelines.running import Strike, execute

SKIPPED = Done(-1, "", "")
RUN = {"first": 7001, "second": 7002, "third": 7003}
"""Ids of runs."""


VARIABLES = {
    "AWS_REGION": "us-east-1",
    "BULKOPS_BUCKET": PLACE,
    "AWS_PLAN_ROLE": "arn:aws:iam::111122223333:role/bulkops-plan",
    "AWS_APPLY_ROLE": "arn:aws:iam::111122223333:role/bulkops-apply",
    "AWS_REPORT_ROLE": "arn:aws:iam::111122223333:role/bulkops-report",
}
"""The repository's variables for a bucket."""


class Outputs(SimpleNamespace):
    """The outputs of a step or a job; unset ones are empty."""

    def __getattr__(self, _name: str) -> str:
        return ""


class Expressions:
    """The values of ``${{ … }}`` in one job."""

    def __init__(self, **contexts: Mapping[str, object]) -> None:
        self.failed = False
        self._names = {name: SimpleNamespace(**values) for name, values in contexts.items()}

    def value(self, expression: str) -> object:
        """Return an expression's value: GitHub's operators mean what Python's do."""
        python = expression.replace("&&", " and ").replace("||", " or ")
        python = re.sub(r"!(?!=)", " not ", python)
        functions = {"always": lambda: True, "cancelled": lambda: False}
        names = {"__builtins__": {}, **functions, **self._names}
        return eval(python.strip(), names)  # noqa: S307 - the text is this repository's own file

    def filled(self, text: object) -> str:
        """Return a text with its expressions replaced by their values."""
        if not isinstance(text, str):
            return str(text).lower() if isinstance(text, bool) else str(text)

        def put(found: re.Match[str]) -> str:
            value = self.value(found[1])
            return str(value).lower() if isinstance(value, bool) else str(value)

        return re.sub(r"\$\{\{(.*?)\}\}", put, text)

    def holds(self, condition: str | None) -> bool:
        """Return whether a job or a step is to run."""
        if condition is None:
            return not self.failed
        found = re.fullmatch(r"\$\{\{(.*)\}\}", condition, re.DOTALL)
        assert found, f"a condition is written as ${{{{ … }}}}: {condition}"
        return bool(self.value(found[1]))


class GitHub:
    """A repository with the workflow, its artifacts, and an organization to work on.

    Args:
        secrets: of the repository.
    """

    def __init__(
        self,
        workflow: Mapping[str, Any],
        world: World,
        folder: Path,
        bucket: Bucket | None = None,
        secrets: Mapping[str, str] = MappingProxyType({"TFE_TOKEN": TOKEN}),
    ) -> None:
        self.workflow = workflow
        self.world = world
        self._secrets = secrets
        self.bucket = bucket
        self.artifacts = folder / "artifacts"
        self.summary = folder / "summary.md"
        self._machines = folder / "machines"
        self._number = 0
        self._installed = False
        self._planned = dict[str, SimpleNamespace]()
        self._applied = dict[str, str]()

    def attempt(
        self,
        name: str,
        number: int,
        *,
        run: str = "first",
        strike: Strike | None = None,
        inputs: Mapping[str, object] = MappingProxyType({}),
        matrix: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Done]:
        """Run a job on a fresh machine; return each step's result.

        Args:
            number: of the attempt, from 1.
            strike: what happens to the step "Apply".
            inputs: those that differ from their defaults.
            matrix: the job's own values of its matrix.
        """
        given = self.workflow["on"]["workflow_dispatch"]["inputs"]
        defaults = {key: spec["default"] for key, spec in given.items()}
        assert set(inputs) <= set(defaults)
        if "job" in defaults:
            defaults["job"] = "job.toml"
        spec = self.workflow["jobs"][name]
        self._outputs = {step["id"]: Outputs() for step in spec["steps"] if "id" in step}
        skipped = SimpleNamespace(result="skipped", outputs=Outputs())
        self._expressions = Expressions(
            inputs={**defaults, **inputs},
            matrix=matrix,
            github={"run_attempt": number, "run_id": RUN[run], "token": "gh-token"},
            secrets=self._secrets,
            vars={"TFE_ADDRESS": self.world.address, **VARIABLES},
            needs={
                "plan": self._planned.get(run, skipped),
                "apply": SimpleNamespace(result=self._applied.get(run, "skipped")),
            },
            steps={key: SimpleNamespace(outputs=value) for key, value in self._outputs.items()},
        )
        if not self._expressions.holds(spec.get("if")):
            return {}
        self._job, self._run, self._attempt = name, run, number
        self._number += 1
        self._machine = self._machines / str(self._number)
        self._machine.mkdir(parents=True)
        self._exported = dict[str, str]()
        self._rights = spec.get("permissions", self.workflow["permissions"])
        done = {
            step.get("name", step.get("uses")): self._step(spec, step, strike)
            for step in spec["steps"]
        }
        result = "failure" if self._expressions.failed else "success"
        if name == "apply":
            self._applied[run] = result
        if name == "plan":
            values = {k: self._expressions.filled(v) for k, v in spec["outputs"].items()}
            self._planned[run] = SimpleNamespace(result=result, outputs=Outputs(**values))
        return done

    def kept(self, run: str, name: str) -> Path:
        """Return an artifact's folder."""
        return self.artifacts / str(RUN[run]) / name

    def _step(self, job: Mapping[str, Any], step: Mapping[str, Any], strike: Strike | None) -> Done:
        if not self._expressions.holds(step.get("if")):
            return SKIPPED
        if step.get("name") == "Install" and self._installed:
            return Done(0, "", "")  # one installation serves all machines of a test
        if "uses" in step:
            action = step["uses"].partition("@")[0].partition("/")[2].replace("-", "_")
            given = {k: self._expressions.filled(v) for k, v in step.get("with", {}).items()}
            failed = getattr(self, f"_{action}")(given)
            done = Done(1 if failed else 0, "", failed or "")
        else:
            done = self._script(job, step, strike if step["name"] == "Apply" else None)
        self._installed |= step.get("name") == "Install" and done.code == 0
        self._expressions.failed |= done.code != 0
        return done

    def _script(
        self, job: Mapping[str, Any], step: Mapping[str, Any], strike: Strike | None
    ) -> Done:
        assert self.workflow["defaults"]["run"]["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a script is run"
        script = self._machine.with_suffix(".sh")
        script.write_text(step["run"], encoding="utf-8")
        outputs = self._machine.with_suffix(".outputs")
        outputs.write_text("", encoding="utf-8")
        own = {**self.workflow["env"], **job.get("env", {}), **step.get("env", {})}
        done = execute(
            self.world,
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            folder=self._machine,
            environment={
                **{name: self._expressions.filled(value) for name, value in own.items()},
                **self._exported,
                # Installed already: this does not test how pip finds it.
                "BULKOPS": "bulkops",
                "CONSTRAINTS": os.devnull,
                "PIP_NO_INDEX": "1",
                "CI": "true",
                "HOME": str(self._machine),
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_RUN_ATTEMPT": str(self._attempt),
                "GITHUB_RUN_ID": str(RUN[self._run]),
                "GITHUB_STEP_SUMMARY": str(self.summary),
            },
            strike=strike,
        )
        for line in outputs.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            setattr(self._outputs[step["id"]], key, value)
        return done

    def _checkout(self, _given: Mapping[str, str]) -> str | None:
        for file in self.world.folder.glob("*.toml"):
            shutil.copy(file, self._machine)
        return None

    def _setup_python(self, given: Mapping[str, str]) -> str | None:
        return None if given["python-version"] else "no version"

    def _configure_aws_credentials(self, given: Mapping[str, str]) -> str | None:
        assert self._rights["id-token"] == "write", "without it, there is no token to trade"
        assert set(given) <= {"role-to-assume", "aws-region", "role-duration-seconds"}
        assert self.bucket
        self._exported = self.bucket.exported(given["aws-region"])
        own = VARIABLES[f"AWS_{self._job.upper()}_ROLE"]
        return None if given["role-to-assume"] == own else "the role doesn't trust this job's token"

    def _upload_artifact(self, given: Mapping[str, str]) -> str | None:
        source, target = self._machine / given["path"], self.kept(self._run, given["name"])
        # Hidden files are left out.
        files = [path for path in source.rglob("[!.]*") if path.is_file()]
        if not files:
            return "no files" if given["if-no-files-found"] == "error" else None
        if target.exists():
            return "an artifact with this name already exists"
        for path in files:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        return None

    def _download_artifact(self, given: Mapping[str, str]) -> str | None:
        place = self.artifacts / given["run-id"]
        there = sorted(place.iterdir()) if place.exists() else []
        found = [path for path in there if fnmatch(path.name, given["pattern"])]
        assert given["github-token"], "without it, earlier attempts' artifacts are not found"
        flat = given["merge-multiple"] == "true" or len(found) == 1
        for path in found:
            target = self._machine / given["path"]
            shutil.copytree(path, target if flat else target / path.name, dirs_exist_ok=True)
        return None
