"""Segments are written once, and whoever has taken a journal over is never fenced out again."""

from __future__ import annotations

import anyio
import pytest

from bulkops.errors import JournalTakenOver
from bulkops.journal.reader import read
from bulkops.journal.records import Execution
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import NoAnswer
from bulkops.journal.remote.segments import Segments, write_once
from bulkops.journal.writer import Journal, create
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble
from tests.journal.samples import HOLDER, first, inline

ADDRESS = Address("s3", "bucket", "scan")
FIRST, SECOND = (Execution(HOLDER, "0.1.0", nonce=nonce) for nonce in ("first", "second"))


def segments(store: MemoryStore) -> Segments:
    """Return the journal, read without threads."""
    return Segments(store, ADDRESS, at_once=1)


async def permitted() -> None:
    """Permit everything."""


async def begin(store: MemoryStore, execution: Execution) -> None:
    """Begin an execution in a process of its own."""
    storage = segments(store)
    async with Journal.open(storage, read(storage), inline) as journal:
        await journal.begin(execution, permitted)


def test_a_refusal_with_nothing_there_is_no_other_process() -> None:
    """A store may refuse for no reason that stays (409): it isn't known, and is tried again."""
    store = MisbehavingStore(MemoryStore(), lambda: 0.0)
    store.script = [Trouble.CONFLICT]
    with pytest.raises(NoAnswer, match="refuses to write, though nothing is there"):
        write_once(store, "scan/00000002.jsonl", b"line\n")
    assert write_once(store, "scan/00000002.jsonl", b"line\n")
    assert not write_once(store, "scan/00000002.jsonl", b"other\n")


def test_an_execution_begins_after_what_was_written_meanwhile() -> None:
    """It reads on, and takes the next number."""
    store = MemoryStore()
    create(segments(store), first(1))

    async def both() -> None:
        storage = segments(store)
        async with Journal.open(storage, read(storage), inline) as journal:
            await begin(store, FIRST)
            await journal.begin(SECOND, permitted)

    anyio.run(both)
    executions = read(segments(store)).replay.executions
    assert [execution.nonce for execution in executions] == ["first", "second"]


def test_a_process_that_was_taken_over_before_it_began_fences_nobody_out() -> None:
    """It was frozen before its first record; its lease is looked at again before each attempt."""
    store = MemoryStore()
    create(segments(store), first(1))
    asked = list[str]()

    async def lost_at_the_second() -> None:
        asked.append("")
        if len(asked) > 1:
            raise JournalTakenOver("taken over")

    async def frozen() -> None:
        storage = segments(store)
        async with Journal.open(storage, read(storage), inline) as journal:
            await begin(store, SECOND)
            await journal.begin(FIRST, lost_at_the_second)

    with pytest.raises(JournalTakenOver):
        anyio.run(frozen)
    assert [execution.nonce for execution in read(segments(store)).replay.executions] == ["second"]
