"""terrasnek's own test of run tasks, run against the simulator."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bulkops.simulator.core import Simulator
from tests.cli.support import serving
from tests.judges.conftest import Get

pytestmark = pytest.mark.long

VERSION = "0.1.14"
# Its tests don't start without them; the one for run tasks uses none.
_UNUSED = (
    *("TFC_ORG_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TWILIO_ACCOUNT_SID"),
    *("TWILIO_AUTH_TOKEN", "SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "GH_TOKEN"),
    *("TEST_EMAIL", "TEST_USERNAME", "TEST_TEAM_NAME", "TEST_PASSWORD"),
)
_CONFIGURATION = "terrasnek_unittest_config_version_from_string.tf"


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202408-1"])
def test_terrasneks_run_task_test_passes(sdist: Get, installed: Get, profile: str) -> None:
    """It creates an organization, purges it, manages a run task, and deletes everything again."""
    packages = installed(f"terrasnek=={VERSION}", "timeout-decorator==0.5.0")
    source = sdist("terrasnek", VERSION)
    data = source / "test" / "testdata" / "terraform"
    data.mkdir(parents=True, exist_ok=True)  # not in the sdist, and opened by every test
    (data / _CONFIGURATION).touch()
    simulator = Simulator(rate=0, profile=profile)
    with serving(simulator) as address:
        done = subprocess.run(
            [sys.executable, "-m", "unittest", "test.run_tasks_test"],
            cwd=source,
            env=dict.fromkeys(_UNUSED, "unused")
            | os.environ
            | {"PYTHONPATH": str(packages), "TFC_URL": address, "TFC_TOKEN": "any"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Ran 1 test" in done.stderr
    assert simulator.world.organizations == {}
    kinds = [effect.kind for effect in simulator.effects if effect.action == "create"]
    assert kinds == ["organization", "workspace", "task", "workspace-task"]
