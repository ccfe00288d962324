"""Tests against a real organization, if BULKOPS_LIVE_ORG names one."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from bulkops import Client, RunTaskChange, apply_plan, parse_job, plan_job, verify_journal
from bulkops.client.access.address import destination

ORGANIZATION = os.environ.get("BULKOPS_LIVE_ORG", "")
WORKSPACE = os.environ.get("BULKOPS_LIVE_WORKSPACE", "")
"""The workspace to which the test briefly attaches a run task."""

pytestmark = pytest.mark.skipif(
    not (ORGANIZATION and WORKSPACE and os.environ.get("TFE_TOKEN")),
    reason="needs a live organization: BULKOPS_LIVE_ORG, BULKOPS_LIVE_WORKSPACE and TFE_TOKEN",
)

JOB = """
name = "bulkops-live"
organization = "{organization}"
operation = {{ kind = "{kind}", task = "bulkops-live" {more} }}
select = {{ names = ["{workspace}"] }}
"""


def _job(kind: str, more: str = "") -> str:
    return JOB.format(organization=ORGANIZATION, workspace=WORKSPACE, kind=kind, more=more)


def test_attach_verify_detach(tmp_path: Path) -> None:
    """A run task is created, attached as advisory, verified, detached and deleted again."""

    async def main() -> None:
        address = destination(None, os.environ).address
        async with Client(address, os.environ["TFE_TOKEN"]) as client:
            change = RunTaskChange(name="bulkops-live", url="https://httpbin.org/status/200")
            task = await client.run_tasks.create(ORGANIZATION, change)
            try:
                attach = parse_job(_job("attach", ', enforcement_level = "advisory"'))
                journal = tmp_path / "attach.jsonl"
                report = await apply_plan(client, await plan_job(client, attach), journal)
                assert report.counts == {"succeeded": 1}
                assert not (await verify_journal(client, journal)).differing
                plan = await plan_job(client, parse_job(_job("detach")))
                report = await apply_plan(client, plan, tmp_path / "detach.jsonl")
                assert report.counts == {"succeeded": 1}
            finally:
                await client.run_tasks.delete(task.id)

    anyio.run(main)
