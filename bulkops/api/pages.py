"""The pages of a list: how one is asked for, whether another follows, whether it was whole. Pure.

A server says where a list ends by ``meta.pagination``, by ``links.next``, or not at all; gateways
and older servers leave any of it out, or get it wrong. What they say is believed as far as it
makes a list longer, never where it would cut one.
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
"""The most rows that the API gives at once (API page "Pagination")."""

DEFAULT_SIZE = 20
"""The rows that it gives where nobody asks for a number, or where that is overlooked."""


def page(request: Request, number: int) -> Request:
    """Return ``request`` for one page of the largest size."""
    paging = (("page[number]", str(number)), ("page[size]", str(PAGE_SIZE)))
    return msgspec.structs.replace(request, query=(*request.query, *paging))


class PageSequence:
    """One reading of a list: it is given page after page, and says whether another one follows.

    Args:
        path: of the list, for error messages.
    """

    def __init__(self, path: str) -> None:
        self.number = 0
        """Pages so far."""
        self.fingerprint = 0
        """Equal for two readings that showed the same."""
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
            count: the different rows of all pages so far.
        """
        total = page.meta.pagination.total_count
        self.number += 1
        self.fingerprint = hash((self.fingerprint, tuple(row.id for row in page.data), total))
        self._new, self._count = count > self._count, count
        self._size = self._size or len(page.data)
        self._filled += bool(page.data)
        self._totals.update(() if total is None else (total,))
        self._last = page

    def goes_on(self) -> bool:
        """Return whether another page is to be read.

        Raises:
            ServerBroken: the list goes round in a circle, or nobody knows where it ends.
        """
        if len(self._totals) > 1:
            # It is to be read anew in any case.
            return False
        told = self._told()
        if isinstance(told, int):
            if told <= self.number or not self._new:
                raise endless(self._path)
            return True
        if self._falls_short():
            return self._new
        if told is None:
            return False
        if not self._new and self._last.data and self._size == PAGE_SIZE:
            raise ServerBroken(
                f"{self._path}: the server gives the same full page again and does not say whether "
                "another follows, so nobody knows what is in the list"
            )
        return self._new and self._is_full()

    def is_whole(self) -> bool:
        """Return whether the rows are as many as each page says that there are."""
        # Fewer rows under one and the same total: a rename moved one past the page being read.
        return self._totals in (set(), {self._count})

    def wrong(self) -> ServerBroken:
        """Return the error for a list that shows the same again, which isn't what it says."""
        totals = " or ".join(map(str, sorted(self._totals)))
        small = ""
        if self._size < PAGE_SIZE and (self._filled > 1 or self._size in self._smaller_sizes()):
            small = f"the server's pages have {self._size} rows where {PAGE_SIZE} were asked for; "
        return contradiction(
            self._path,
            f"{small}the server says that the list has {totals} rows, and shows {self._count}",
        )

    def _told(self) -> int | UnsetType | None:
        """Return the next page's number, ``None`` if there is none, ``UNSET`` if nobody says."""
        pagination = self._last.meta.pagination
        if pagination.next_page:
            return pagination.next_page
        if self.number < (pagination.total_pages or 0):
            return self.number + 1
        said = pagination.next_page is not UNSET or pagination.total_pages is not None
        if said and self._totals == {self._count} and len(self._last.data) < PAGE_SIZE:
            # All is there: a gateway that makes links of its own doesn't matter.
            return None
        link = _linked(self._last.links, self.number)
        if isinstance(link, int) and (link > self.number or not said):
            return link
        return None if said else link

    def _falls_short(self) -> bool:
        """Whether a page is full, as far as the server fills them, and more rows are promised."""
        promised = len(self._totals) == 1 and max(self._totals) > self._count
        return promised and len(self._last.data) >= self._size

    def _is_full(self) -> bool:
        rows = len(self._last.data)
        if self.number > 1:
            return rows >= self._size
        return rows >= PAGE_SIZE or rows in self._smaller_sizes()

    def _smaller_sizes(self) -> tuple[int | None, ...]:
        """Return how many rows a full page may have where the server doesn't give what is asked."""
        return (DEFAULT_SIZE, self._last.meta.pagination.page_size or DEFAULT_SIZE)


def endless(path: str) -> ServerBroken:
    """Return the error for a list that goes on for ever."""
    return ServerBroken(f"{path}: the server's list has no end")


def contradiction(path: str, what: str) -> ServerBroken:
    """Return the error for a list whose pages contradict each other each time it is read."""
    return ServerBroken(
        f"{path}: {what}, each time it is read: nobody knows what is in the list (does a gateway "
        "in between change the server's answers?)"
    )


def _linked(links: object, number: int) -> int | UnsetType | None:
    """Return the number of the page that ``links.next`` leads to; see ``PageSequence``.

    Nothing else of it is believed: a request goes to the list's own path, wherever a link leads.
    """
    if not isinstance(links, dict) or "next" not in links:
        return UNSET
    link = links["next"]
    if isinstance(link, dict):
        link = link.get("href")
    if not isinstance(link, str) or not link:
        return None
    try:
        (asked,) = parse_qs(urlsplit(link).query).get("page[number]", [""])
    except ValueError:
        asked = ""
    # There is another page, whatever it is called.
    return int(asked) if re.fullmatch("[0-9]{1,9}", asked) else number + 1
