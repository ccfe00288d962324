"""Which texts are addresses in object storage, and their parts."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import Address, is_address, parse

SECRET = "wJalrXUtnFEMI"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket/a", Address("s3", "bucket", "a")),
        ("S3://bucket/a/b.jsonl/", Address("s3", "bucket", "a/b.jsonl")),
        ("az://container/a", Address("az", "container", "a")),
        ("gs://my.bucket_1-x/a b/ü%20", Address("gs", "my.bucket_1-x", "a b/ü%20")),
        ("s3://bucket/a:b=c/~x/...", Address("s3", "bucket", "a:b=c/~x/...")),
    ],
)
def test_an_address_has_a_scheme_a_bucket_and_a_path(text: str, address: Address) -> None:
    """They are read, and written again, in one spelling."""
    assert parse(text) == address
    assert parse(str(address)) == address
    assert hash(parse(text)) == hash(address)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://", "s3://: names no bucket: write s3://BUCKET/PATH"),
        ("az:///path", "az:///path: names no bucket: write az://CONTAINER/PATH"),
        ("s3://bucket", "s3://bucket: names no path in the bucket: write s3://BUCKET/PATH"),
        ("gs://bucket/", "gs://bucket/: names no path in the bucket: write gs://BUCKET/PATH"),
        ("s3://bucket//a", "s3://bucket//a: the path has an empty part: write single slashes"),
        ("s3://bucket/a//", "s3://bucket/a//: the path has an empty part: write single slashes"),
        ("s3://bucket/a/../b", "s3://bucket/a/../b: the path has a part `.` or `..`"),
        ("s3://bucket/./b", "s3://bucket/./b: the path has a part `.` or `..`"),
        (
            "s3://bucket/a\x1b[2J",
            "s3://bucket/a\\u001b[2J: the path contains a control character or a backslash",
        ),
        (
            "s3://bucket/a\\b",
            "s3://bucket/a\\b: the path contains a control character or a backslash",
        ),
        (
            "s3://host:9000/bucket/a",
            "s3://host:9000/bucket/a: host:9000 is not the name of a bucket (letters, digits, "
            "`.`, `_` and `-`): write s3://BUCKET/PATH; the server and its port come from the "
            "environment",
        ),
        ("s3a://bucket/a", "s3a://bucket/a: write s3://BUCKET/PATH"),
        ("abfss://c/a", "abfss://c/a: write az://CONTAINER/PATH"),
        ("gcs://bucket/a", "gcs://bucket/a: write gs://BUCKET/PATH"),
        ("abfss://c@account.dfs.core.windows.net/a", "abfss://…: write az://CONTAINER/PATH"),
        ("file:///a", "file:///a: write the file's path without `file://`"),
        (
            "https://bucket.s3.amazonaws.com/a",
            "https://bucket.s3.amazonaws.com/a: a journal is a file, or at one of "
            "s3://BUCKET/PATH, az://CONTAINER/PATH, gs://BUCKET/PATH",
        ),
        ("://a", "://a: a journal is a file, or at one of s3://BUCKET/PATH, "),
    ],
)
def test_what_is_wrong_with_an_address_is_said(text: str, message: str) -> None:
    """The message repeats the text, names the fault and says what to write."""
    with pytest.raises(JobError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


def test_a_path_leaves_room_for_the_names_of_objects() -> None:
    """Stores know keys of 1,024 bytes, and would refuse a segment only after the plan."""
    assert parse("s3://bucket/" + "ü" * 450).name == "ü" * 450
    with pytest.raises(JobError, match="the path is longer than 900 bytes"):
        parse("s3://bucket/" + "ü" * 451)


@pytest.mark.parametrize(
    "text",
    [
        f"s3://AKIA:{SECRET}@bucket/a",
        f"s3://AKIA:a/{SECRET}@bucket/a",
        f"az://container/a?sv=2021&sig={SECRET}",
        f"https://account.blob.core.windows.net/c/a?sig={SECRET}",
        f"s3://bucket/a#{SECRET}",
        f"{SECRET}@s3://bucket",
    ],
)
def test_a_secret_in_an_address_is_not_repeated(text: str) -> None:
    """What may be a password or a signature is refused, and no part of it is in the message."""
    with pytest.raises(JobError, match="come from the environment") as caught:
        parse(text)
    assert SECRET not in str(caught.value)
    assert "AKIA" not in str(caught.value)


def test_an_address_has_the_parts_of_a_path() -> None:
    """Name, stem, suffix and parent are those of ``pathlib``."""
    address = parse("s3://bucket/team/scan.old.jsonl")
    path = PurePosixPath("team/scan.old.jsonl")
    assert (address.name, address.stem, address.suffix) == (path.name, path.stem, path.suffix)
    assert str(address.parent) == "s3://bucket/team"
    assert str(address.parent.parent) == str(address.parent.parent.parent) == "s3://bucket"
    assert str(address.with_name("undo.jsonl")) == "s3://bucket/team/undo.jsonl"
    assert str(address / "a/b") == "s3://bucket/team/scan.old.jsonl/a/b"
    assert str(address.parent.parent / "a") == "s3://bucket/a"


@pytest.mark.parametrize("path", ["", "a//b", "/a", "..", "a?b", "a@b", "a\n", "a\\b"])
def test_a_joined_path_is_checked(path: str) -> None:
    """What no address may have can't be joined to one either."""
    with pytest.raises(JobError, match=r"^s3://bucket/a/.*: the path "):
        _ = parse("s3://bucket/a") / path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b/a", True),
        ("nonsense://", True),
        ("a:b", False),
        ("C:\\a\\b", False),
        ("a/b", False),
    ],
)
def test_what_has_a_scheme_is_meant_as_an_address(text: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Anything with ``://`` is, a Windows path or ``a:b`` is not."""
    assert is_address(text) is expected
