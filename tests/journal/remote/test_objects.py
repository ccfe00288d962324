"""What obstore does by itself, and what becomes of it: repetitions, lost answers, failures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.bucket.objects import RETRIES
from bulkops.journal.remote.bucket.opening import open_store
from bulkops.journal.remote.bucket.store import Denied, NoAnswer, Store, StoreError, Version
from tests.journal.remote.servers import aws
from tests.journal.remote.tiny_s3 import Reply, tiny_s3
from tests.journal.remote.unruly import unruly

Call = Callable[[], object]


@pytest.mark.parametrize("lost_as", [0, 500, 503])
@pytest.mark.parametrize("name", ["create", "swap"])
@pytest.mark.parametrize(
    "fixture",
    [
        "tiny_server",
        *(
            pytest.param(f"{name}_server", marks=pytest.mark.long)
            for name in ("seaweedfs", "moto", "azurite")
        ),
    ],
)
def test_a_refusal_may_be_the_answer_to_ones_own_write(
    fixture: str, name: str, lost_as: int, request: pytest.FixtureRequest
) -> None:
    """If the answer to a write is lost, obstore repeats it, and the store refuses that.

    Lost means: the connection is closed, or a proxy answers with a 5xx.
    """
    key = f"lost/{name}/{lost_as}"
    with unruly(request.getfixturevalue(fixture)) as (server, switch):
        store = server.store()
        version = store.create(key, b"before") if name == "swap" else None
        switch.forwarded.clear()
        switch.lose, switch.lose_as = 1, lost_as
        assert (store.swap(key, b"1", version) if version else store.create(key, b"1")) is None
        found = store.get(key)
        assert found is not None
        assert found.data == b"1"
        statuses = [one.status for one in switch.forwarded if one.method == "PUT"]
        assert statuses in ([200, 412], [201, 412], [201, 409])


def test_a_key_that_leads_nowhere_is_denied() -> None:
    """A 404 to a write is no object that is absent, but a wrong server or bucket."""
    with tiny_s3() as (server, bucket):
        bucket.replies = [Reply(404)]
        with pytest.raises(Denied, match="the store answered 404"):
            server.store().put("a", b"")


def test_a_connection_that_is_reset_is_no_answer() -> None:
    """However often obstore repeats the request, the caller is told that the server is away."""
    with tiny_s3() as (tiny, _), unruly(tiny) as (server, switch):
        switch.cut = "reset"
        store = server.store()
        calls: list[Call] = [lambda: store.create("a", b""), lambda: store.get("a")]
        for call in calls:
            with pytest.raises(NoAnswer, match="http://127"):
                call()
        assert {one.status for one in switch.forwarded} == {0}


def test_a_hanging_store_gives_no_answer() -> None:
    """A write lasts at most as long as its timeout, and is not repeated after it."""
    with tiny_s3() as (tiny, bucket), unruly(tiny) as (server, switch):
        bucket.objects["a"] = b"before"
        found = server.store().get("a")
        assert found is not None
        version = found.version
        store = open_store(server.address("any"), server.env, timeout=0.5)
        switch.cut = "hang"
        calls: list[Call] = [
            lambda: store.create("b", b""),
            lambda: store.swap("a", b"", version),
        ]
        for call in calls:
            with pytest.raises(NoAnswer, match=r"no answer from http://127.* in time"):
                call()
        assert [one.method for one in switch.forwarded] == ["GET", "PUT", "PUT"]


def test_a_busy_store_is_asked_again_a_few_times() -> None:
    """A 503 is repeated, so that a short one isn't noticed; a longer one is no answer."""
    busy = Reply(503, b"<Error><Code>SlowDown</Code></Error>")
    with tiny_s3() as (server, bucket):
        bucket.replies = [busy] * RETRIES
        assert server.store().create("a", b"1") is not None
        bucket.replies = [busy] * (RETRIES + 1)
        with pytest.raises(NoAnswer, match=r"^\[Errno None\] the store answered 503 \(SlowDown\)$"):
            server.store().create("b", b"1")
        assert not bucket.replies
        assert "b" not in bucket.objects


def test_a_conflict_of_two_writes_is_a_refusal() -> None:
    """S3 answers 409 if two conditional writes meet; obstore repeats a swap, but no creation."""
    conflict = Reply(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
    with tiny_s3() as (server, bucket):
        store = server.store()
        bucket.replies = [conflict]
        assert store.create("a", b"1") is None
        version = store.create("a", b"1")
        assert version is not None
        bucket.replies = [conflict]
        assert store.swap("a", b"2", version) is not None
        bucket.replies = [conflict] * (RETRIES + 1)
        assert store.swap("a", b"3", version) is None


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (lambda store: store.get("a"), "get this object, or to list the bucket"),
        (lambda store: store.put("a", b"1"), "put objects"),
        (lambda store: list(store.names("a/")), "list the bucket"),
        (lambda store: list(store.folders("a/")), "list the bucket"),
    ],
)
def test_the_right_that_is_missing_is_named(call: Callable[[Store], object], right: str) -> None:
    """Amazon answers as for a wrong right to get if only the one to list is missing."""
    with tiny_s3() as (server, bucket):
        bucket.replies = [Reply(403, b"<Error><Code>AccessDenied</Code></Error>")]
        with pytest.raises(Denied) as caught:
            call(server.store())
    reason = f"the credentials don't have the right to {right} (AccessDenied)"
    assert caught.value.strerror == reason


def test_a_server_that_is_away_gives_no_answer() -> None:
    """The reason names the server and what the system says."""
    with tiny_s3() as (server, _):
        pass
    with pytest.raises(NoAnswer) as caught:
        server.store().get("a")
    reason = f"no connection to http://127.0.0.1:{server.port} (connection refused)"
    assert caught.value.strerror == reason


def test_a_large_object_is_one_request() -> None:
    """Parts would neither be conditional nor appear at once."""
    large = bytes(12 << 20)
    with tiny_s3() as (server, bucket):
        assert server.store().create("a", large) is not None
        assert [(one.method, one.target) for one in bucket.asked] == [("PUT", "/journals/a")]
        assert bucket.objects["a"] == large


def test_every_condition_is_sent() -> None:
    """Creating and swapping name the condition, and putting names none."""
    with tiny_s3() as (server, bucket):
        store = server.store()
        version = store.create("a", b"1")
        store.swap("a", b"2", version)
        store.put("a", b"3")
        conditions = [
            {
                name: one.headers[name]
                for name in ("if-match", "if-none-match")
                if name in one.headers
            }
            for one in bucket.asked
        ]
        etag = '"c4ca4238a0b923820dcc509a6f75849b"'
        assert conditions == [{"if-none-match": "*"}, {"if-match": etag}, {}]


@pytest.mark.parametrize("version", [None, {}, "etag"])
def test_a_swap_needs_a_version(version: Version) -> None:
    """Without one obstore would overwrite the object."""
    with tiny_s3() as (server, bucket):
        with pytest.raises(TypeError, match="a version that this store returned"):
            server.store().swap("a", b"1", version)
        assert not bucket.asked


def test_an_answer_without_a_version_is_none_of_the_store() -> None:
    """Neither to a write nor to a reading: what it is about can't be swapped."""
    with tiny_s3() as (server, bucket):
        store = server.store()
        calls: list[Call] = [lambda: store.create("a", b"1"), lambda: store.get("a")]
        for call in calls:
            bucket.replies = [Reply(200, b"page")]
            with pytest.raises(NoAnswer) as caught:
                call()
            assert caught.value.strerror == "the answer names no version (ETag)"


@pytest.mark.parametrize("status", [200, 302])
def test_the_page_of_a_proxy_is_no_answer_of_the_store(status: int) -> None:
    """It has no version, or it is a redirection: neither a write nor an object, nor a list."""
    page = Reply(status, b"<html>Log in")
    with tiny_s3() as (server, bucket):
        store = server.store()
        calls: list[Call] = [
            lambda: store.create("a", b"1"),
            lambda: store.get("a"),
            lambda: list(store.names("a/")),
            lambda: list(store.folders("a/")),
        ]
        for call in calls:
            bucket.replies = [page]
            with pytest.raises(StoreError):
                call()


def test_a_wrong_key_for_an_account_is_said() -> None:
    """Azure's keys are base64; nothing is sent."""
    env = {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "not base64!"}
    with pytest.raises(JobError) as caught:
        open_store(parse("az://container/a"), env)
    assert str(caught.value) == "az://container/a: the account's key is not valid base64"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file that GOOGLE_APPLICATION_CREDENTIALS names can't be read"),
        ("{}", "the file with Google's credentials is not one of a service account or user"),
        (
            '{"type": "external_account", "audience": "any"}',
            "GOOGLE_APPLICATION_CREDENTIALS names a file of workload identity federation, which "
            "is not supported: set GOOGLE_BEARER_TOKEN to the output of `gcloud auth "
            "print-access-token` (valid for an hour), or use a service account's key",
        ),
    ],
)
def test_googles_credentials_that_can_not_be_used_are_named(
    content: str | None, reason: str, tmp_path: Path
) -> None:
    """The file is read when the store is opened; nothing is sent."""
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    with pytest.raises(JobError) as caught:
        open_store(
            parse("gs://bucket/a"), {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json")}
        )
    assert str(caught.value) == f"gs://bucket/a: {reason}"


def test_without_the_extra_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes before anything that the environment may lack."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "bulkops.journal.remote.bucket.objects")
    with pytest.raises(JobError) as caught:
        open_store(parse("s3://bucket/a"), {})
    expected = 's3://bucket/a: needs the extra `remote`: pip install "bulkops[remote]"'
    assert str(caught.value) == expected
    assert caught.value.exit_code == 2


def test_another_missing_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only obstore is part of the extra."""
    monkeypatch.setitem(sys.modules, "bulkops.journal.remote.bucket.answers", None)
    monkeypatch.delitem(sys.modules, "bulkops.journal.remote.bucket.objects")
    with pytest.raises(ModuleNotFoundError):
        open_store(parse("s3://bucket/a"), aws(9, "any", "any"))
