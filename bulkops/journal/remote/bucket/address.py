"""The address of a journal in object storage, such as ``s3://bucket/path``. Pure.

| text                                    | address                                      |
|-----------------------------------------|----------------------------------------------|
| ``s3://bucket/path``                    | S3, or a store with its API                  |
| ``az://container/path``                 | Azure Blob Storage                           |
| ``gs://bucket/path``                    | Google Cloud Storage                         |
| anything else with ``://``              | none: ``JobError``                           |
| ``journal.jsonl``, ``a:b``, ``C:\\x``    | not an address (``is_address``), but a path  |

Which account, region and server is meant comes from the environment, not from the address.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from bulkops.errors import JobError
from bulkops.text import quoted

PATTERNS = {"s3": "s3://BUCKET/PATH", "az": "az://CONTAINER/PATH", "gs": "gs://BUCKET/PATH"}
_ALIASES = {
    **dict.fromkeys(("s3a", "s3n"), "s3"),
    **dict.fromkeys(("abfs", "abfss", "adl", "azure", "wasb", "wasbs"), "az"),
    **dict.fromkeys(("gcs",), "gs"),
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

LONGEST = 900
"""Bytes of a path; stores know keys of up to 1,024, and a journal's objects have longer ones."""


class Address(Struct, frozen=True):
    """A place in object storage; ``str()`` returns its text.

    Attributes:
        scheme: ``s3``, ``az`` or ``gs``.
        bucket: the bucket, or container.
        key: the path in it, without a slash at either end; empty for the bucket itself, which
            only ``parent`` returns.
    """

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        """``s3://bucket/path``."""
        return f"{self.scheme}://{self.bucket}{'/' if self.key else ''}{self.key}"

    def __truediv__(self, path: str) -> Address:
        """Return the address of a path below this one.

        Raises:
            JobError: the path has an empty part, ``..``, or a character that no address may have.
        """
        joined = f"{self.key}/{path}" if self.key else path
        _check_key(joined, f"{self}/{quoted(path)}")
        return replace(self, key=joined)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix, as ``pathlib`` has it."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The name's suffix with its dot, as ``pathlib`` has it; empty if there is none."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Address:
        """The address without the last part of the path; in the end, the bucket itself."""
        return replace(self, key=self.key.rpartition("/")[0])

    def with_name(self, name: str) -> Address:
        """Return the address with another last part; raises ``JobError`` as ``/`` does."""
        return self.parent / name


def is_address(text: str) -> bool:
    """Return whether a text is meant as an address, not as a path: it has ``://``."""
    return "://" in text


def parse(text: str) -> Address:
    """Return the address that a user wrote; one slash at its end makes no difference.

    Raises:
        JobError: it is none. The message repeats nothing that may be a secret.
    """
    scheme, _, rest = text.partition("://")
    if any(sign in text for sign in "@?#"):
        shown = f"{scheme}://…" if _SCHEME.fullmatch(scheme) else "the address"
        if scheme.lower() in _ALIASES:
            # As other tools write it: abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH.
            raise JobError(f"{shown}: {_unknown(scheme.lower())}")
        raise JobError(
            f"{shown}: contains `@`, `?` or `#`: an address has no user, password, key or "
            "signature; these come from the environment"
        )
    shown = quoted(text)
    scheme = scheme.lower()
    if scheme not in PATTERNS:
        raise JobError(f"{shown}: {_unknown(scheme)}")
    bucket, _, path = rest.partition("/")
    path = path.removesuffix("/")
    pattern = PATTERNS[scheme]
    if not bucket:
        raise JobError(f"{shown}: names no bucket: write {pattern}")
    if not _BUCKET.fullmatch(bucket):
        raise JobError(
            f"{shown}: {quoted(bucket)} is not the name of a bucket (letters, digits, `.`, `_` "
            f"and `-`): write {pattern}; the server and its port come from the environment"
        )
    if not path:
        raise JobError(f"{shown}: names no path in the bucket: write {pattern}")
    _check_key(path, shown)
    return Address(scheme, bucket, path)


def _unknown(scheme: str) -> str:
    if scheme in _ALIASES:
        return f"write {PATTERNS[_ALIASES[scheme]]}"
    if scheme == "file":
        return "write the file's path without `file://`"
    known = ", ".join(PATTERNS.values())
    return f"a journal is a file, or at one of {known}"


def _check_key(key: str, shown: str) -> None:
    if not key.isprintable() or "\\" in key:
        raise JobError(f"{shown}: the path contains a control character or a backslash")
    if any(sign in key for sign in "@?#"):
        raise JobError(f"{shown}: the path contains `@`, `?` or `#`")
    if len(key.encode()) > LONGEST:
        raise JobError(f"{shown}: the path is longer than {LONGEST} bytes")
    parts = key.split("/")
    if "" in parts:
        raise JobError(f"{shown}: the path has an empty part: write single slashes")
    if "." in parts or ".." in parts:
        raise JobError(f"{shown}: the path has a part `.` or `..`")
