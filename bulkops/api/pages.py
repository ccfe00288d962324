"""Requests the pages of a list; decides if another page follows and if the list is complete. Pure.

A server marks the end of a list with ``meta.pagination``, with ``links.next``, or not at all;
gateways and older servers omit these or get them wrong. They are trusted if they make a list
longer, but not if they would cut it short.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Many
from bulkops.api.messages import Request
from bulkops.errors import ServerBroken

PAGE_SIZE = 100
"""The most rows per page (API page "Pagination")."""

DEFAULT_SIZE = 20
"""The rows per page if no number is requested, or if the server ignores it."""


def page(request: Request, number: int) -> Request:
    """Return the request for one page of a list, of the largest size."""
    paging = (("page[number]", str(number)), ("page[size]", str(PAGE_SIZE)))
    return msgspec.structs.replace(request, query=(*request.query, *paging))


class PageSequence:
    """One reading of a list: takes page after page, and decides if another one follows.

    Args:
        path: the list's path, for error messages.
    """

    def __init__(self, path: str) -> None:
        self.number = 0
        """The number of pages so far."""
        self.fingerprint = 0
        """A hash of what the pages showed; equal if two readings showed the same."""
        self._path = path
        self._count = 0
        self._new = False
        self._size = 0
        self._filled = 0
        self._totals: set[int] = set()
        self._last: Many[Any] = Many(())

    def take(self, page: Many[Any], count: int) -> None:
        """Take the next page.

        Args:
            count: the number of distinct rows on all pages so far.
        """
        total = page.meta.pagination.total_count
        self.number += 1
        self.fingerprint = hash((self.fingerprint, tuple(row.id for row in page.data), total))
        self._new, self._count = count > self._count, count
        self._size = self._size or len(page.data)
        self._filled += bool(page.data)
        self._totals.update(() if total is None else (total,))
        self._last = page

    def has_next(self) -> bool:
        """Return whether another page must be read.

        Raises:
            ServerBroken: the list repeats itself, or its end is unknown.
        """
        if len(self._totals) > 1:
            # The list must be read again in any case.
            return False
        following = self._next_page()
        if isinstance(following, int):
            if following <= self.number or not self._new:
                raise endless(self._path)
            return True
        if self._falls_short():
            return self._new
        if following is None:
            return False
        if not self._new and self._last.data and self._size == PAGE_SIZE:
            raise ServerBroken(
                f"{self._path}: the server sends the same full page again and doesn't show whether "
                "another one follows, so the list's content is unknown"
            )
        return self._new and self._is_full()

    def is_whole(self) -> bool:
        """Return whether the number of rows is the total that every page reports."""
        # Fewer rows with an unchanged total: a rename moved one past the page being read.
        return self._totals in (set(), {self._count})

    def error(self) -> ServerBroken:
        """Return the error for a list that contradicts its own total in the same way again."""
        totals = " or ".join(map(str, sorted(self._totals)))
        small = ""
        if self._size < PAGE_SIZE and (self._filled > 1 or self._size in self._smaller_sizes()):
            small = f"the server's pages have {self._size} rows, but {PAGE_SIZE} were requested; "
        return contradiction(
            self._path,
            f"{small}the server reports {totals} rows for the list, but shows {self._count}",
        )

    def _next_page(self) -> int | UnsetType | None:
        """Return the next page's number, ``None`` if there is none, ``UNSET`` if not shown."""
        pagination = self._last.meta.pagination
        if pagination.next_page:
            return pagination.next_page
        if self.number < (pagination.total_pages or 0):
            return self.number + 1
        is_shown = pagination.next_page is not UNSET or pagination.total_pages is not None
        if is_shown and self._totals == {self._count} and len(self._last.data) < PAGE_SIZE:
            # The list is complete, whatever links a gateway may have added.
            return None
        link = _linked(self._last.links, self.number)
        if isinstance(link, int) and (link > self.number or not is_shown):
            return link
        return None if is_shown else link

    def _falls_short(self) -> bool:
        """Return whether the last page is full by this server's size, and more rows are due."""
        promised = len(self._totals) == 1 and max(self._totals) > self._count
        return promised and len(self._last.data) >= self._size

    def _is_full(self) -> bool:
        rows = len(self._last.data)
        if self.number > 1:
            return rows >= self._size
        return rows >= PAGE_SIZE or rows in self._smaller_sizes()

    def _smaller_sizes(self) -> tuple[int | None, ...]:
        """Return the sizes of a full page on a server that ignores the requested size."""
        return (DEFAULT_SIZE, self._last.meta.pagination.page_size or DEFAULT_SIZE)


def endless(path: str) -> ServerBroken:
    """Return the error for a list without an end."""
    return ServerBroken(f"{path}: the server's list has no end")


def contradiction(path: str, what: str) -> ServerBroken:
    """Return the error for a list whose pages contradict each other each time it is read."""
    return ServerBroken(
        f"{path}: {what}, each time it is read, so the list's content is unknown (does a gateway "
        "change the server's answers?)"
    )


def _linked(links: object, number: int) -> int | UnsetType | None:
    """Return the page number in ``links.next``; ``None`` for the last page, ``UNSET`` if absent.

    Only the number is used: requests go to the list's own path, wherever a link points.
    """
    if not isinstance(links, dict) or "next" not in links:
        return UNSET
    link = links["next"]
    if isinstance(link, dict):
        link = link.get("href")
    if not isinstance(link, str) or not link:
        return None
    try:
        (linked,) = parse_qs(urlsplit(link).query).get("page[number]", [""])
    except ValueError:
        linked = ""
    # A link without a readable number still means that another page follows.
    return int(linked) if re.fullmatch("[0-9]{1,9}", linked) else number + 1
