"""A small journal to write, cut and damage: its header, its plan and later records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import anyio

from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import (
    FORMAT,
    Ended,
    Execution,
    Header,
    Holder,
    Intent,
    Planned,
    Record,
    Result,
    Skipped,
)
from bulkops.journal.states import Outcome
from bulkops.journal.storage import Executor
from bulkops.journal.writer import Journal, create
from bulkops.operations.model import Observed, Target, TaskRef
from tests.journal.disk import Disk

PATH = Path("no-such-folder", "job.jsonl")
AT = "2026-11-24T21:58:03.120Z"
HOLDER = Holder("ann", "build-7", 4711, AT)
DESIRED = {"enforcement-level": "mandatory", "stages": ["post_plan"]}


def header(operations: int, skips: int = 0) -> Header:
    """Return the header of a journal with so many operations."""
    return Header(
        format=FORMAT,
        run_id="bulkops-0123456789ab",
        bulkops="0.1.0",
        created_at=AT,
        started_by=HOLDER,
        address="https://app.terraform.io",
        organization="acme",
        job={"name": "scan", "operation": {"kind": "attach"}},
        digest="0" * 64,
        task=TaskRef("task-1", "security-scan"),
        single_stage=False,
        operations=operations,
        skips=skips,
    )


def planned(number: int) -> Planned:
    """Return the plan of one workspace."""
    name = f"ws-{number}"
    return Planned(f"attach:{name}", Target(name, f"prod-{number}"), None, DESIRED)


def first(operations: int) -> list[Record]:
    """Return the records a journal of so many operations and one skip is created with."""
    before = Observed("wstask-1", DESIRED)
    last: list[Record] = [Skipped(Target("ws-x", f"é {before.id}"), "already attached as wanted")]
    return [header(operations, 1), *map(planned, range(operations)), *last]


def intent(number: int) -> Intent:
    """Return an intent for one of the operations."""
    return Intent(f"attach:ws-{number}", AT)


def result(number: int) -> Result:
    """Return a result of one of the operations."""
    return Result(f"attach:ws-{number}", Outcome.SUCCEEDED, AT, ours=True, id=f"wstask-{number}")


LATER: list[list[Record]] = [
    [Execution(HOLDER, "0.1.0")],
    [intent(0), intent(1)],
    [result(1), intent(2)],
    [result(0), result(2), Ended(AT, "complete")],
]
"""Groups that follow a plan of three."""


async def inline(call: Callable[[], None]) -> None:
    """Run a file call here and now."""
    call()


async def take_turns(call: Callable[[], None]) -> None:
    """Run a file call after all other tasks had a turn, as a thread would."""
    await anyio.sleep(0.001)
    call()


def slow(seconds: float) -> Executor:
    """Return an executor whose every file call takes so many seconds, as in a store far away."""

    async def executor(call: Callable[[], None]) -> None:
        await anyio.sleep(seconds)
        call()

    return executor


def grown(disk: Disk, groups: Iterable[Iterable[Record]], operations: int = 3) -> None:
    """Create the journal on a disk and append each group by itself."""
    create(JournalFile(PATH, disk), first(operations))
    append(disk, groups)


def append(disk: Disk, groups: Iterable[Iterable[Record]]) -> None:
    """Append each group by itself to the journal on a disk."""

    async def write() -> None:
        async with Journal.open(
            JournalFile(PATH, disk), read(JournalFile(PATH, disk)), inline
        ) as journal:
            for group in groups:
                *others, last = group
                for record in others:
                    journal.post(record)
                await journal.append(last)

    anyio.run(write)
