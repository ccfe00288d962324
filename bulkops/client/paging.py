"""Reads the API's paged lists: completely and each row once, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from bulkops.api.jsonapi import Many, R, Resource, decode
from bulkops.api.messages import Request, Response
from bulkops.api.pages import PageSequence, contradiction, endless, page
from bulkops.client.caller import Caller
from bulkops.client.in_order import in_order
from bulkops.client.rows import Rows
from bulkops.errors import ListMoved
from bulkops.log import Log

C = TypeVar("C", bound=Rows[Any])

PAGES_AT_ONCE = 8

MOST_PAGES = 20_000
MOST_ROWS = 1_500_000
ROW_BYTES = 16 * 1024
FIRST_BYTES = 64 * 1024 * 1024
"""A list's answers may have ``FIRST_BYTES`` bytes, plus ``ROW_BYTES`` per row; a workspace takes
about 6,000. Anything beyond these limits isn't a list of this API, and would fill the memory."""

MOST_SHORT_PAGES = 100
"""The most pages of one workspace's list of run tasks."""

MOST_SHORT_BYTES = 1024 * 1024
"""The most bytes of such a list; one attachment takes about 700."""

REREADS = 3
"""How often a list is read again because it changed while it was read."""

log = Log(__name__)


async def everything(
    caller: Caller,
    request: Request,
    shape: type[Many[R]],
    values: Callable[[Many[R]], Iterable[object]],
    rows: Callable[[], C],
) -> C:
    """Read a list completely and return its rows, collected in an object made by ``rows``.

    Args:
        shape: the type of a page.
        values: returns the rows of a page.
        rows: makes the object that collects the rows; called again for each new reading.

    Raises:
        ListMoved: the list changed during every reading.
        ServerBroken: the list has no end, or contradicts itself in the same way each time.
        ApiError: see ``Caller.call``.
    """
    before: int | None = None
    for _ in range(1 + REREADS):
        kept = rows()
        reading = _Reading(caller, request, shape, values, kept)
        try:
            await reading.read()
            if reading.sequence.is_whole():
                return kept
            problem = reading.sequence.error()
        except _EmptyError as empty:
            problem = contradiction(request.path, str(empty))
        if reading.sequence.fingerprint == before:
            raise problem
        before = reading.sequence.fingerprint
        log.info("list_moved", extra={"path": request.path})
    raise _moved(request)


async def answers(caller: Caller, request: Request) -> list[Response]:
    """Return the answers for all pages of a short list, read one after the other.

    Raises:
        ListMoved, ServerBroken: see ``everything``.
        ApiError: see ``Caller.call``.
    """
    before: int | None = None
    for _ in range(1 + REREADS):
        pages, sequence = await _short(caller, request)
        if sequence.is_whole():
            return pages
        if sequence.fingerprint == before:
            raise sequence.error()
        before = sequence.fingerprint
    raise _moved(request)


async def _short(caller: Caller, request: Request) -> tuple[list[Response], PageSequence]:
    pages, sequence, ids = list[Response](), PageSequence(request.path), set[str]()
    while not pages or sequence.has_next():
        if len(pages) == MOST_SHORT_PAGES:
            raise endless(request.path)
        pages.append(await caller.call(page(request, len(pages) + 1)))
        if sum(len(answer.body) for answer in pages) > MOST_SHORT_BYTES:
            raise endless(request.path)
        read = decode(pages[-1], Many[Resource])
        ids.update(row.id for row in read.data)
        sequence.take(read, len(ids))
    return pages, sequence


def _moved(request: Request) -> ListMoved:
    return ListMoved(
        f"{request.path}: the list changed each of the {1 + REREADS} times it was read, so its "
        "content is unknown. Perhaps a job is running: run the command again when fewer changes "
        "are being made"
    )


class _EmptyError(Exception):
    """A page is empty although the first page announced more pages."""


class _Reading(Generic[R]):
    """One reading of a list."""

    def __init__(
        self,
        caller: Caller,
        request: Request,
        shape: type[Many[R]],
        values: Callable[[Many[R]], Iterable[object]],
        rows: Rows[Any],
    ) -> None:
        self.sequence = PageSequence(request.path)
        self._caller = caller
        self._request = request
        self._shape = shape
        self._values = values
        self._rows = rows
        self._bytes_read = 0
        self._rows_read = 0

    async def read(self) -> None:
        """Read every page once; concurrently if the first page announces their number."""
        first = await self._page(1)
        self._take(first)
        total = first.meta.pagination.total_pages or 1
        if total > MOST_PAGES:
            raise endless(self._request.path)
        if total > 1:
            if not first.data:
                raise self._empty(1, total)
            calls = (partial(self._page, number, of=total) for number in range(2, total + 1))
            await in_order(calls, self._take, at_once=PAGES_AT_ONCE)
        while self.sequence.has_next():
            if self.sequence.number == MOST_PAGES:
                raise endless(self._request.path)
            self._take(await self._page(self.sequence.number + 1))

    def _take(self, page: Many[R]) -> None:
        for value in self._values(page):
            self._rows.add(value)
        self.sequence.take(page, self._rows.count())

    async def _page(self, number: int, *, of: int = 0) -> Many[R]:
        """Return a page; ``of`` is the announced number of pages, 0 if unknown."""
        answer = await self._caller.call(page(self._request, number))
        read = decode(answer, self._shape)
        self._bytes_read += len(answer.body)
        self._rows_read += len(read.data)
        if self._rows_read > MOST_ROWS:
            raise endless(self._request.path)
        if self._bytes_read > FIRST_BYTES + ROW_BYTES * self._rows_read:
            raise endless(self._request.path)
        if number < of and not read.data:
            # It isn't the last page, so it can't be empty.
            raise self._empty(number, of)
        return read

    @staticmethod
    def _empty(number: int, total: int) -> _EmptyError:
        return _EmptyError(
            f"the server reports {total} pages for the list, but page {number} is empty"
        )
