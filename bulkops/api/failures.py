"""What an answer says that isn't the one expected: errors, when to ask again, a redirect. Pure.

Known deviations of servers are accepted: an ``errors`` list of plain strings, a numeric ``status``,
HTML from a proxy, an empty body.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

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

LONGEST_WAIT = 60.0
"""Seconds; a longer ``Retry-After`` is assumed to be a mistake, such as a Unix time, and cut."""

LONGEST_QUOTED = 100_000
"""The most bytes of an error body that are read; the API's errors have a few hundred."""

_TITLE = re.compile(rb"<title>\s*([^<]{1,200})", re.IGNORECASE)
_USER = re.compile(r"^([a-z]+:)?//[^/]*@", re.IGNORECASE)


def redirect_texts(answer: Response) -> tuple[str, ...]:
    """Return ``("the server redirects to https://…",)`` for a redirect, else ``()``.

    It is not followed, because the token is for one host only.

    A single sign-on puts tokens into the query or fragment of its addresses, so neither is shown.
    """
    location = answer.headers.get("location", "")
    if not (location and 300 <= answer.status < 400):
        return ()
    shown, *secret = re.split(r"([?#])", location, maxsplit=1)
    shown = _USER.sub(r"\1//", shown)
    return (f"the server redirects to {printable(shown)}{f'{secret[0]}…' if secret else ''}",)


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
