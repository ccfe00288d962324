"""An execution begins with its record, after whatever another process has written meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from bulkops.errors import JournalDamaged, JournalError, JournalTakenOver, JournalWriteFailed
from bulkops.journal.reader import read
from bulkops.journal.records import Execution, Holder
from bulkops.journal.remote.bucket.store import Denied, Version
from bulkops.journal.remote.segments import Segments
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.journal.writer import Journal
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.samples import AT, append, grown
from tests.journal.samples import HOLDER, LATER, inline, intent, result

BOB = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")
BEGUN = Execution(BOB, "0.1.0", nonce="bob's")


async def permitted() -> None:
    """Permit it."""


def outcomes(replay: Replay) -> list[Outcome | None]:
    """Return the outcome of each operation."""
    return [progress.outcome for progress in replay.operations.values()]


def begin(
    store: MemoryStore,
    meanwhile: Callable[[], object] = lambda: None,
    further: Callable[[Journal], object] = lambda _: None,
) -> Journal:
    """Begin an execution; ``meanwhile`` is called once the journal was read."""

    async def run() -> Journal:
        segments = Segments(store, AT)
        contents = read(segments)
        meanwhile()
        async with Journal.open(segments, contents, inline) as journal:
            await journal.begin(BEGUN, permitted)
            further(journal)
        return journal

    return anyio.run(run)


def test_its_record_follows_what_was_read() -> None:
    """As a segment of its own, and the journal goes on from there."""
    store = grown([])
    journal = begin(store, further=lambda journal: journal.post(intent(0)))
    assert journal.replay.executions == [BEGUN]
    assert max(store.objects).endswith("00000003.jsonl")
    replay = read(Segments(store, AT)).replay
    assert replay.executions == [BEGUN]
    assert len(replay.operations) == 3


@pytest.mark.parametrize("groups", range(len(LATER) + 1))
def test_what_was_written_meanwhile_is_taken(groups: int) -> None:
    """All of it, before its own record, and without gaps."""
    store = grown([])
    journal = begin(store, lambda: append(store, LATER[:groups]))
    expected = read(Segments(store, AT))
    assert journal.replay.executions == expected.replay.executions
    assert journal.replay.executions[-1] == BEGUN
    assert len(store.objects) == 1 + groups + 1
    assert outcomes(journal.replay) == outcomes(expected.replay)


def test_it_is_superseded_again_and_again() -> None:
    """A writer that is still alive writes one more group before each attempt."""
    store = grown([])
    groups = list(LATER)

    class Alive(MemoryStore):
        def create(self, key: str, data: bytes) -> Version | None:
            if groups and b'"nonce":"bob\'s"' in data:
                append(store, [groups.pop(0)])
            return super().create(key, data)

    alive = Alive()
    alive.objects = store.objects
    journal = begin(alive)
    assert groups == []
    assert journal.replay.executions == [Execution(HOLDER, "0.1.0"), BEGUN]
    assert outcomes(journal.replay) == [Outcome.SUCCEEDED] * 3
    assert read(Segments(store, AT)).replay.executions == journal.replay.executions


def test_each_attempt_needs_a_permit() -> None:
    """What supersedes it may be the record of another process that has taken the journal over."""
    store = grown([])
    asked = list[int]()

    async def fenced() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise JournalTakenOver("taken over")

    async def run() -> None:
        segments = Segments(store, AT)
        contents = read(segments)
        append(store, LATER[:1])
        async with Journal.open(segments, contents, inline) as journal:
            await journal.begin(BEGUN, fenced)

    with pytest.raises(JournalTakenOver):
        anyio.run(run)
    assert read(Segments(store, AT)).replay.executions == [Execution(HOLDER, "0.1.0")]


def test_the_one_before_is_fenced() -> None:
    """Whatever it writes afterwards is refused, and it sends nothing more."""
    store = grown(LATER[:1])

    async def run() -> None:
        segments = Segments(store, AT)
        async with Journal.open(segments, read(segments), inline) as journal:
            await journal.append(intent(0))
            append(store, [[BEGUN]])
            await journal.append(result(0))

    with pytest.raises(JournalTakenOver, match="another process has taken it over"):
        anyio.run(run)
    replay = read(Segments(store, AT)).replay
    assert replay.executions[-1] == BEGUN
    assert outcomes(replay) == [Outcome.IN_DOUBT, None, None]


GARBAGE = [b"garbage\n", b'{"seq":99,"group":99,"type":"intent","crc":"00000000"}\n']


@pytest.mark.parametrize("data", GARBAGE)
def test_damage_meanwhile_is_an_error(data: bytes) -> None:
    """Nothing is written after it."""
    store = grown(LATER[:1])

    def damaged() -> None:
        append(store, LATER[1:2])
        store.put(f"{AT.key}/00000004.jsonl", data)

    with pytest.raises(JournalDamaged):
        begin(store, damaged)
    assert len(store.objects) == 4


def test_what_is_there_and_empty_is_an_error() -> None:
    """It would be superseded for ever."""
    store = grown(LATER[:1])
    with pytest.raises(JournalError, match="what it writes can't be read; nothing was sent"):
        begin(store, lambda: store.put(f"{AT.key}/00000003.jsonl", b""))


def test_what_contradicts_the_plan_is_an_error() -> None:
    """A valid line about an operation that was never planned."""
    store = grown(LATER[:1])
    with pytest.raises(JournalDamaged, match="contradicts itself"):
        begin(store, lambda: append(store, [[intent(7)]]))


def test_a_store_that_cannot_be_written_ends_it() -> None:
    """As any failed write: nothing is sent, and each later call raises."""
    store = grown([])

    class Denying(MemoryStore):
        def create(self, key: str, data: bytes) -> Version | None:
            raise Denied(f"no right to write {len(data)} bytes at {key}")

    denying = Denying()
    denying.objects = store.objects
    with pytest.raises(JournalWriteFailed, match="no right"):
        begin(denying)
