"""Converts JSON:API documents to values and back: envelopes, paging, errors. Pure.

Shapes follow HashiCorp's OpenAPI. Known deviations of servers are accepted: an ``errors`` list of
plain strings, a numeric ``status``, HTML from a proxy, an empty body, members that can't be read.
Unknown members are ignored, so that an older bulkops works with a newer server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.messages import UNREADABLE, Request, Response
from bulkops.api.rate_limit import number
from bulkops.api.redirect import redirect_texts
from bulkops.api.tolerant import document
from bulkops.errors import (
    ApiError,
    NoResponse,
    NotFoundOrForbidden,
    RateLimited,
    RequestRejected,
    ServerBroken,
    Unauthorized,
)
from bulkops.text import printable

T = TypeVar("T")

Text = Annotated[str, msgspec.Meta(max_length=4096)]
"""A text of limited length. The API's longest are descriptions (300 characters) and URLs."""

LONGEST_WAIT = 60.0
"""Seconds; a longer ``Retry-After`` is assumed to be a mistake, such as a Unix time, and cut."""

LONGEST_QUOTED = 100_000
"""The most bytes of an error body that are read; the API's errors have a few hundred."""

_TITLE = re.compile(rb"<title>\s*([^<]{1,200})", re.IGNORECASE)


class Identifier(msgspec.Struct, frozen=True):
    """A resource linkage: ``{"id": "task-…", "type": "tasks"}``; the name says the type."""

    id: Text


_ALL_READ: Mapping[str, str] = {}
"""One object for all rows: a dict for each would double a long list's memory."""


class Resource(msgspec.Struct, frozen=True):
    """Base of every JSON:API resource; subclasses add attributes and relationships.

    Attributes:
        unread: members that the server shows but that can't be read → their values. They keep
            their defaults (see ``bulkops.api.tolerant``).
    """

    id: Text
    # Not a member of any document: no member's name begins with a blank.
    unread: Mapping[str, str] = msgspec.field(default_factory=lambda: _ALL_READ, name=" unread")


R = TypeVar("R", bound=Resource)


class ToOne(msgspec.Struct, frozen=True):
    """A relationship to at most one resource.

    Attributes:
        data: the resource; ``None`` for none; ``UNSET`` if the server only links to it.
    """

    data: Identifier | UnsetType | None = UNSET

    @property
    def id(self) -> str | UnsetType | None:
        """The resource's id; ``None`` and ``UNSET`` as in ``data``."""
        return self.data.id if isinstance(self.data, Identifier) else self.data


class ToMany(msgspec.Struct, frozen=True):
    """A relationship to a list of resources.

    Attributes:
        data: the resources; ``None`` if the server only links to them, which isn't the same as
            an empty list.
    """

    data: tuple[Identifier, ...] | None = None


class Pagination(msgspec.Struct, frozen=True, rename="kebab"):
    """``meta.pagination``; a list without totals omits the last two.

    Attributes:
        next_page: the next page's number; ``None`` on the last page; ``UNSET`` if not shown.
    """

    next_page: int | UnsetType | None = UNSET
    page_size: int | None = None
    total_pages: int | None = None
    total_count: int | None = None


class Meta(msgspec.Struct, frozen=True):
    """The part of a document's ``meta`` that paging needs."""

    pagination: Pagination = Pagination()


_NOTHING = msgspec.Raw(b"[]")


class One(msgspec.Struct, Generic[T], frozen=True):
    """A document with one resource; ``included`` is not decoded, as it may have any types."""

    data: T
    included: msgspec.Raw = _NOTHING


class Many(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; ``links`` is not checked, as servers deviate from JSON:API there."""

    data: tuple[T, ...]
    meta: Meta = Meta()
    links: object = None
    included: msgspec.Raw = _NOTHING


@cache
def _decoder(shape: Hashable) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(shape)


def decode(answer: Response, shape: type[T]) -> T:
    """Return the answer's body as ``shape``, for example ``One[RunTaskResource]``.

    Raises:
        ServerBroken: the body is not such a document, or a row has no id.
    """
    try:
        return _decoded(answer.body, shape)
    except UNREADABLE as error:
        raise ServerBroken(
            f"the server's answer ({answer.status}) can't be read: {printable(str(error))}",
            status=answer.status,
            request_id=request_id(answer),
        ) from error


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return cast("T", _decoder(cast("Hashable", shape)).decode(body))
    except msgspec.ValidationError:
        return cast("T", document(body, shape))


def encode_resource(
    kind: str,
    attributes: object,
    relationships: Mapping[str, object] | None = None,
    *,
    id: str = "",  # noqa: A002 - the name in JSON:API
) -> bytes:
    """Return ``{"data": {"type": kind, "attributes": …, "relationships": …}}`` as bytes."""
    data: dict[str, object] = {"type": kind, "attributes": attributes}
    if id:
        data["id"] = id
    if relationships:
        data["relationships"] = relationships
    return msgspec.json.encode({"data": data})


def error_texts(answer: Response) -> tuple[str, ...]:
    """Return the server's error messages, one string per error, from a body of any shape.

    ``("not found: workspace not found",)`` from JSON:API; the page's ``<title>`` from HTML;
    ``()`` if there is no message. The last one of a redirect says where it leads.
    """
    leads = redirect_texts(answer)
    body = answer.body[:LONGEST_QUOTED]
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        title = _TITLE.search(body)
        # Proxies put the status first, which every message with this text already has.
        text = printable(title[1].decode("utf-8", "replace")) if title else ""
        text = text.removeprefix(str(answer.status)).lstrip(" :-")
        return (text, *leads) if text else leads
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return leads
    texts = (_error_text(error) for error in errors[:10])
    return (*(printable(text) for text in texts if text), *leads)


def _error_text(error: object) -> str:
    if not isinstance(error, dict):
        return _scalar_text(error)
    parts = [text for key in ("title", "detail") if (text := _scalar_text(error.get(key)))]
    source = error.get("source")
    if isinstance(source, dict) and (pointer := _scalar_text(source.get("pointer"))):
        parts.append(f"({pointer})")
    if len(parts) > 1 and parts[1].lower().startswith(parts[0].lower()):
        parts.pop(0)
    return ": ".join(parts[:2]) + "".join(f" {part}" for part in parts[2:])


def _scalar_text(value: object) -> str:
    # Not for a list: converting a deeply nested one raises RecursionError.
    return str(value) if isinstance(value, str | int | float) else ""


def request_id(answer: Response) -> str:
    """Return the answer's ``X-Request-Id``, or ``""`` if it has none."""
    return printable(answer.headers.get("x-request-id", ""), 100)


def retry_after(answer: Response, now: Callable[[], datetime] | None = None) -> float:
    """Return for how many seconds an answer asks the client to wait; 0 if it doesn't.

    ``Retry-After`` is in seconds or a date (RFC 9110, 10.2.3), and applies to every answer after
    which a request may be sent again. On a 429, ``X-RateLimit-Reset`` applies as well: seconds
    until the reset as a float, not a Unix time (API page "Rate limiting"). Other answers have that
    header, too, but don't ask to wait.

    Args:
        now: returns the local date, for a ``Retry-After`` that is a date without a ``Date``.
    """
    if answer.status not in (408, 425, 429) and answer.status < 500:
        return 0.0
    value = answer.headers.get("retry-after", "")
    seconds = max(number(value) or 0.0, _until(value, answer.headers.get("date", ""), now))
    if answer.status == 429:
        seconds = max(seconds, number(answer.headers.get("x-ratelimit-reset", "")) or 0.0)
    return min(seconds, LONGEST_WAIT)


def _until(text: str, date: str, now: Callable[[], datetime] | None) -> float:
    """Return the seconds from the server's ``date``, or else from ``now``, until a date."""
    then = _date(text)
    # Prefers the server's clock, because the local one may be wrong by minutes.
    since = _date(date) or (now and now()) if then else None
    return max(0.0, (then - since).total_seconds()) if then and since else 0.0


def _date(text: str) -> datetime | None:
    if not any(map(str.isalpha, text)):
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - imports sockets; a rare header

    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


_NOT_KNOWN = "the token is missing, expired or revoked"
_NOT_THERE = "it does not exist, or this token can't access it"
_MEANINGS: dict[int, tuple[type[ApiError], str]] = {
    401: (Unauthorized, _NOT_KNOWN),
    403: (NotFoundOrForbidden, _NOT_THERE),
    404: (NotFoundOrForbidden, _NOT_THERE),
}


def error_of(request: Request, answer: Response | NoResponse) -> ApiError:
    """Return the exception for a request that failed with this answer.

    The message for a 404 names both causes, because the API also answers 404 to a token without
    the permission.
    """
    if isinstance(answer, NoResponse):
        return answer
    status, errors, ident = answer.status, error_texts(answer), request_id(answer)
    what = " ".join(
        [f"{request.method} {request.path}: {status}", *filter(None, ["; ".join(errors)])]
    )
    if status == 429:
        return RateLimited(
            f"{what}: still over the rate limit after waiting",
            retry_after=retry_after(answer),
            errors=errors,
            request_id=ident,
        )
    kind, advice = _MEANINGS.get(status, (ServerBroken if status >= 500 else RequestRejected, ""))
    if 300 <= status < 400:
        advice = "is the address right?"
    text = f"{what}: {advice}" if advice else what
    return kind(text, status=status, errors=errors, request_id=ident)
