"""Durations as a job file writes them: ``"500ms"``, ``"10s"``, ``"5m"``, ``"1h"``. Pure."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

Duration = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,6}(ms|s|m|h)\Z",
        description='a duration such as "500ms", "10s", "5m" or "1h"',
    ),
]
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def in_seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    number = duration.rstrip("hms")
    return int(number) * _MILLISECONDS[duration.removeprefix(number)] / 1_000


def in_words(seconds: float) -> str:
    """Return a length of time as people say it: ``6 s``, ``12 min``, ``1 h 5 min``."""
    whole = math.ceil(seconds)
    if whole < 2 * 60:
        return f"{whole} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 2 * 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
