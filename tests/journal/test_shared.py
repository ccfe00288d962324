"""Objects that several processes replace: in a file and in a store."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkops.errors import JobError, JournalError, JournalWriteFailed
from bulkops.journal.local.disk import lock_now
from bulkops.journal.local.shared import MOST, SharedFile
from bulkops.journal.place import SharedObject, journals_at
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.shared import StoredObject
from tests.journal.remote.memory import MemoryStore
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble

ADDRESS = parse("s3://bucket/fleet/rollout.json")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture(params=["file", "store"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], SharedObject]:
    """Return what opens the same object, as another process does."""
    store = MemoryStore()
    if request.param == "store":
        return lambda: StoredObject(store, ADDRESS)
    return lambda: SharedFile(tmp_path / "fleet" / "rollout.json", trusted=False)


def file(folder: Path, *, trusted: bool = False) -> SharedFile:
    """Return an object in a folder that exists."""
    return SharedFile(folder / "rollout.json", trusted=trusted)


def version(of: SharedObject) -> object:
    """Return its current version."""
    found = of.read()
    assert found is not None
    return found.version


def test_it_is_replaced_only_in_the_state_that_was_read(at: Callable[[], SharedObject]) -> None:
    """Of two processes that read the same, one wins; the other one reads again."""
    first, second = at(), at()
    assert first.read() is None
    assert first.swap(b"one", None)
    assert not second.swap(b"uno", None)
    seen = version(second)
    assert first.swap(b"two", version(first))
    assert not second.swap(b"due", seen)
    assert second.swap(b"three", version(second))
    found = first.read()
    assert found is not None
    assert found.data == b"three"


def test_no_change_of_many_at_once_is_lost(at: Callable[[], SharedObject]) -> None:
    """Eight processes count to 80 together."""
    at().swap(b"0", None)

    def count(_: int) -> None:
        done, mine = 0, at()
        while done < 10:
            found = mine.read()
            assert found is not None
            done += mine.swap(b"%d" % (int(found.data) + 1), found.version)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    found = at().read()
    assert found is not None
    assert found.data == b"80"


def test_an_answer_that_got_lost_is_no_lost_race() -> None:
    """What is there is its own write, which the store's client repeated."""
    store = MisbehavingStore(MemoryStore(), lambda: 0.0)
    shared = StoredObject(store, ADDRESS)
    store.script = [Trouble.REPEATED, Trouble.CONFLICT, Trouble.LOST]
    assert shared.swap(b"one", None)
    assert not shared.swap(b"two", version(shared))
    with pytest.raises(JournalWriteFailed, match=r"rollout\.json: can't be written"):
        shared.swap(b"two", version(shared))
    store.away = (0.0, 1.0)
    with pytest.raises(JournalError, match=r"rollout\.json: can't be read"):
        shared.read()


def test_both_places_have_shared_objects(tmp_path: Path) -> None:
    """Beside the folders of jobs, and with the name that was asked for."""
    shared = journals_at(str(tmp_path / "new" / "fleet")).shared("stop.json", trusted=False)
    assert str(shared) == str(tmp_path / "new" / "fleet" / "stop.json")
    assert shared.read() is None
    assert not (tmp_path / "new").exists()
    assert shared.swap(b"{}", None)


def test_a_file_that_is_being_replaced_is_a_lost_race(tmp_path: Path) -> None:
    """A process that holds the lock is not waited for here, and its draft is not read."""
    shared = file(tmp_path)
    assert shared.swap(b"one", None)
    descriptor = os.open(tmp_path / "rollout.json.lock", os.O_RDWR)
    try:
        lock_now(descriptor)
        (tmp_path / "rollout.json.new").write_bytes(b"half a dr")
        assert not shared.swap(b"two", version(shared))
        assert version(shared) == b"one"
    finally:
        os.close(descriptor)
    # The process was killed: its draft is written anew.
    assert shared.swap(b"two", version(shared))
    assert version(shared) == b"two"
    assert not (tmp_path / "rollout.json.new").exists()


@posix
def test_a_file_of_others_is_not_trusted(tmp_path: Path) -> None:
    """It decides what is sent, as a journal does; ``--trust-files`` trusts it."""
    assert file(tmp_path).swap(b"one", None)
    (tmp_path / "rollout.json").chmod(0o666)
    with pytest.raises(JobError, match="world-writable"):
        file(tmp_path).read()
    assert file(tmp_path, trusted=True).read() is not None
    (tmp_path / "rollout.json").chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(JobError, match="world-writable"):
        file(tmp_path).read()
    tmp_path.chmod(0o700)


@posix
def test_it_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Whatever the umask."""
    assert file(tmp_path).swap(b"one", None)
    assert (tmp_path / "rollout.json").stat().st_mode & 0o777 == 0o600


def test_a_strange_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    """A folder, or one without an end, is neither read nor replaced."""
    (tmp_path / "rollout.json").mkdir()
    with pytest.raises(JournalError, match="can't be read"):
        file(tmp_path).read()
    (tmp_path / "rollout.json").rmdir()
    with (tmp_path / "rollout.json").open("wb") as stream:
        stream.truncate(MOST + 1)
    with pytest.raises(JournalError, match="more than"):
        file(tmp_path).read()


@posix
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    """Exit 14, in a sentence."""
    tmp_path.chmod(0o500)
    with pytest.raises(JournalWriteFailed, match="can't be written"):
        file(tmp_path).swap(b"one", None)
