"""The engine, with durable intents and results in a journal, and checked answers."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from benchmarks.case import TOKEN
from benchmarks.clients import AT_ONCE, Cost, main
from bulkops.client.api import Client
from bulkops.inventory.lookout import Lookout
from bulkops.job.pace import Pace
from bulkops.job.rollout import Rollout
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.process import holder
from bulkops.journal.reader import read
from bulkops.journal.writer import Journal
from bulkops.plan.current_state import read_current
from bulkops.plan.model import Plan
from bulkops.plan.recorded import job_of, kind_of, start_journal
from bulkops.plan.tolerance import Margin
from bulkops.runner.assignment import IGNORING, Assignment
from bulkops.runner.interruption import Interruption
from bulkops.runner.runner import Runner


async def carry_out(address: str, plan: Plan) -> Cost:
    """Apply the plan, from opening the journal to the last durable result."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.jsonl")
        async with Client(address, TOKEN) as client:
            client.pacer.learn(None)
            start_journal(JournalFile(path), plan, client, holder(client.clock))
            contents, cost = read(JournalFile(path)), Cost(len(plan.operations))
            with cost.measured():
                async with Journal.open(JournalFile(path), contents) as journal:
                    await _run(client, journal)
            return cost


async def _run(client: Client, journal: Journal) -> None:
    header = journal.replay.header
    job = replace(job_of(header), pace=Pace(max_at_once=AT_ONCE))
    assignment = Assignment(client, kind_of(header), journal, LocalPlace(Path("job.jsonl")), job)
    lookout = Lookout(client.clock, partial(read_current, client, journal.replay, 0.0), 1)
    runner = Runner(assignment, Interruption(), IGNORING, client.clock.now(), lookout)
    margin = Margin(journal.replay, Rollout(max_failures=0), None)
    if stopped := await runner.run(list(journal.replay.having(None)), margin):
        raise RuntimeError(f"stopped: {stopped}")


if __name__ == "__main__":
    main(carry_out)
