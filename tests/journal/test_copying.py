"""A journal is copied between files and object storage: all of its lines, or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Barrier, Lock

import anyio
import pytest

from bulkops.client.permit import Permit
from bulkops.errors import (
    JobError,
    JournalDamaged,
    JournalError,
    JournalTakenOver,
    JournalWriteFailed,
)
from bulkops.journal.lines import groups_of
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.place import Hold, Keep
from bulkops.journal.reader import read
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.bucket.store import NoAnswer, Version
from bulkops.journal.remote.place import RemotePlace
from bulkops.journal.remote.segments import Segments
from bulkops.journal.upkeep.copying import copy, is_copy
from bulkops.journal.writer import create
from tests.journal.disk import Disk
from tests.journal.remote.memory import MemoryStore
from tests.journal.samples import HOLDER, LATER, PATH, first, grown

KEPT = sorted((Path(__file__).parents[1] / "plan" / "kept").glob("*.jsonl"))
ADDRESS = parse("s3://bucket/scan")


def in_file(path: Path, keep: Keep | None = None) -> Hold:
    """Return a journal in a file, held."""
    return Hold(LocalPlace(path), JournalFile(path), HOLDER, keep=keep)


def in_store(store: MemoryStore, at_once: int = 4, keep: Keep | None = None) -> Hold:
    """Return a journal in a store, held."""
    place = RemotePlace(ADDRESS, store=store)
    return Hold(place, Segments(store, ADDRESS, at_once), HOLDER, keep=keep)


def copied(source: Hold, target: Hold) -> None:
    """Copy a journal, as the command does."""
    anyio.run(copy, source, read(source.storage), target)


def segments(store: MemoryStore) -> list[bytes]:
    """Return the content of a store's segments, in order."""
    return [it.data for name, it in sorted(store.objects.items()) if name.endswith(".jsonl")]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal in a file: the plan and four groups after it."""
    disk = Disk()
    grown(disk, LATER)
    path = tmp_path / "scan.jsonl"
    path.write_bytes(disk.content(PATH))
    return path


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
def test_into_a_store_and_back_it_is_the_same_bytes(kept: Path, tmp_path: Path) -> None:
    """Journals of all kinds and formats, from a file to a store, to another one, to a file."""
    stores = MemoryStore(), MemoryStore()
    copied(in_file(kept), in_store(stores[0]))
    copied(in_store(stores[0]), in_store(stores[1]))
    copied(in_store(stores[1]), in_file(tmp_path / "back.jsonl"))
    assert (tmp_path / "back.jsonl").read_bytes() == kept.read_bytes()
    assert segments(stores[0]) == segments(stores[1])
    copied(in_file(kept), in_file(tmp_path / "copy.jsonl"))
    assert (tmp_path / "copy.jsonl").read_bytes() == kept.read_bytes()


def test_a_segment_is_a_group_and_the_first_has_the_plan(journal: Path) -> None:
    """The segments are those that a runner would have written."""
    store = MemoryStore()
    copied(in_file(journal), in_store(store))
    written = segments(store)
    with journal.open("rb") as stream:
        assert written == list(groups_of(stream))
    assert [data.count(b"\n") for data in written] == [5, 1, 2, 2, 3]


class Failing(MemoryStore):
    """A store that answers no write after so many of them.

    Attributes:
        late: whether the first that isn't answered takes effect.
    """

    def __init__(self, left: int, *, late: bool) -> None:
        super().__init__()
        self.left = left
        self.late = late
        self._lock = Lock()

    def create(self, key: str, data: bytes) -> Version | None:
        """See ``Store``."""
        with self._lock:
            self.left -= 1
            if self.left >= 0:
                return super().create(key, data)
            if self.left == -1 and self.late:
                super().create(key, data)
            raise NoAnswer("the store is away")


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(5))
def test_interrupted_it_is_no_journal_and_the_same_copy_completes_it(
    journal: Path, left: int, *, late: bool, at_once: int
) -> None:
    """Whichever write is the last one: nobody can read it, or begin a journal in its place."""
    store = Failing(left, late=late)
    with pytest.raises(JournalWriteFailed, match="is not complete; the same command"):
        copied(in_file(journal), in_store(store, at_once))
    whole = len(store.objects) == 5
    assert RemotePlace(ADDRESS, store=store).exists() == bool(store.objects)
    assert whole == (left == 4 and late)
    if not whole:
        error = JournalDamaged if store.objects else JournalError
        with pytest.raises(error):
            read(Segments(store, ADDRESS))
    store.left = 100
    if store.objects:
        before = dict(store.objects)
        with pytest.raises(JournalError):
            create(Segments(store, ADDRESS), first(3))
        assert store.objects == before
    copied(in_file(journal), in_store(store, at_once))
    assert b"".join(segments(store)) == journal.read_bytes()


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_second_segment_is_written_first_and_the_first_one_last(
    journal: Path, at_once: int
) -> None:
    """So whatever is missing, the copy is neither a journal nor nothing."""
    written: list[str] = []

    class Listening(MemoryStore):
        def create(self, key: str, data: bytes) -> Version | None:
            written.append(key.rpartition("/")[2])
            return super().create(key, data)

    copied(in_file(journal), in_store(Listening(), at_once))
    assert len(written) == 5
    assert (written[0], written[-1]) == ("00000002.jsonl", "00000001.jsonl")


def test_an_unfinished_copy_is_named_as_one(journal: Path) -> None:
    """Reading it and starting a journal there give the same reason, and what to do."""
    store = Failing(1, late=False)
    with pytest.raises(JournalWriteFailed):
        copied(in_file(journal), in_store(store))
    reason = "its first segment is missing. If it is a copy, run the same `bulkops journal copy`"
    with pytest.raises(JournalDamaged, match=reason):
        read(Segments(store, ADDRESS))
    store.left = 100
    with pytest.raises(JournalError, match=reason):
        create(Segments(store, ADDRESS), first(3))


def test_a_copy_of_a_journal_that_grew_meanwhile_is_completed_with_what_it_has_now(
    tmp_path: Path,
) -> None:
    """Interrupted, the job resumed, and copied again: all lines are there."""
    disk, path = Disk(), tmp_path / "scan.jsonl"
    grown(disk, LATER)
    whole = disk.content(PATH)
    groups = list(groups_of(disk.read(PATH)))
    path.write_bytes(b"".join(groups[:3]))
    store = Failing(2, late=True)
    with pytest.raises(JournalWriteFailed):
        copied(in_file(path), in_store(store))
    store.left = 100
    path.write_bytes(whole)
    copied(in_file(path), in_store(store))
    assert b"".join(segments(store)) == whole


def test_parts_of_another_journal_are_left_as_they_are(journal: Path) -> None:
    """A copy that another journal's copy left unfinished is refused."""
    store = MemoryStore()
    store.create(f"{ADDRESS.key}/00000002.jsonl", b"another\n")
    with pytest.raises(JobError, match=r"s3://bucket/scan: parts of another journal are there"):
        copied(in_file(journal), in_store(store))
    assert segments(store) == [b"another\n"]


def test_a_torn_tail_is_left_out(journal: Path, tmp_path: Path) -> None:
    """The copy has the sound lines, also of the group that was torn."""
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-10])
    sound = whole[: whole[:-1].rindex(b"\n") + 1]
    copied(in_file(journal), in_file(tmp_path / "copy.jsonl"))
    assert (tmp_path / "copy.jsonl").read_bytes() == sound
    store = MemoryStore()
    copied(in_file(journal), in_store(store))
    assert b"".join(segments(store)) == sound


def test_several_segments_are_written_at_a_time(journal: Path) -> None:
    """Those after the second one wait for each other here."""
    together = Barrier(3)

    class Waiting(MemoryStore):
        def create(self, key: str, data: bytes) -> Version | None:
            if key.endswith(("3.jsonl", "4.jsonl", "5.jsonl")):
                together.wait(10)
            return super().create(key, data)

    store = Waiting()
    copied(in_file(journal), in_store(store, at_once=4))
    assert b"".join(segments(store)) == journal.read_bytes()


def _keeping(permit: Permit) -> Keep:
    @asynccontextmanager
    async def keep(
        on_end: Callable[[JournalWriteFailed], None],  # noqa: ARG001 - of ``Keep``
        seconds: float,
    ) -> AsyncIterator[Permit]:
        assert seconds == 30
        yield permit

    return keep


class Lost:
    """A permit that is lost when it matters."""

    def holds(self) -> bool:
        """Return False."""
        return False

    async def wait(self) -> None:
        """Raise."""
        raise JournalTakenOver("another process has it")


@pytest.mark.parametrize("lost", ["source", "target"])
def test_a_journal_that_was_taken_over_is_not_copied(
    journal: Path, tmp_path: Path, lost: str
) -> None:
    """The lease of each is asked before the copy counts as a journal."""
    keep = _keeping(Lost())
    source = in_file(journal, keep if lost == "source" else None)
    store = MemoryStore()
    with pytest.raises(JournalTakenOver):
        copied(source, in_store(store, keep=keep if lost == "target" else None))
    assert len(segments(store)) == 4
    path = tmp_path / "copy.jsonl"
    with pytest.raises(JournalTakenOver):
        copied(source, in_file(path, keep if lost == "target" else None))
    assert list(tmp_path.iterdir()) == [journal]


def test_a_lease_lost_while_copying_stops_it(journal: Path) -> None:
    """The keeper says so in the event loop, and nothing more is written."""
    store, lost = MemoryStore(), JournalTakenOver("another process has it")

    @asynccontextmanager
    async def keep(
        on_end: Callable[[JournalWriteFailed], None],
        seconds: float,  # noqa: ARG001 - of ``Keep``
    ) -> AsyncIterator[Permit]:
        on_end(lost)
        yield Lost()

    with pytest.raises(JournalTakenOver):
        copied(in_file(journal), in_store(store, keep=keep))
    assert segments(store) == []


def test_a_cancelled_copy_leaves_no_file(journal: Path, tmp_path: Path) -> None:
    """The thread ends before the cancellation is over, and removes what it wrote."""

    async def cancelled() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            contents = read(JournalFile(journal))
            await copy(in_file(journal), contents, in_file(tmp_path / "copy.jsonl"))

    anyio.run(cancelled)
    assert list(tmp_path.iterdir()) == [journal]


def test_a_journal_that_changes_while_it_is_copied_is_refused(
    journal: Path, tmp_path: Path
) -> None:
    """A process that knows no lock has cut it."""
    contents = read(JournalFile(journal))
    journal.write_bytes(journal.read_bytes()[:-10])
    with pytest.raises(JournalError, match="changed while it was copied; nothing was copied"):
        anyio.run(copy, in_file(journal), contents, in_file(tmp_path / "copy.jsonl"))
    assert list(tmp_path.iterdir()) == [journal]


def test_a_source_that_can_not_be_read_is_named(journal: Path, tmp_path: Path) -> None:
    """It vanished after it was checked."""
    contents = read(JournalFile(journal))
    journal.unlink()
    with pytest.raises(JournalError, match=r"scan\.jsonl: can't be read"):
        anyio.run(copy, in_file(journal), contents, in_file(tmp_path / "copy.jsonl"))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda data: data, True),
        (lambda data: data[:-1], False),
        (lambda data: data + b"\n", False),
        (lambda data: data.replace(b"ann", b"bob"), False),
        (lambda _: b"", False),
    ],
    ids=["same", "shorter", "longer", "other", "empty"],
)
def test_a_copy_has_the_same_bytes(
    journal: Path, tmp_path: Path, change: Callable[[bytes], bytes], *, same: bool
) -> None:
    """Anything else is no copy."""
    other = tmp_path / "other.jsonl"
    other.write_bytes(change(journal.read_bytes()))
    source = JournalFile(journal)
    assert is_copy(source, read(source), JournalFile(other)) == same
