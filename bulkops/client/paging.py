"""Lists of the API, read page after page: whole and each row once, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from bulkops.api.jsonapi import Many, R, Resource, decode, page
from bulkops.api.messages import Request, Response
from bulkops.client.caller import Caller
from bulkops.client.in_order import in_order
from bulkops.client.rows import Rows
from bulkops.errors import ListMoved, ServerBroken
from bulkops.log import Log

C = TypeVar("C", bound=Rows[Any])

PAGES_AT_ONCE = 8

MOST_PAGES = 20_000
MOST_ROWS = 1_500_000
ROW_BYTES = 16 * 1024
FIRST_BYTES = 64 * 1024 * 1024
"""A list's answers have at most ``FIRST_BYTES`` and ``ROW_BYTES`` more for each row: a workspace
has about 6,000. What goes beyond any of these is no list of this API, and would fill the memory."""

MOST_LOOKED_AT = 100
"""Pages of one workspace's run tasks."""

LARGEST_LOOKED_AT = 1024 * 1024
"""Bytes of them all; a run task's attachment has about 700."""

REREADS = 3
"""How often a list is read anew because it changed while it was read."""

log = Log(__name__)


async def everything(
    caller: Caller,
    request: Request,
    shape: type[Many[R]],
    values: Callable[[Many[R]], Iterable[object]],
    rows: Callable[[], C],
) -> C:
    """Return every resource of a list, each once, whatever ``rows`` keeps of it.

    Args:
        values: a page → its rows.
        rows: makes what they are given to, page by page; anew where the list has moved.

    Raises:
        ListMoved: it never was the same from its first page to its last.
        ServerBroken: it has no end.
        ApiError: as of ``Caller.call``.
    """
    for _ in range(1 + REREADS):
        kept = rows()
        try:
            totals = await _Reading(caller, request, shape, values, kept).totals()
        except _MovedError:
            totals = set()
        # Fewer rows under one and the same total: a rename moved one past the page being read.
        if totals in ({None}, {kept.count()}):
            return kept
        log.info("list_moved", extra={"path": request.path})
    raise ListMoved(
        f"{request.path}: the list changed each of the {1 + REREADS} times it was read, so "
        "nobody knows what is in it: run this again when less is going on"
    )


async def answers(caller: Caller, request: Request) -> list[Response]:
    """Return the answers to every page of a short list, one after the other.

    Raises:
        ServerBroken: it has no end.
        ApiError: as of ``Caller.call``.
    """
    pages: list[Response] = []
    following: int | None = 1
    while following is not None and following > len(pages):
        if len(pages) == MOST_LOOKED_AT:
            raise _endless(request)
        pages.append(await caller.call(page(request, following)))
        if sum(len(answer.body) for answer in pages) > LARGEST_LOOKED_AT:
            raise _endless(request)
        following = decode(pages[-1], Many[Resource]).meta.pagination.next_page
    return pages


class _MovedError(Exception):
    """A page lacks rows that an earlier one had promised."""


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
        self._caller = caller
        self._request = request
        self._shape = shape
        self._values = values
        self._rows = rows
        self._totals: set[int | None] = set()
        self._bytes_read = 0
        self._rows_read = 0

    async def totals(self) -> set[int | None]:
        """Read every page once, and return how many rows they say there are."""
        first = await self._page(1)
        self._take(first)
        total = first.meta.pagination.total_pages
        if total is None:
            await self._one_by_one(first)
        elif total > MOST_PAGES:
            raise _endless(self._request)
        elif total > 1:
            if not first.data:
                raise _MovedError
            calls = (partial(self._page, n, last=n == total) for n in range(2, total + 1))
            await in_order(calls, self._take, at_once=PAGES_AT_ONCE)
        return self._totals

    async def _one_by_one(self, last: Many[R]) -> None:
        number, before = 1, 0
        while (following := last.meta.pagination.next_page) is not None:
            if following <= number or self._rows.count() == before or number == MOST_PAGES:
                # Backwards, or nothing new: it goes round and round.
                raise _endless(self._request)
            number, before = number + 1, self._rows.count()
            last = await self._page(following)
            self._take(last)

    def _take(self, page: Many[R]) -> None:
        self._totals.add(page.meta.pagination.total_count)
        for value in self._values(page):
            self._rows.add(value)

    async def _page(self, number: int, *, last: bool = True) -> Many[R]:
        answer = await self._caller.call(page(self._request, number))
        read = decode(answer, self._shape)
        self._bytes_read += len(answer.body)
        self._rows_read += len(read.data)
        if self._rows_read > MOST_ROWS:
            raise _endless(self._request)
        if self._bytes_read > FIRST_BYTES + ROW_BYTES * self._rows_read:
            raise _endless(self._request)
        if not last and not read.data:
            # Another one follows, so it can't be empty.
            raise _MovedError
        return read


def _endless(request: Request) -> ServerBroken:
    return ServerBroken(f"{request.path}: the server's list has no end")
