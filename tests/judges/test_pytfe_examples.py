"""The examples of pytfe, HashiCorp's Python client, from its source distribution."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from bulkops.simulator.core import Simulator
from tests.cli.support import serving
from tests.judges.conftest import Get

pytestmark = pytest.mark.long

_TROUBLE = re.compile(r"error|fail|exception|unauthorized|not found|traceback", re.IGNORECASE)
"""The examples print what went wrong, and end with exit code 0."""

PROJECT = ("--project-id", "{project}")
WORKSPACE = ("--org", "acme", "--workspace-id", "{workspace}", "--workspace", "prod-1")


@pytest.mark.parametrize(
    ("example", "arguments", "effects"),
    [
        (
            "run_task",
            ("--org", "acme", "--create", "--include-workspace-tasks", "--update", "--delete"),
            ["create task", "update task", "delete task"],
        ),
        (
            "workspace_run_task",
            ("--workspace-id", "{workspace}", "--run-task-id", "{task}"),
            ["create workspace-task", "update workspace-task", "delete workspace-task"],
        ),
        ("org", (), ["create organization", "delete organization"]),
        ("organization_tags", ("--org", "acme"), []),
        ("workspace", ("--org", "acme", "--list", "--create"), ["create workspace"]),
        ("workspace", (*WORKSPACE, "--read", "--update"), ["update workspace"]),
        ("workspace", (*WORKSPACE, "--lock", "--unlock"), ["update workspace"] * 2),
        ("workspace", (*WORKSPACE, "--lock", "--force-unlock"), ["update workspace"] * 2),
        ("workspace", (*WORKSPACE, "--tag-ops"), ["update workspace"] * 2),
        ("workspace", (*WORKSPACE, "--ssh-keys", "--remote-state"), []),
        ("workspace", (*WORKSPACE, "--delete", "--safe-delete"), ["delete workspace"]),
        ("project", ("--organization", "acme", "--list"), []),
        (
            "project",
            ("--organization", "acme", "--create", "--name", "new", *PROJECT, "--read"),
            ["create project"],
        ),
        (
            "project",
            (*PROJECT, "--add-tag-bindings", "--tag", "a=b", "--list-effective-tag-bindings"),
            ["update project"],
        ),
        ("project", (*PROJECT, "--delete-tag-bindings"), ["update project"]),
        (
            "project",
            ("--organization", "acme", "--demo-move"),
            [
                *(["create project"] * 2 + ["create workspace", "update workspace"]),
                *("delete workspace", "delete project", "delete project"),
            ],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_example_reports_no_trouble(
    sdist: Get, example: str, arguments: tuple[str, ...], effects: list[str]
) -> None:
    """It ends well, prints no error, and changes exactly what it says."""
    source = sdist("pytfe", version("pytfe"))
    simulator = Simulator(rate=0)
    simulator.add_organization("acme")
    project = simulator.add_project("platform", tag_bindings={"team": "core"})
    workspace = simulator.add_workspace("prod-1", tags=["prod"])
    task = simulator.add_task("scan")
    ids = {"project": project.id, "workspace": workspace.id, "task": task.id}
    with serving(simulator) as address:
        done = subprocess.run(
            [sys.executable, f"{source}/examples/{example}.py"]
            + [argument.format(**ids) for argument in arguments],
            env={name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
            | {"TFE_ADDRESS": address, "TFE_TOKEN": "any", "TFE_ORG": "acme"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if _TROUBLE.search(line)] == []
    assert [f"{effect.action} {effect.kind}" for effect in simulator.effects] == effects
