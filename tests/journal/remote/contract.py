"""What every store must do, whichever implementation it is and whichever server is behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import NamedTuple

import pytest

from bulkops.journal.remote.bucket.store import Denied, Found, Store, Version

RACERS = 16
ROUNDS = 4


class Bucket(NamedTuple):
    """An empty bucket, and the same one as others see it.

    Attributes:
        by_content: whether a version names what an object contains, so that it comes back
            together with the bytes.
        threads: whether several threads may use it at the same time.
        races: whether its server checks a condition and writes in one step.
        many: how many objects are listed at once, more than a server lists in one answer.
        reader: opened by a caller who may only read; ``None`` if the store knows no rights.
        stranger: opened with a wrong key; ``None`` if the store checks none.
        missing: a bucket that doesn't exist; ``None`` if there is nothing of the kind.
    """

    store: Store
    by_content: bool
    threads: bool = True
    races: bool = True
    many: int = 50
    reader: Store | None = None
    stranger: Store | None = None
    missing: Store | None = None


def created_once(bucket: Bucket) -> None:
    """An object is created once, and the second creator is refused and changes nothing."""
    store = bucket.store
    version = store.create("once/a", b"first")
    assert version is not None
    assert store.create("once/a", b"second") is None
    found = store.get("once/a")
    assert found is not None
    assert (found.data, found.version) == (b"first", version)


def swapped_once(bucket: Bucket) -> None:
    """A version is replaced once; an outdated one is refused and changes nothing."""
    store = bucket.store
    first = store.create("swap/a", b"1")
    second = store.swap("swap/a", b"2", first)
    assert second not in (None, first)
    assert store.swap("swap/a", b"3", first) is None
    found = store.get("swap/a")
    assert found is not None
    assert (found.data, found.version) == (b"2", second)


def swapped_as_read(bucket: Bucket) -> None:
    """The version that a reading names can be replaced."""
    store = bucket.store
    store.put("read/a", b"1")
    found = store.get("read/a")
    assert found is not None
    assert store.swap("read/a", b"2", found.version) is not None


def an_absent_object_is_not_swapped(bucket: Bucket) -> None:
    """An object that doesn't exist has no version to replace."""
    store = bucket.store
    version = store.create("absent/a", b"1")
    assert store.swap("absent/b", b"2", version) is None
    assert store.get("absent/b") is None


def the_same_bytes(bucket: Bucket) -> None:
    """If the same bytes come back, so does their version where it names the content."""
    store = bucket.store
    first = store.create("aba/a", b"A")
    second = store.swap("aba/a", b"B", first)
    store.swap("aba/a", b"A", second)
    assert (store.swap("aba/a", b"C", first) is not None) == bucket.by_content


def put_in_any_case(bucket: Bucket) -> None:
    """What is put is there, whether or not the object existed, with all of its bytes."""
    store = bucket.store
    every = bytes(range(256)) * 4096
    store.put("put/a", b"")
    assert (store.get("put/a") or pytest.fail("it is absent")).data == b""
    store.put("put/a", every)
    assert (store.get("put/a") or pytest.fail("it is absent")).data == every


def absent(bucket: Bucket) -> None:
    """There is nothing at a key where nothing was written, nor in a list of its folder."""
    assert bucket.store.get("nothing/a") is None
    assert list(bucket.store.names("nothing/")) == []
    assert list(bucket.store.folders("nothing/")) == []


def listed_in_order(bucket: Bucket) -> None:
    """Names come in the order of their characters, only those with the prefix, and below it."""
    store = bucket.store
    keys = ["list/a-b/00000010.jsonl", "list/a/00000002.jsonl", "list/a/00000010.jsonl"]
    keys += ["list/a/lease", "list/a/sub/x", "list/ab"]
    for key in reversed(keys):
        store.put(key, b"x")
    assert list(store.names("list/a/")) == keys[1:5]
    assert list(store.names("list/a/000000")) == keys[1:3]
    assert list(store.names("list/")) == sorted(keys)


def many_are_listed(bucket: Bucket) -> None:
    """A list is complete however long it is: S3 lists at most 1,000 objects in one answer."""
    store = bucket.store
    keys = [f"many/{number:08}" for number in range(bucket.many)]
    with ThreadPoolExecutor(RACERS if bucket.threads else 1) as pool:
        list(pool.map(lambda key: store.put(key, b"x"), keys))
    assert list(store.names("many/")) == keys


def folders_in_order(bucket: Bucket) -> None:
    """Folders are what follows the prefix up to the next slash, once each, without objects."""
    store = bucket.store
    for key in ("dirs/b/1", "dirs/a/1", "dirs/a/2", "dirs/a/sub/1", "dirs/object"):
        store.put(key, b"x")
    assert list(store.folders("dirs/")) == ["a", "b"]
    assert "dirs" in list(store.folders(""))


def one_creator_wins(bucket: Bucket) -> None:
    """Of sixteen that create one object at the same time, exactly one wins, and it is theirs."""
    store = bucket.store
    for number in range(ROUNDS):
        key = f"race/create/{number}"
        won = _race(bucket, b"x", partial(store.create, key))
        found = store.get(key)
        assert found is not None
        assert won == [found.data]


def one_swapper_wins(bucket: Bucket) -> None:
    """Of sixteen that replace one version at the same time, exactly one wins."""
    store = bucket.store
    version = store.create("race/swap", b"start")
    for number in range(ROUNDS):
        # If a racer wrote the bytes that are there, their version would stay, and another win.
        won = _race(bucket, b"%d" % number, partial(_swap, store, version))
        found = store.get("race/swap")
        assert found is not None
        assert won == [found.data]
        version = found.version


def _swap(store: Store, version: Version, body: bytes) -> Version | None:
    return store.swap("race/swap", body, version)


def strangers_are_denied(bucket: Bucket) -> None:
    """With a wrong key nothing can be read, written or listed."""
    bucket.store.put("denied/a", b"x")
    if bucket.stranger is not None:
        for call in _calls(bucket.stranger):
            with pytest.raises(Denied):
                call()


def readers_only_read(bucket: Bucket) -> None:
    """Who may only read can read and list, and is denied every write."""
    bucket.store.put("denied/a", b"x")
    if bucket.reader is not None:
        get, names, folders, *writes = _calls(bucket.reader)
        assert isinstance(get(), Found)
        assert names() == ["denied/a"]
        assert isinstance(folders(), list)
        for call in writes:
            with pytest.raises(Denied):
                call()


def a_missing_bucket_is_named(bucket: Bucket) -> None:
    """A bucket that doesn't exist is not an empty one: reading it is denied."""
    if bucket.missing is not None:
        get, names, folders, create, *_ = _calls(bucket.missing)
        for call in (get, names, folders):
            with pytest.raises(Denied, match="there is no bucket"):
                call()
        with pytest.raises(Denied):
            create()


FACTS: tuple[Callable[[Bucket], None], ...] = (
    *(created_once, swapped_once, swapped_as_read, an_absent_object_is_not_swapped),
    *(the_same_bytes, put_in_any_case, absent, listed_in_order, many_are_listed),
    *(folders_in_order, one_creator_wins, one_swapper_wins),
    *(strangers_are_denied, readers_only_read, a_missing_bucket_is_named),
)
"""Each takes a bucket in which nobody has written below its own keys."""


def _calls(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.get("denied/a"),
        lambda: list(store.names("denied/")),
        lambda: list(store.folders("")),
        lambda: store.create("denied/new", b"y"),
        lambda: store.put("denied/a", b"y"),
    ]


def _race(bucket: Bucket, nonce: bytes, write: Callable[[bytes], Version | None]) -> list[bytes]:
    """Let racers write at the same time, each its own body; return the winners' bodies."""
    races = bucket.threads and bucket.races
    racers = RACERS if races else 1
    start = Barrier(racers)

    def run(number: int) -> bytes | None:
        body = b"racer %d of %s" % (number, nonce)
        start.wait()
        return body if write(body) is not None else None

    if not races:
        return [body for body in map(run, [0]) if body]
    with ThreadPoolExecutor(racers) as pool:
        return [body for body in pool.map(run, range(racers)) if body is not None]
