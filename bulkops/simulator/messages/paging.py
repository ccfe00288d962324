"""Splits lists into pages as the API does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from bulkops.simulator.messages.call import Call

_T = TypeVar("_T")

DEFAULT_SIZE = 20
MAXIMUM_SIZE = 100


def page(
    call: Call, records: Sequence[_T], render: Callable[[_T], dict[str, object]]
) -> tuple[dict[str, object], Sequence[_T]]:
    """Return the document of the requested page, and the records on it."""
    number = _positive(call.query.get("page[number]"), 1)
    size = min(_positive(call.query.get("page[size]"), DEFAULT_SIZE), MAXIMUM_SIZE)
    total = len(records)
    pages = -(-total // size)
    shown = records[(number - 1) * size : number * size]
    previous = number - 1 if 1 < number <= pages else None
    following = number + 1 if number < pages else None
    link = _links(call, size)
    document: dict[str, object] = {
        "data": [render(record) for record in shown],
        "links": {
            "self": link(number),
            "first": link(1),
            "prev": previous and link(previous),
            "next": following and link(following),
            "last": link(max(pages, 1)),
        },
        "meta": {
            "pagination": {
                "current-page": number,
                "page-size": size,
                "prev-page": previous,
                "next-page": following,
                "total-pages": pages,
                "total-count": total,
            }
        },
    }
    return document, shown


def _positive(text: str | None, default: int) -> int:
    """Return a positive number, or the default if the text isn't one, as the API does."""
    # Python refuses to convert very long strings of digits.
    number = int(text) if text and re.fullmatch("[0-9]{1,18}", text) else 0
    return number or default


def _links(call: Call, size: int) -> Callable[[int], str]:
    """Return a function from a page's number to its link."""
    query = [pair for pair in call.request.query if not pair[0].startswith("page[")]
    headers = call.request.headers
    # x-forwarded-proto is the client's scheme behind a proxy or TLS. Without a host, links are
    # relative to the root.
    host = headers.get("host")
    base = f"{headers.get('x-forwarded-proto', 'http')}://{host}" if host else ""
    start = f"{base}{call.request.path}?{urlencode(query)}{'&' if query else ''}"
    return lambda number: f"{start}page%5Bnumber%5D={number}&page%5Bsize%5D={size}"
