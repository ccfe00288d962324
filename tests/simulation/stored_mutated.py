"""Mutations that each remove a safeguard of journals in a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any
from unittest import mock

import anyio

from bulkops.api.messages import Request, Response
from bulkops.client.caller import Announce, Caller
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import NoResponse
from bulkops.journal.records import Execution
from bulkops.journal.remote import segments
from bulkops.journal.remote.bucket.store import Found, Store
from bulkops.journal.remote.lease import holding
from bulkops.journal.remote.lease.holding import Holding, Tenure
from bulkops.journal.remote.lease.keeper import Keeper
from bulkops.journal.remote.segments import Segments
from bulkops.journal.storage import Superseded
from bulkops.journal.writer import Journal
from tests.simulation.found import Mutation
from tests.simulation.stored.freezing import OWNER


def permit_checked_before_the_intent() -> AbstractContextManager[Any]:
    """Check the lease before the intent is written, and not after it."""
    attempt = Caller.attempt

    async def early(
        self: Caller,
        request: Request,
        number: int = 1,
        announce: Announce | None = None,
        permit: Permit = ALWAYS,
    ) -> Response | NoResponse:
        async def checked() -> None:
            await permit.wait()
            if announce is not None:
                await announce()

        return await attempt(self, request, number, checked, ALWAYS)

    return mock.patch.object(Caller, "attempt", early)


def next_number_is_listed() -> AbstractContextManager[Any]:
    """Write a segment after the last one that is listed, not the last one that was read."""

    def append(self: Segments, data: bytes) -> None:
        names = (name.rpartition("/")[2] for name in self._store.names(f"{self._address.key}/0"))
        number = 1 + max((int(name.removesuffix(".jsonl")) for name in names), default=0)
        if not segments.write_once(self._store, self._numbered.key(number), data):
            raise Superseded
        self._numbered.added(data)

    return mock.patch.object(Segments, "append", append)


def renewed_by_a_thread() -> AbstractContextManager[Any]:
    """Renew the lease while the event loop stands still."""

    @asynccontextmanager
    async def keeping(self: Keeper) -> AsyncIterator[None]:
        async def keep() -> None:
            OWNER.set(None)
            await self._keep()

        error: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(keep)
            try:
                yield
            except Exception as raised:  # noqa: BLE001 - as in the original
                error = raised
            finally:
                group.cancel_scope.cancel()
        if error:
            raise error

    return mock.patch.object(Keeper, "keeping", keeping)


def refusal_is_final() -> AbstractContextManager[Any]:
    """Take any refusal of a segment for another process's segment."""

    def write_once(store: Store, key: str, data: bytes) -> bool:
        return store.create(key, data) is not None

    return mock.patch.object(segments, "write_once", write_once)


def absence_is_another_segment() -> AbstractContextManager[Any]:
    """Take a refusal for another process's segment though nothing is there."""

    def write_once(store: Store, key: str, data: bytes) -> bool:
        if store.create(key, data) is not None:
            return True
        found = store.get(key)
        return found is not None and found.data == data

    return mock.patch.object(segments, "write_once", write_once)


def refused_renewal_is_final() -> AbstractContextManager[Any]:
    """Take any refusal of a renewal for a takeover."""

    def refused(self: Holding, found: Found | None, now: float) -> bool:  # noqa: ARG001 - neither is looked at
        self._ended = Tenure.LOST
        return True

    return mock.patch.object(Holding, "refused", refused)


def lease_outlives_its_ttl() -> AbstractContextManager[Any]:
    """Send although others have seen the lease unchanged for its ttl."""
    return mock.patch.object(holding, "VALID", 3.0)


def fence_asks_only_once() -> AbstractContextManager[Any]:
    """Begin an execution after another process's, though that one has taken the journal over."""
    begin = Journal.begin

    async def asked_before(
        self: Journal, execution: Execution, permitted: Callable[[], Awaitable[None]]
    ) -> None:
        await permitted()
        await begin(self, execution, ALWAYS.wait)

    return mock.patch.object(Journal, "begin", asked_before)


OF_STORES: tuple[Mutation, ...] = (
    permit_checked_before_the_intent,
    next_number_is_listed,
    renewed_by_a_thread,
    refusal_is_final,
    absence_is_another_segment,
    refused_renewal_is_final,
    lease_outlives_its_ttl,
    fence_asks_only_once,
)
"""All of them."""
