"""The default place in a store: one pointer names the newest journal of each identity."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from bulkops.errors import ExitCode, JournalError, JournalLocked, JournalWriteFailed, NotAJournal
from bulkops.journal.place import default_journals
from bulkops.journal.remote import journals as module
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Version
from bulkops.journal.remote.journals import StoredJobJournals, StoredJournals
from bulkops.journal.remote.lease.content import Lease
from bulkops.journal.remote.place import RemotePlace
from bulkops.journal.remote.segments import Segments
from bulkops.journal.writer import create
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble
from tests.journal.samples import HOLDER, first

BASE = Address("s3", "bucket", "all")
FOLDER = BASE / "scan"
POINTER = f"{FOLDER.key}/current"
NOW = datetime(2026, 11, 24, 21, 58, 3, tzinfo=UTC)


def of_job(store: MemoryStore | MisbehavingStore, identity: str = "x") -> StoredJobJournals:
    """Return the journals of a job."""
    return StoredJobJournals(store, FOLDER, identity)


def begun(store: MemoryStore, identity: str = "x") -> RemotePlace:
    """Start a journal."""
    journals = of_job(store, identity)
    with journals.locked(HOLDER) as started:
        place = journals.new(NOW)
        create(Segments(store, place.address), first(1))
        started()
    return place


def pointed(store: MemoryStore) -> RemotePlace:
    """Let the pointer name a new journal, though it has no segment."""
    journals = of_job(store)
    with journals.locked(HOLDER) as started:
        place = journals.new(NOW)
        started()
    return place


def newest(store: MemoryStore, identity: str = "x", *, fits: bool = True) -> str | None:
    """Return the newest journal's address."""
    place = of_job(store, identity).newest(lambda _: fits)
    return str(place) if place else None


def test_there_is_none_at_first() -> None:
    """A job that was never started."""
    assert newest(MemoryStore()) is None
    assert list(of_job(MemoryStore()).all()) == []


def test_an_organization_in_another_case_has_the_same_pointer() -> None:
    """The identity has its name as the job file writes it."""
    store = MemoryStore()
    place = begun(store, "0a1b Acme https://app.terraform.io")
    assert newest(store, "0a1b ACME https://app.terraform.io") == str(place)


def test_one_without_its_first_segment_is_neither_passed_over_nor_begun_again() -> None:
    """Its content is unknown: reading it says what is missing."""
    store = MemoryStore()
    place = begun(store)
    store.objects[f"{place.address.key}/00000002.jsonl"] = store.objects.pop(
        f"{place.address.key}/00000001.jsonl"
    )
    assert newest(store) == str(place)
    assert str(of_job(store).new(NOW)) != str(place)


def test_what_others_keep_there_is_passed_over() -> None:
    """Under names that no job and no journal has."""
    store = MemoryStore()
    place = begun(store)
    for key in (f"{BASE.key}/we@ird/x", f"{FOLDER.key}/we@ird/x"):
        store.put(key, b"")
    assert [str(other) for other in place.neighbours()] == [str(place)]


def test_a_new_one_is_named_after_the_time() -> None:
    """And found by whoever asks for the same identity."""
    store = MemoryStore()
    place = begun(store)
    assert str(place).startswith(f"{FOLDER}/20261124T215803Z-")
    assert newest(store) == str(place)
    assert newest(store, "another") is None
    assert newest(store, fits=False) is None


def test_each_identity_has_a_newest_one() -> None:
    """The pointer keeps those of others."""
    store = MemoryStore()
    one, other, later = begun(store), begun(store, "y"), begun(store)
    assert (newest(store), newest(store, "y")) == (str(later), str(other))
    assert {str(place) for place in of_job(store).all()} == {str(later), str(other)}
    assert one.exists()


def test_what_was_not_started_replaces_nothing() -> None:
    """There was nothing to do, or the user said no: the one before is still found."""
    store = MemoryStore()
    before = begun(store)
    with of_job(store).locked(HOLDER):
        of_job(store).new(NOW)
    assert newest(store) == str(before)
    assert newest(MemoryStore()) is None


def test_one_that_a_process_holds_is_the_newest() -> None:
    """Even if nothing is left to do in it: its job has not ended."""
    store = MemoryStore()
    place = begun(store)
    with place.locked(HOLDER):
        assert newest(store, fits=False) == str(place)
    assert newest(store, fits=False) is None


class Racing(MemoryStore):
    """Another process starts the job right before this one's write."""

    def create(self, key: str, data: bytes) -> Version | None:
        """See ``Store``."""
        self._race(key)
        return super().create(key, data)

    def swap(self, key: str, data: bytes, version: Version) -> Version | None:
        """See ``Store``."""
        self._race(key)
        return super().swap(key, data, version)

    def _race(self, key: str) -> None:
        if key == POINTER:
            self.put(key, b'{"journals":{"x":"another"}}')


@pytest.mark.parametrize("there", [False, True])
def test_of_two_starts_at_once_one_is_refused(*, there: bool) -> None:
    """The pointer is created or swapped: exit 11 for the one that was slower."""
    store = Racing()
    if there:
        store.put(POINTER, b'{"journals":{"y":"some"}}')
    with pytest.raises(JournalLocked, match="has just started this job") as raised:
        pointed(store)
    assert raised.value.exit_code == ExitCode.JOURNAL_IN_USE
    assert b"another" in store.objects[POINTER].data


@pytest.mark.parametrize("there", [False, True])
def test_its_own_write_that_was_repeated_is_recognized(*, there: bool) -> None:
    """A refusal may be the answer to it."""
    memory = MemoryStore()
    if there:
        memory.put(POINTER, b'{"journals":{"y":"some"}}')
    store = MisbehavingStore(memory, lambda: 0.0)
    journals = of_job(store)
    with journals.locked(HOLDER) as started:
        place = journals.new(NOW)
        store.script = [Trouble.REPEATED]
        started()
    assert place.name.encode() in memory.objects[POINTER].data


def test_a_store_that_gives_no_answer_is_not_written() -> None:
    """The same command again is safe."""
    store = MisbehavingStore(MemoryStore(), lambda: 0.0)
    journals = of_job(store)
    with journals.locked(HOLDER) as started:
        journals.new(NOW)
        store.script = [Trouble.LOST]
        with pytest.raises(
            JournalWriteFailed, match=f"{FOLDER}/current: can't be written: .*nothing was sent"
        ):
            started()
    store.away = (0.0, 1.0)
    with pytest.raises(JournalError, match=f"{FOLDER}: can't be read: connection refused"):
        of_job(store).newest(lambda _: True)


def test_a_start_is_locked_until_its_journal_has_its_own_lease() -> None:
    """So that others wait for one lease if this process is killed."""
    store = MemoryStore()
    with of_job(store).locked(HOLDER) as started:
        with pytest.raises(JournalLocked, match=f"{FOLDER} is held by ann on build-7"):
            of_job(store).locked(HOLDER).__enter__()
        started()
        with of_job(store).locked(HOLDER):
            pass
    lease = msgspec.json.decode(store.objects[f"{FOLDER.key}/lease"].data, type=Lease)
    assert lease.holder is None
    of_job(store).check_folder(trusted=False)


GARBAGE = [b"", b"\xff", b"[]", b'{"journals":[]}', b'{"journals":{"x":1}}', b"[" * 100_000]
ASTRAY = ["", ".", "..", "../scan", "a/b", "lease\n", "a\x1b[2J"]


@pytest.mark.parametrize(
    "data", [*GARBAGE, *(msgspec.json.encode({"journals": {"x": name}}) for name in ASTRAY)]
)
def test_a_pointer_that_bulkops_did_not_write_is_refused(data: bytes) -> None:
    """A name in it leads nowhere else; nothing is written."""
    store = MemoryStore()
    store.put(POINTER, data)
    for use in (lambda: newest(store), lambda: of_job(store).new(NOW)):
        with pytest.raises(NotAJournal, match=f"{FOLDER}/current: is not written by bulkops"):
            use()
    assert store.objects.keys() == {POINTER}


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store that any address opens."""
    store = MemoryStore()
    monkeypatch.setattr(module, "open_store", lambda _address, _env: store)
    return store


def test_all_journals_are_those_that_the_pointers_name(stored: MemoryStore) -> None:
    """A pointer that bulkops didn't write hides no other job."""
    place = begun(stored)
    stored.put("all/garbled/current", b"garbage")
    stored.put("all/without/other", b"")
    every = StoredJournals(BASE, {})
    assert [str(found) for found in every.all()] == [str(place)]
    assert isinstance(every.of_job("scan", "x"), StoredJobJournals)
    assert str(every.of_job("scan", "x").newest(lambda _: True)) == str(place)


def test_a_store_that_is_away_has_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error, not an empty list."""
    store = MisbehavingStore(MemoryStore(), lambda: 0.0)
    store.away = (0.0, 1.0)
    monkeypatch.setattr(module, "open_store", lambda _address, _env: store)
    with pytest.raises(JournalError, match=f"{BASE}: can't be read: connection refused"):
        list(StoredJournals(BASE, {}).all())


def test_the_variable_names_the_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address it is in a store."""
    monkeypatch.setenv("BULKOPS_JOURNALS", str(BASE))
    assert isinstance(default_journals(), StoredJournals)
    monkeypatch.delenv("BULKOPS_JOURNALS")
    assert not isinstance(default_journals(), StoredJournals)
