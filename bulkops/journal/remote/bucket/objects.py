"""The object store of a journal: S3, Azure Blob Storage or Google Cloud Storage, by obstore.

This module needs the extra ``remote``; ``opening`` imports it when an address is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from bulkops.errors import JobError, unreadable
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.answers import Meaning, failure_of, panicked, unusable
from bulkops.journal.remote.bucket.environment import Settings
from bulkops.journal.remote.bucket.hidden import environment_hidden
from bulkops.journal.remote.bucket.store import Denied, Found, NoAnswer, StoreError, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore import PutMode

CONNECT = 5.0
"""The most seconds for making a connection."""
RETRIES = 2
"""How often obstore repeats a request by itself; whoever calls repeats it, too."""

_T = TypeVar("_T")
_KINDS: dict[str, Callable[..., Any]] = {"s3": S3Store, "az": AzureStore, "gs": GCSStore}


class ObjectStore:
    """A bucket; implements ``Store``. Safe to use in several threads.

    No call lasts longer than about twice ``timeout``, and a little more if it needs new
    credentials first. obstore repeats a request that wasn't answered, or with a 5xx, but begins
    no repetition after ``timeout``; a write that timed out it doesn't repeat.

    Args:
        address: an address in the bucket.
        settings: the server, and the credentials.
        timeout: the most seconds for one request, with its body and its answer.

    Raises:
        JobError: obstore can't use the settings.
    """

    def __init__(self, address: Address, settings: Settings, *, timeout: float) -> None:
        self._bucket, self._endpoint = address.bucket, settings.endpoint
        self._advice = settings.advice
        self._by = ", by the environment's proxy" if settings.proxied else ""
        self._answered = False
        seconds = timedelta(seconds=timeout)
        client: dict[str, object] = {
            **settings.client,
            "timeout": seconds,
            "connect_timeout": min(seconds, timedelta(seconds=CONNECT)),
        }
        if settings.authorities:
            client["root_certificate"] = _content("AWS_CA_BUNDLE", settings.authorities)
        for name, file in settings.config.items():
            if name.endswith("_token_file"):
                # obstore doesn't say which file it can't read.
                _content(name.upper(), file)
        try:
            with environment_hidden(address.scheme):
                self._store = _KINDS[address.scheme](
                    address.bucket,
                    config=settings.config,
                    client_options=client,
                    retry_config={
                        "max_retries": RETRIES,
                        "retry_timeout": seconds,
                        "backoff": {
                            "init_backoff": timedelta(milliseconds=100),
                            "max_backoff": timedelta(seconds=1),
                            "base": 2,
                        },
                    },
                )
        except (BaseError, ValueError) as error:
            raise JobError(f"{address}: {unusable(str(error))}") from None

    def get(self, key: str) -> Found | None:
        """Return an object, ``None`` if there is none."""

        def read() -> Found:
            got = obstore.get(self._store, key)
            data, meta = got.bytes().to_bytes(), got.meta
            return Found(data, _version(meta), meta["last_modified"])

        # S3 says so, too, of an object that isn't there, unless it may list the bucket.
        return self._call(read, "get this object, or to list the bucket", (Meaning.ABSENT,))

    def create(self, key: str, data: bytes) -> Version | None:
        """Write an object that doesn't exist; return ``None`` if the store refused."""
        return self._write(key, data, "create")

    def swap(self, key: str, data: bytes, version: Version) -> Version | None:
        """Write an object that still has this version; return ``None`` if the store refused."""
        if not (version and isinstance(version, dict)):
            # obstore would overwrite whatever is there.
            raise TypeError("swap() needs a version that this store returned")
        return self._write(key, data, cast("PutMode", version))

    def put(self, key: str, data: bytes) -> None:
        """Write an object whether or not it exists."""
        self._write(key, data, "overwrite")

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, in order; the newest may be missing."""
        folder = prefix.rpartition("/")[0]

        def read() -> list[str]:
            pages = obstore.list(self._store, folder or None)
            return [meta["path"] for page in pages for meta in page]

        keys = self._call(read, "list the bucket") or []
        yield from sorted(key for key in keys if key.startswith(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what follows the prefix up to the next ``/``, once each; as ``names``."""
        folder = prefix.rpartition("/")[0]

        def read() -> list[str]:
            found = obstore.list_with_delimiter(self._store, folder or None)
            return [path.removesuffix("/") for path in found["common_prefixes"]]

        paths = self._call(read, "list the bucket") or []
        yield from sorted(path.removeprefix(prefix) for path in paths if path.startswith(prefix))

    def _write(self, key: str, data: bytes, mode: PutMode) -> Version | None:
        def write() -> Version:
            # Several parts would neither be conditional nor appear at once.
            return _version(obstore.put(self._store, key, data, mode=mode, use_multipart=False))

        return self._call(write, "put objects", (Meaning.REFUSED,))

    def _call(
        self, call: Callable[[], _T], right: str, nothing: tuple[Meaning, ...] = ()
    ) -> _T | None:
        """Return what a call returns, ``None`` for the failures named in ``nothing``.

        Args:
            right: what the caller must be allowed to do, for a message.

        Raises:
            Denied: trying again is useless.
            NoAnswer: it is not.
        """
        try:
            result = call()
        except StoreError:
            raise
        # The standard library's FileNotFoundError is how obstore says that an object is absent.
        except (BaseError, OSError) as error:
            kind, text = type(error).__name__, str(error)
            failure = failure_of(
                kind, text, bucket=self._bucket, endpoint=self._endpoint, right=right
            )
        except BaseException as error:
            # obstore panics at a credential that it can't write into a request.
            if type(error).__name__ != "PanicException":
                raise
            raise Denied(panicked(str(error))) from None
        else:
            self._answered = True
            return result
        if failure.meaning in nothing:
            self._answered = True
            return None
        # What was got once can be got again: the server for credentials is away for a moment.
        passing = failure.meaning is Meaning.NO_CREDENTIALS and self._answered
        if passing or failure.meaning is Meaning.NO_ANSWER:
            raise NoAnswer(f"{failure.reason}{self._by}")
        advised = failure.meaning is Meaning.NO_CREDENTIALS and self._advice
        raise Denied(f"{failure.reason}; {self._advice}" if advised else failure.reason)


def _version(meta: Mapping[str, Any]) -> Version:
    """Return what ``mode`` takes as a version; obstore returns a ``None`` that it doesn't take."""
    version = {name: meta[name] for name in ("e_tag", "version") if meta[name] is not None}
    if not version:
        # So does the page of a proxy, which is no answer of the store's.
        raise NoAnswer("the answer names no version (ETag)")
    return version


def _content(variable: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise JobError(unreadable(f"{variable} = {file}", error)) from None
