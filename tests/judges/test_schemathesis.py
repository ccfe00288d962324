"""schemathesis, which generates requests from HashiCorp's OpenAPI documents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulkops.simulator.core import Simulator
from tests.cli.support import serving
from tests.judges.conftest import Get

pytestmark = pytest.mark.long

VERSION = "4.32.5"
EXAMPLES = 15
"""The most requests per operation in its last phase; with more it takes longer."""
_CHECKS = (
    "not_a_server_error,status_code_conformance,response_schema_conformance,"
    "content_type_conformance"
)
_CONFIGURATION = """\
[parameters]
organization_name = "acme"
workspace_id = "{workspace}"
workspace_name = "prod-1"

[[operations]]
include-path = "/workspaces/{{workspace_id}}/tasks/{{id}}"
parameters = {{ id = "{attached}" }}

[[operations]]
include-path = "/tasks/{{id}}"
parameters = {{ id = "{task}" }}

[[operations]]
include-path = "/tasks/{{id}}/relationships/workspace-tasks"
parameters = {{ id = "{task}" }}
"""


@pytest.fixture(scope="module")
def schemathesis(installed: Get) -> Path:
    """The folder in which it is installed."""
    return installed(f"schemathesis=={VERSION}")


@pytest.mark.parametrize("number", [0, 1], ids=["run-tasks", "workspaces"])
def test_no_generated_request_gets_an_undocumented_answer(
    schemathesis: Path,
    needed_documents: list[dict[str, Any]],
    tmp_path: Path,
    number: int,
) -> None:
    """Whatever is sent, to records that exist, no answer is a 5xx or differs from the documents."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme")
    workspace = simulator.add_workspace("prod-1")
    task = simulator.add_task("scan")
    attached = simulator.attach("prod-1", "scan")
    ids = {"workspace": workspace.id, "task": task.id, "attached": attached.id}
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(_CONFIGURATION.format(**ids), encoding="utf-8")
    document = tmp_path / "openapi.json"
    document.write_bytes(msgspec.json.encode(needed_documents[number]))
    with serving(simulator) as address:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", f"--config-file={configuration}"),
                *("run", str(document), f"--url={address}/api/v2", "--no-color", "--seed=1"),
                *("--header=Authorization: Bearer any", f"--checks={_CHECKS}"),
                *("--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}"),
                # A DELETE would leave nothing for the requests that follow.
                "--exclude-method=DELETE",
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(schemathesis)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert simulator.stats.by_status[500] == 0
    assert sum(simulator.stats.by_status.values()) > 500
    assert simulator.effects
