"""Durations, as job files write them and as people read them. Pure."""

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
_UNITS = (("d", "h", 86_400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1))
"""A unit, the next smaller one, and the seconds in each."""


def in_seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    number = duration.rstrip("hms")
    return int(number) * _MILLISECONDS[duration.removeprefix(number)] / 1_000


def in_words(seconds: float) -> str:
    """Return an estimated duration: ``6 s``, ``12 min``, ``1 h 5 min``."""
    whole = math.ceil(seconds)
    if whole < 2 * 60:
        return f"{whole} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 2 * 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def exact(seconds: float) -> str:
    """Return a measured duration: ``250 ms``, ``8.2 s``, ``14 h 5 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    unit, smaller, of, size = next(row for row in _UNITS if whole >= row[2])
    rest = whole % of // size
    return f"{whole // of:,} {unit}{f' {rest} {smaller}' if rest else ''}"


def rounded(seconds: float) -> str:
    """Return a duration in one unit, for a chart: ``35 s``, ``14 h``, ``2 d``."""
    whole = round(seconds)
    unit, of = next(((unit, of) for unit, _, of, _ in _UNITS if whole >= of), ("s", 1))
    return f"{round(whole / of):,} {unit}"
