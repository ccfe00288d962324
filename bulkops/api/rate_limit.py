"""Reads a server's rate limit from its headers. Pure.

The headers are ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (API page "Rate limiting"). A
gateway may merge or extend them: ``30, 30``, ``30;w=1``. An unreadable value doesn't mean that
there is no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import msgspec

DEFAULT_LIMIT = 30.0
"""The limit in requests per second if the server's is unavailable or unreadable."""


class Window(msgspec.Struct, frozen=True):
    """The state of the server's window, from an answer's headers.

    Attributes:
        limit: the requests allowed per window.
        remaining: the requests left in this window.
        reset: seconds until the window ends, or until its oldest request leaves it.
    """

    limit: float
    remaining: float
    reset: float


def number(text: str) -> float | None:
    """Return a header's value as a number of at least 0, ``None`` if it isn't one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value >= 0 else None


def limit_of(headers: Mapping[str, str]) -> float | None:
    """Return the requests per second that a server allows this user.

    ``None`` if the server announces no limit: the header is absent or 0. ``DEFAULT_LIMIT`` if the
    header can't be read.
    """
    value = headers.get("x-ratelimit-limit")
    if value is None:
        return None
    limit = number(value)
    if limit is None or limit == inf:
        return DEFAULT_LIMIT
    # Less than one per second must be a mistake: no client could work with it.
    return max(1.0, limit) if limit else None


def window_of(headers: Mapping[str, str]) -> Window | None:
    """Return the window from an answer's headers (lower-case names), ``None`` if unusable."""
    limit = number(headers.get("x-ratelimit-limit", ""))
    if limit is None:
        return None
    remaining = number(headers.get("x-ratelimit-remaining", ""))
    reset = number(headers.get("x-ratelimit-reset", ""))
    if remaining is None or reset is None:
        return None
    # An impossible window would distort the running mean forever.
    return Window(limit, remaining, reset) if remaining <= limit < inf else None
