"""A journal's segments: written once, continued after what was read, cut without deleting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkops.errors import JournalDamaged, JournalError
from bulkops.journal.reader import read, sound_part
from bulkops.journal.records import Record
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import NoAnswer
from bulkops.journal.remote.segments import Segments, write_once
from bulkops.journal.storage import Headless, Storage, Superseded
from bulkops.journal.upkeep.repair import repair
from bulkops.journal.writer import create
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble
from tests.journal.remote.samples import AT, grown
from tests.journal.samples import LATER, first

GROUPS = len(LATER) + 1


def names(store: MemoryStore) -> list[str]:
    """Return the names of all objects below the journal."""
    return [name.removeprefix(f"{AT.key}/") for name in store.names("")]


def test_a_segment_is_a_group() -> None:
    """The first has header and plan; together they are the lines that a file would have."""
    store = grown()
    assert names(store) == [f"0000000{number}.jsonl" for number in range(1, GROUPS + 1)]
    segments = Segments(store, AT)
    with segments.read() as stream:
        text = stream.read()
    assert text == b"".join(it.data for _, it in sorted(store.objects.items()))
    assert segments.end().endswith(text[-40:])
    assert str(segments) == "s3://bucket/a/scan"
    assert segments.owned(trusted=False) is segments
    assert not segments.may_tear


def test_its_size_is_what_was_read() -> None:
    """And its identity stays: no segment is ever replaced."""
    segments = Segments(grown(), AT)
    with segments.read() as stream:
        before = segments.sight(stream)
        size = len(stream.read())
        assert segments.sight(stream) == (before.identity, size)


def test_an_absent_journal_is_a_missing_file() -> None:
    """So a command says that it is none."""
    segments = Segments(MemoryStore(), AT)
    assert not segments.exists()
    with pytest.raises(FileNotFoundError):
        segments.read()


def test_without_its_first_segment_it_cannot_be_read() -> None:
    """Nor is another journal begun in its place."""
    store = grown()
    del store.objects[f"{AT.key}/00000001.jsonl"]
    segments = Segments(store, AT)
    assert segments.exists()
    with pytest.raises(Headless):
        segments.read()
    with pytest.raises(JournalError, match="first segment is missing"):
        create(Segments(store, AT), first(3))


def test_it_is_created_once() -> None:
    """A second journal at the same address is refused, and changes nothing."""
    store = grown([])
    before = dict(store.objects)
    with pytest.raises(JournalError, match="exists already"):
        create(Segments(store, AT), first(2))
    assert store.objects == before


@pytest.mark.parametrize("trouble", list(Trouble))
def test_the_same_write_again_is_safe(trouble: Trouble) -> None:
    """Whatever became of it: it is there once, and recognized as this writer's own."""
    memory = MemoryStore()
    store = MisbehavingStore(memory, lambda: 0.0)
    store.latest = 0.0
    store.script = [trouble]
    for _ in range(3):
        try:
            assert write_once(store, "a", b"mine")
        except NoAnswer:
            continue
    assert memory.objects["a"].data == b"mine"
    assert not write_once(store, "a", b"another's")
    assert memory.objects["a"].data == b"mine"


def test_what_another_writer_wrote_is_never_skipped() -> None:
    """A group goes right after what was read, also if a listing shows more by then."""
    store = grown(LATER[:1])
    one, other = Segments(store, AT), Segments(store, AT)
    for segments in (one, other):
        read(segments)
    other.append(b"1")
    other.append(b"2")
    with pytest.raises(Superseded):
        one.append(b"x")
    assert names(store)[-2:] == ["00000003.jsonl", "00000004.jsonl"]
    one.prepare(sound_part(Segments(grown(), AT)).scanner)
    one.close()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "changed": lambda data: data.replace(b'"type"', b'"typo"', 1),
    "shortened": lambda data: data[:-1],
    "emptied": lambda _: b"",
    "another's": lambda _: b"no line at all",
}


@pytest.mark.parametrize("damage", [*DAMAGES, "deleted"])
@pytest.mark.parametrize("number", [2, 3, 5])
def test_damage_is_cut_off_and_kept(damage: str, number: int) -> None:
    """Nothing is deleted: what followed is copied aside, and emptied; it can be written again."""
    store = grown()
    key = f"{AT.key}/{number:08}.jsonl"
    if damage == "deleted":
        del store.objects[key]
    else:
        store.put(key, DAMAGES[damage](store.objects[key].data))
    before = {name: it.data for name, it in store.objects.items()}
    if number == GROUPS and damage in ("deleted", "emptied"):
        assert not sound_part(Segments(store, AT)).scanner.damaged
        return
    with pytest.raises(JournalDamaged, match=f", object {number:08}.jsonl"):
        read(Segments(store, AT))
    aside = repair(Segments(store, AT))
    sound = read(Segments(store, AT))
    assert aside == f"{AT}/damaged-{sound.scanner.offset}"
    copies = {name: it.data for name, it in store.objects.items() if "damaged-" in name}
    folder = f"damaged-{sound.scanner.offset}/"
    for name, data in copies.items():
        assert before[name.replace(folder, "")] == data
    lost = [before[name] for name in sorted(before) if name >= key and before[name]]
    assert [data for _, data in sorted(copies.items())] == lost
    assert repair(Segments(store, AT)) == ""

    segments = Segments(store, AT)
    read(segments)
    segments.append(b"")
    assert names(store)[-1] > f"{GROUPS:08}.jsonl" or number == GROUPS


@pytest.mark.parametrize("appended", [False, True])
def test_an_interrupted_repair_is_repeated(*, appended: bool) -> None:
    """Until all is done the journal stays damaged, even if what follows the damage would fit: no
    process resumes it meanwhile. Then everything lost is aside."""
    store = grown()
    key = f"{AT.key}/00000003.jsonl"
    store.put(key, appended * store.objects[key].data + b"garbage")
    lost = {name: it.data for name, it in store.objects.items() if name >= key}
    puts = 2 * len(lost)
    for after in range(puts):
        copy = MemoryStore()
        copy.objects = dict(store.objects)
        unruly = MisbehavingStore(copy, lambda: 0.0)
        unruly.script = [None] * after + [Trouble.LOST]
        with pytest.raises(JournalError):
            repair(Segments(unruly, AT))
        with pytest.raises(JournalDamaged):
            read(Segments(copy, AT))
        repair(Segments(copy, AT))
        offset = read(Segments(copy, AT)).scanner.offset
        kept = {
            name.replace(f"damaged-{offset}/", ""): it.data
            for name, it in copy.objects.items()
            if "damaged-" in name
        }
        assert kept == lost


def test_any_storage_fits() -> None:
    """It implements the interface that the writer uses."""
    storage: Storage = Segments(MemoryStore(), Address("s3", "bucket", "a"))
    records: list[Record] = first(1)
    create(storage, records)
    assert read(storage).scanner.seq == len(records) + 1
