"""What a server's headers say of its rate limit. Pure.

``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (API page "Rate limiting"). A gateway in
between may merge or extend them: ``30, 30``, ``30;w=1``. What can't be read is not "no limit".
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import msgspec

DEFAULT_LIMIT = 30.0
"""Requests per second where the server can't be asked, or its answer can't be read."""


class Window(msgspec.Struct, frozen=True):
    """What an answer's headers tell of the server's window.

    Attributes:
        limit, remaining: requests in a window.
        reset: seconds until the window ends, or its oldest request leaves it.
    """

    limit: float
    remaining: float
    reset: float


def number(text: str) -> float | None:
    """Return the number of 0 or more that a header holds, ``None`` if it holds anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value >= 0 else None


def limit_of(headers: Mapping[str, str]) -> float | None:
    """Return the requests per second that a server allows this user.

    ``None`` if it announces no limit: the header is absent, or 0. ``DEFAULT_LIMIT`` if the header
    can't be read.
    """
    told = headers.get("x-ratelimit-limit")
    if told is None:
        return None
    limit = number(told)
    if limit is None or limit == inf:
        return DEFAULT_LIMIT
    # Less than one a second is no limit a client could work with, but a mistake.
    return max(1.0, limit) if limit else None


def window_of(headers: Mapping[str, str]) -> Window | None:
    """Return what an answer's headers (names in lower case) tell, ``None`` for nothing usable."""
    limit, remaining, reset = (
        number(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining", "reset")
    )
    if limit is None or remaining is None or reset is None:
        return None
    # What is no possible window must not stay in the mean for ever.
    return Window(limit, remaining, reset) if remaining <= limit < inf else None
