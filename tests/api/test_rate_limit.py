"""The rate limit is read from headers, or recognized as absent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bulkops.api.rate_limit import DEFAULT_LIMIT, Window, limit_of, window_of


@pytest.mark.parametrize(
    ("header", "limit"),
    [
        *(("30", 30.0), ("2.5", 2.5), ("1000", 1000.0), ("0.2", 1.0)),
        *((text, None) for text in ("0", "0.0")),
        *((text, DEFAULT_LIMIT) for text in ("30, 30", "60, 60", "30;w=1", "", "30/s")),
        *((text, DEFAULT_LIMIT) for text in ("-3", "many", "inf", "nan", "1e999", "0, 0")),
    ],
)
def test_a_limit_that_can_not_be_read_is_the_default_limit(
    header: str, limit: float | None
) -> None:
    """Merged, extended or garbled headers mean the default limit; only 0 means no limit."""
    assert limit_of({"x-ratelimit-limit": header}) == limit


def test_an_absent_header_means_no_limit() -> None:
    """A server whose administrator disabled the limit sends no header."""
    assert limit_of({}) is None


@pytest.mark.parametrize(
    ("headers", "window"),
    [
        (
            {
                "x-ratelimit-limit": "30",
                "x-ratelimit-remaining": "7",
                "x-ratelimit-reset": "0.25",
            },
            Window(30, 7, 0.25),
        ),
        ({"x-ratelimit-limit": "30", "x-ratelimit-reset": "0.25"}, None),
        (
            {
                "x-ratelimit-limit": "30",
                "x-ratelimit-remaining": "many",
                "x-ratelimit-reset": "0",
            },
            None,
        ),
        ({}, None),
        *(
            (
                {
                    "x-ratelimit-limit": limit,
                    "x-ratelimit-remaining": remaining,
                    "x-ratelimit-reset": "0.25",
                },
                None,
            )
            for limit, remaining in (
                *(("30", "nan"), ("30", "-1e300"), ("30", "31")),
                *(("nan", "0"), ("inf", "7"), ("inf", "inf")),
            )
        ),
    ],
)
def test_headers_are_read_or_ignored(headers: Mapping[str, str], window: Window | None) -> None:
    """The three headers are read if they are consistent, and otherwise ignored."""
    assert window_of(headers) == window
