"""The library over real sockets and a real disk, with a guard on the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from blockbuster import blockbuster_ctx

from bulkops import (
    Client,
    apply_plan,
    parse_job,
    plan_job,
    plan_undo,
    read_report,
    resume_journal,
    verify_journal,
)
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from tests.cli.support import JOB, TASK, StagedSimulator, organization, serving


@pytest.fixture
def simulator() -> StagedSimulator:
    """An organization of twelve workspaces, some of its answers lost."""
    made = StagedSimulator(rate=0)
    organization(made)
    made.faults = Faults.parse("POST:close-after=20%,503=10%", seed=1)
    return made


@pytest.fixture
def address(simulator: Simulator) -> Iterator[str]:
    """Where it is served."""
    with serving(simulator) as served:
        yield served


def test_a_job_from_plan_to_undo_never_blocks_the_event_loop(
    simulator: StagedSimulator, address: str, tmp_path: Path
) -> None:
    """Plan, apply, resume, verify and undo: journals are read, synced and locked in threads."""
    journal, back = tmp_path / "scan.jsonl", tmp_path / "back.jsonl"

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            report = await apply_plan(client, plan, journal)
            assert report.counts == {"succeeded": 12}
            assert (await resume_journal(client, journal)).exit_code == 0
            assert (await verify_journal(client, journal)).standing == 12
            report = await apply_plan(client, await plan_undo(client, journal), back)
            assert report.counts == {"succeeded": 12}

    with blockbuster_ctx("bulkops"):
        anyio.run(main)
    assert read_report(journal).standing == 12
    assert not any(simulator.attachments(f"prod-{n:03}", TASK) for n in range(1, 13))


def test_a_jobs_own_rate_holds_in_the_library(address: str, tmp_path: Path) -> None:
    """``[pace] rate`` lowers the pace of the client that is handed over."""
    job = parse_job(JOB.replace("[pace]", "[pace]\nrate = 500"))

    async def main() -> float | None:
        async with Client(address, "any") as client:
            await apply_plan(client, await plan_job(client, job), tmp_path / "scan.jsonl")
            return client.pacer.rate

    assert anyio.run(main) == pytest.approx(492.5)
