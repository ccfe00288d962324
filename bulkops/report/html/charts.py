"""Numbers for charts: percentiles, ticks, buckets and a time axis. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import ceil, floor, log10
from typing import NamedTuple

DAY = 86_400.0
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_LONGER_STEPS = (7200, 10_800, 21_600, 43_200, DAY)
_E24 = (
    *(1.0, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0),
    *(3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1),
)
_SERIES = (_E24, _E24[::2], _E24[::4], _E24[::8])

MOST_BREAKS = 20
LEAST_BREAK = 30.0
"""Seconds; shorter idle times are drawn to scale."""
BREAK_SHARE = 0.15
"""Idle times below this share of the busy time are drawn to scale, too."""
BREAK_WIDTH = 19
"""A break is this fraction of the axis: one in 19, or less if there are many."""


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return a percentile (nearest rank) of ascending values; at least one."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def nice_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … (and 0.5, 0.2, …) that is at least this."""
    scale = 10.0 ** floor(log10(least))
    return next(step * scale for step in (1, 2, 5, 10, 20) if step * scale >= least)


def ticks(top: float, most: int = 5) -> list[float]:
    """Return 0 and about ``most`` nice steps, the last one at least ``top``.

    >>> ticks(28.7)
    [0.0, 10.0, 20.0, 30.0]
    """
    top = max(top, 1e-9) if top else 1.0
    step = nice_step(top / most)
    return [step * number for number in range(ceil(top / step) + 1)]


def time_step(least: float) -> float:
    """Return the smallest round number of seconds, minutes, hours or days that is at least this."""
    steps = (*_TIME_STEPS, *_LONGER_STEPS)
    return next((step for step in steps if step >= least), None) or DAY * nice_step(least / DAY)


def shares(counts: Sequence[int], width: float, least: float) -> list[tuple[float, float]]:
    """Return the start and the width of each count's part of a bar.

    Args:
        width: width of the whole bar.
        least: approximate least width of a part that is not 0.
    """
    total = sum(counts)
    desired = [max(least, width * count / total) if count else 0.0 for count in counts]
    scale = width / sum(desired) if total else 0.0
    ends = [*accumulate(part * scale for part in desired)]
    return [(end - part * scale, part * scale) for end, part in zip(ends, desired, strict=True)]


class Piece(NamedTuple):
    """A stretch of time drawn to scale: ``start`` to ``end`` (seconds) at ``left`` to ``right``."""

    start: float
    end: float
    left: float
    right: float


class Break(NamedTuple):
    """An idle time, drawn shorter than it was.

    Attributes:
        seconds: its real duration.
    """

    left: float
    right: float
    seconds: float


def stretches(moments: Iterable[float]) -> list[tuple[float, float]]:
    """Return start and end of each busy stretch; the times in between become breaks.

    Args:
        moments: times of events in seconds, in any order; at least one.
    """
    ordered = sorted(moments)
    idle = [(late - early, late) for early, late in pairwise(ordered) if late - early > LEAST_BREAK]
    longest = sorted(idle)[-MOST_BREAKS:]
    busy = ordered[-1] - ordered[0] - sum(seconds for seconds, _ in longest)
    cuts = sorted((until, seconds) for seconds, until in longest if seconds > BREAK_SHARE * busy)
    starts = [ordered[0], *(until for until, _ in cuts)]
    ends = [*(until - seconds for until, seconds in cuts), ordered[-1]]
    return list(zip(starts, ends, strict=True))


class TimeAxis:
    """A time axis on which long idle times are short breaks.

    Args:
        moments: times of events in seconds, in any order; at least one.
        left, right: ends of the axis.
        least: buckets that the axis has room for; fewer leave the rest of it empty.
        most: approximate maximum of buckets.

    Attributes:
        bucket: duration of a bucket in seconds.
        step: width of a bucket on the axis.
        pieces: stretches drawn to scale; each is a whole number of buckets.
        breaks: idle times between the pieces.
    """

    def __init__(
        self,
        moments: Iterable[float],
        left: float,
        right: float,
        *,
        least: int = 12,
        most: int = 120,
    ) -> None:
        busy = stretches(moments)
        self.bucket = time_step(sum(end - start for start, end in busy) / most)
        counts = [floor((end - start) / self.bucket) + 1 for start, end in busy]
        breaks = len(busy) - 1
        gap = (right - left) / max(BREAK_WIDTH, 2 * breaks)
        self.step = (right - left - gap * breaks) / max(least, sum(counts))
        self.pieces = list[Piece]()
        for (start, _), count in zip(busy, counts, strict=True):
            end = left + count * self.step
            self.pieces.append(Piece(start, start + count * self.bucket, left, end))
            left = end + gap
        self.breaks = [
            Break(one.right, other.left, start - end)
            for (one, other), ((_, end), (start, _)) in zip(
                pairwise(self.pieces), pairwise(busy), strict=True
            )
        ]
        self._starts = [piece.start for piece in self.pieces]
        # Number of each piece's first bucket.
        self._firsts = [sum(counts[:index]) for index in range(len(counts))]
        self._buckets = sum(counts)

    def x(self, moment: float) -> float:
        """Return a moment's place; outside all pieces, the nearest end of one."""
        piece = self.pieces[max(0, bisect_right(self._starts, moment) - 1)]
        share = (moment - piece.start) / (piece.end - piece.start)
        return piece.left + (piece.right - piece.left) * min(1.0, max(0.0, share))

    def bucket_of(self, moment: float) -> int:
        """Return the number of a moment's bucket, counted over all pieces."""
        index = max(0, bisect_right(self._starts, moment) - 1)
        number = self._firsts[index] + floor((moment - self._starts[index]) / self.bucket)
        # Rounding may put the last moment of a piece just behind its end.
        last = self._firsts[index + 1] if index + 1 < len(self._firsts) else self._buckets
        return min(max(number, self._firsts[index]), last - 1)

    def counts(self, moments: Iterable[float]) -> list[int]:
        """Return the number of moments in each bucket."""
        counts = [0] * self._buckets
        for moment in moments:
            counts[self.bucket_of(moment)] += 1
        return counts

    def bucket_starts(self) -> list[tuple[float, float]]:
        """Return the start of each bucket: its moment and its place on the axis."""
        return [
            (piece.start + number * self.bucket, piece.left + number * self.step)
            for piece in self.pieces
            for number in range(round((piece.right - piece.left) / self.step))
        ]

    def labels(self, apart: float) -> list[tuple[float, float]]:
        """Return round moments and their places, at least ``apart`` from each other."""
        step = time_step(apart / self.step * self.bucket)
        found = list[tuple[float, float]]()
        for piece in self.pieces:
            first = ceil(piece.start / step)
            moments = [number * step for number in range(first, floor(piece.end / step) + 1)]
            for moment in moments or [piece.start]:
                place = self.x(moment)
                if not found or place - found[-1][1] >= apart:
                    found.append((moment, place))
        return found


class Bin(NamedTuple):
    """A bin: the ``number`` of values that are at least ``low`` and less than ``high``."""

    low: int
    high: int
    number: int


def histogram(ordered: Sequence[int], most: int = 40) -> list[Bin]:
    """Return a histogram of ascending values whose bins grow by an E series of IEC 60063.

    It uses the finest of E24, E12, E6 and E3 with less than ``most`` bins, and includes the empty
    bins between the smallest and the largest value.

    Args:
        ordered: from 0 to 10**12; at least one.
    """
    scales = (_edges(steps, ordered[0], ordered[-1]) for steps in _SERIES)
    edges = next(one for one in scales if len(one) <= most)
    counts = [0] * len(edges)
    for value in ordered:
        counts[bisect_right(edges, value) - 1] += 1
    bins = zip(edges, edges[1:], counts, strict=False)
    return [Bin(low, high, number) for low, high, number in bins]


def _edges(steps: Sequence[float], lowest: int, highest: int) -> list[int]:
    """Return the edges (0 and whole numbers of a series) that enclose these two."""
    edges, decade = [0], 0
    while edges[-1] <= highest:
        found = (round(step * 10**decade) for step in steps)
        edges.extend(sorted({edge for edge in found if edge > edges[-1]}))
        decade += 1
    return edges[bisect_right(edges, lowest) - 1 : bisect_right(edges, highest) + 1]
