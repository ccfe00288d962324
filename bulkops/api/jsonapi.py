"""JSON:API documents to values and back: envelopes, paging, errors. Pure.

Shapes follow HashiCorp's OpenAPI; where servers were seen to differ (an ``errors`` list of
bare strings, a numeric ``status``, HTML from a proxy, an empty body) the reader accepts it.
Unknown members are ignored, so that a newer server does not break an older bulkops.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.messages import UNREADABLE, Request, Response
from bulkops.api.rate_limit import number
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
"""The API's longest are descriptions (300 characters) and URLs: what is longer fills a terminal."""

LONGEST_WAIT = 60.0
"""Seconds; a longer ``Retry-After`` is taken for a mistake (a Unix time, say) and cut to this."""

LONGEST_QUOTED = 100_000
"""Bytes of an error body that are looked at; the API's own have a few hundred."""

_TITLE = re.compile(rb"<title>\s*([^<]{1,200})", re.IGNORECASE)


class Identifier(msgspec.Struct, frozen=True):
    """A resource linkage: ``{"id": "task-…", "type": "tasks"}``."""

    id: Text
    type: Text = ""


class Resource(msgspec.Struct, frozen=True):
    """Base of every JSON:API resource; subclasses add attributes and relationships."""

    id: Text
    type: Text = ""


R = TypeVar("R", bound=Resource)


class ToOne(msgspec.Struct, frozen=True):
    """A relationship to at most one resource.

    Attributes:
        data: ``None`` for none; ``UNSET`` if the server links to it without showing it.
    """

    data: Identifier | UnsetType | None = UNSET

    @property
    def id(self) -> str | UnsetType | None:
        """The id of that resource; ``None`` and ``UNSET`` as in ``data``."""
        return self.data.id if isinstance(self.data, Identifier) else self.data


class ToMany(msgspec.Struct, frozen=True):
    """A relationship to a list of resources.

    Attributes:
        data: ``None`` if the server links to them without showing them: that is not "none".
    """

    data: tuple[Identifier, ...] | None = None


class Pagination(msgspec.Struct, frozen=True, rename="kebab"):
    """``meta.pagination``; lists without totals leave the last two out.

    Attributes:
        next_page: ``None`` on the last page; ``UNSET`` if the server doesn't say.
    """

    next_page: int | UnsetType | None = UNSET
    page_size: int | None = None
    total_pages: int | None = None
    total_count: int | None = None


class Meta(msgspec.Struct, frozen=True):
    """A document's ``meta``, as far as paging needs it."""

    pagination: Pagination = Pagination()


_NOTHING = msgspec.Raw(b"[]")


class One(msgspec.Struct, Generic[T], frozen=True):
    """A document with one resource; ``included`` stays undecoded, it may hold any types."""

    data: T
    included: msgspec.Raw = _NOTHING


class Many(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; ``links`` as they are: not every server has what JSON:API wants there."""

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
        ServerBroken: the body is no such document.
    """
    try:
        decoder = _decoder(cast("Hashable", shape))
        return cast("T", decoder.decode(answer.body))
    except UNREADABLE as error:
        raise ServerBroken(
            f"the server's answer ({answer.status}) can't be read: {printable(str(error))}",
            status=answer.status,
            request_id=request_id(answer),
        ) from error


def decode_included(part: msgspec.Raw, shape: type[T]) -> T:
    """Return a document's ``included``, or a part of it, as ``shape``.

    Raises:
        ServerBroken: it is no such thing.
    """
    try:
        return msgspec.json.decode(part, type=shape)
    except UNREADABLE as error:
        reason = printable(str(error))
        raise ServerBroken(f"what the server's answer includes can't be read: {reason}") from error


def encode_resource(
    kind: str,
    attributes: object,
    relationships: Mapping[str, object] | None = None,
    *,
    id: str = "",  # noqa: A002 - JSON:API's own word
) -> bytes:
    """Return ``{"data": {"type": kind, "attributes": …, "relationships": …}}`` as bytes."""
    data: dict[str, object] = {"type": kind, "attributes": attributes}
    if id:
        data["id"] = id
    if relationships:
        data["relationships"] = relationships
    return msgspec.json.encode({"data": data})


def error_texts(answer: Response) -> tuple[str, ...]:
    """Return the server's words, one string an error, whatever the shape of the body.

    ``("not found: workspace not found",)`` from JSON:API; a page's ``<title>`` from HTML;
    ``()`` where there is nothing to quote.
    """
    body = answer.body[:LONGEST_QUOTED]
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        title = _TITLE.search(body)
        # Proxies begin it with the status, which everybody who quotes it has said already.
        text = printable(title[1].decode("utf-8", "replace")) if title else ""
        text = text.removeprefix(str(answer.status)).lstrip(" :-")
        return (text,) if text else ()
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return ()
    texts = (_error_text(error) for error in errors[:10])
    return tuple(printable(text) for text in texts if text)


def _error_text(error: object) -> str:
    if not isinstance(error, dict):
        return _said(error)
    parts = [text for key in ("title", "detail") if (text := _said(error.get(key)))]
    source = error.get("source")
    if isinstance(source, dict) and (pointer := _said(source.get("pointer"))):
        parts.append(f"({pointer})")
    if len(parts) > 1 and parts[1].lower().startswith(parts[0].lower()):
        parts.pop(0)
    return ": ".join(parts[:2]) + "".join(f" {part}" for part in parts[2:])


def _said(value: object) -> str:
    # Not of a list: one that nests deeply has no text, but a RecursionError.
    return str(value) if isinstance(value, str | int | float) else ""


def request_id(answer: Response) -> str:
    """Return the answer's ``X-Request-Id``, or ``""``."""
    return printable(answer.headers.get("x-request-id", ""), 100)


def retry_after(answer: Response, now: datetime | None = None) -> float:
    """Return the seconds for which a server that did nothing asks to be left alone, else 0.

    ``Retry-After`` is seconds or a date (RFC 9110, 10.2.3), and holds on whatever may be sent
    again. On a 429 ``X-RateLimit-Reset`` holds, too: float seconds until the reset, no Unix time
    (API page "Rate limiting"). Every other answer has that header, and asks for nothing by it.

    Args:
        now: the machine's date, for an answer that has a date in ``Retry-After`` but no ``Date``.
    """
    if answer.status not in (408, 425, 429) and answer.status < 500:
        return 0.0
    asked = answer.headers.get("retry-after", "")
    seconds = max(number(asked) or 0.0, _until(asked, answer.headers.get("date", ""), now))
    if answer.status == 429:
        seconds = max(seconds, number(answer.headers.get("x-ratelimit-reset", "")) or 0.0)
    return min(seconds, LONGEST_WAIT)


def _until(text: str, date: str, now: datetime | None) -> float:
    """Return the seconds from the server's own ``date``, else from ``now``, until a date."""
    then = _date(text)
    # By the server's own clock, if it tells one: the machine's may be wrong by minutes.
    since = _date(date) or now if then else None
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
_NOT_THERE = "it does not exist, or this token may not do that"
_MEANINGS: dict[int, tuple[type[ApiError], str]] = {
    401: (Unauthorized, _NOT_KNOWN),
    403: (NotFoundOrForbidden, _NOT_THERE),
    404: (NotFoundOrForbidden, _NOT_THERE),
}


def error_of(request: Request, answer: Response | NoResponse) -> ApiError:
    """Return the exception that tells a caller what became of ``request``.

    Both causes of a 404 are said: the API gives the same answer to a token without rights.
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
        # Never followed: the token is for this host only.
        advice = (
            f"redirected to {printable(answer.headers.get('location', '?'))}: is the address right?"
        )
    text = f"{what}: {advice}" if advice else what
    return kind(text, status=status, errors=errors, request_id=ident)
