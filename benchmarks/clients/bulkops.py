"""The engine: intents and results durable in a journal, answers decoded and checked."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.case import TOKEN
from benchmarks.clients import AT_ONCE, Cost, main
from bulkops.client.api import Client
from bulkops.journal.lock import holder
from bulkops.journal.reader import read
from bulkops.journal.writer import Journal
from bulkops.plan.model import Plan
from bulkops.plan.recorded import kind_of, start_journal
from bulkops.runner.runner import Runner


async def carry_out(address: str, plan: Plan) -> Cost:
    """Carry the plan out, from the opened journal to the last durable result."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.jsonl")
        async with Client(address, TOKEN) as client:
            client.pacer.learn(None)
            start_journal(path, plan, client, holder(client.clock))
            contents, cost = read(path), Cost(len(plan.operations))
            with cost.measured():
                async with Journal.open(path, contents) as journal:
                    await _run(client, journal)
            return cost


async def _run(client: Client, journal: Journal) -> None:
    runner = Runner(
        client,
        kind_of(journal.replay.header),
        journal,
        max_at_once=AT_ONCE,
        settle=10.0,
        read_at=client.clock.now(),
        tolerated=0,
        on_result=lambda _operation, _result: None,
    )
    await runner.run(list(journal.replay.having(None)))
    if runner.stopped:
        raise RuntimeError(f"stopped: {runner.stopped}")


if __name__ == "__main__":
    main(carry_out)
