"""The calls to a journal's lease object, each to be run by an executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Generic, NamedTuple, TypeVar

from bulkops.journal.remote.bucket.store import Found, NoAnswer, Store, StoreError, Version
from bulkops.journal.remote.lease.content import Write

T = TypeVar("T")


class LeaseObject(NamedTuple):
    """Where a journal's lease is kept.

    Attributes:
        key: of the lease object.
        journal: the journal's address, for messages.
    """

    store: Store
    key: str
    journal: str

    def read(self) -> Found | None:
        """Read the object; raises ``StoreError``."""
        return self.store.get(self.key)

    def write(self, write: Write) -> Version | None:
        """Write the object; return ``None`` if the store refused. Raises ``StoreError``."""
        data = write.lease.encoded()
        if write.version is None:
            return self.store.create(self.key, data)
        return self.store.swap(self.key, data, write.version)


class Call(Generic[T]):
    """A call and its outcome, which stays here even if the caller of the executor is cancelled."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: StoreError = NoAnswer("no answer in time")
        self._values: list[T] = []

    def __call__(self) -> None:
        """Make the call."""
        try:
            self._values = [self._function()]
        except StoreError as error:
            self._error = error

    def outcome(self) -> T:
        """Return what it returned, or raise what it raised."""
        if not self._values:
            raise self._error
        return self._values[0]


Calls = Generator[Callable[[], None], None, T]
"""Yields calls, each to be run before the next one is asked for; returns a result."""


def made(function: Callable[[], T]) -> Calls[T]:
    """Yield one call; return its result. Raises ``StoreError``."""
    call = Call(function)
    yield call
    return call.outcome()


def run_at_once(calls: Calls[T]) -> T:
    """Run the calls in this thread, and return the result."""
    try:
        while True:
            next(calls)()
    except StopIteration as end:
        result: T = end.value
        return result


async def run_by(executor: Callable[[Callable[[], None]], Awaitable[None]], calls: Calls[T]) -> T:
    """Run the calls by an executor, and return the result."""
    try:
        while True:
            await executor(next(calls))
    except StopIteration as end:
        result: T = end.value
        return result
