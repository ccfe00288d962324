"""``[rollout] windows``: the times at which operations may begin. Pure.

A window is read like a clock and a calendar on the wall of its time zone: it is open at every
instant at which they show one of its days, and a time from its start up to, but not including, its
end. So when the clock goes back, an hour in the window is open twice, and when it goes forward, an
hour that doesn't exist is not. A window over midnight belongs to the day on which it begins: after
midnight it is open if the day before, in the calendar, is one of its days.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from bulkops.checking import shown

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = f"({'|'.join(DAYS)})"
_SPAN = f"{_DAY}(-{_DAY})?"
_TIME = "([01]?[0-9]|2[0-3]):[0-5][0-9]"
_ZONE = r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*"

WindowText = Annotated[
    str,
    Meta(
        pattern=rf"^({_SPAN}(,{_SPAN})* )?{_TIME}-({_TIME}|24:00) {_ZONE}\Z",
        description='a window such as "Mon-Thu 08:00-16:00 Europe/Berlin": days (all if left out), '
        "times, and a time zone",
        examples=[
            "Mon-Thu 08:00-16:00 Europe/Berlin",
            "Sat,Sun 00:00-24:00 America/New_York",
            "22:00-04:00 UTC",
        ],
    ),
]
_SHAPE = 'days, times, and a time zone such as "Mon-Thu 08:00-16:00 Europe/Berlin"'
_A_ZONE = "a time zone's name such as Europe/Berlin or UTC"
_PARTS = re.compile(r"(?:(?P<days>\S+) )?(?P<start>\S+)-(?P<end>\S+) (?P<zone>\S+)")

_DAY_LONG = timedelta(days=1)
"""In this time no zone changes its clocks twice (tested)."""

ZoneNamed = Callable[[str], tzinfo]
"""Returns the time zone of a name such as ``Europe/Berlin``."""


class Window(msgspec.Struct, frozen=True):
    """A window in which operations may begin.

    Attributes:
        days: the days of the week on which it begins; Monday is 0.
        start, end: times of day; an end before the start is on the next day.
        zone_name: the name of its time zone.
    """

    days: frozenset[int]
    start: timedelta
    end: timedelta
    zone: tzinfo
    zone_name: str

    def is_open(self, at: datetime) -> bool:
        """Return whether operations may begin at an instant."""
        midnight, passed = _read(at.astimezone(self.zone))
        today = midnight.weekday() in self.days
        if self.start < self.end:
            return today and self.start <= passed < self.end
        yesterday = (midnight - _DAY_LONG).weekday() in self.days
        return (today and self.start <= passed) or (yesterday and passed < self.end)

    def next_opening(self, at: datetime) -> datetime:
        """Return the first instant at which it is open, not before ``at``; in UTC."""
        at = at.astimezone(UTC)
        while not self.is_open(at):
            # It opens at its start, unless the clock changes first, perhaps over the start.
            at = self._first_change(at, at + min(self._until_start(at), _DAY_LONG))
        return at

    def _until_start(self, at: datetime) -> timedelta:
        """Return the time to its next start, as far as the clock on the wall shows it."""
        midnight, passed = _read(at.astimezone(self.zone))
        days = (n * _DAY_LONG for n in range(8) if (midnight.weekday() + n) % 7 in self.days)
        return next(left for day in days if (left := day + self.start - passed) > timedelta())

    def _first_change(self, begin: datetime, end: datetime) -> datetime:
        """Return the first instant after ``begin`` with another offset to UTC, at most ``end``."""
        before = begin.astimezone(self.zone).utcoffset()
        if end.astimezone(self.zone).utcoffset() == before:
            return end
        # Clocks change at whole seconds.
        begin = begin.replace(microsecond=0)
        instants = range(math.ceil((end - begin).total_seconds()))
        seconds = bisect_left(
            instants,
            True,  # noqa: FBT003 - the value that is searched for
            key=lambda s: (
                (begin + timedelta(seconds=s)).astimezone(self.zone).utcoffset() != before
            ),
        )
        return begin + timedelta(seconds=seconds)


def is_open(windows: Sequence[Window], at: datetime) -> bool:
    """Return whether operations may begin at an instant: in any window, or if there are none."""
    return not windows or any(window.is_open(at) for window in windows)


class Opening(NamedTuple):
    """The next opening of several windows.

    Attributes:
        at: the instant, in UTC.
        window: the window that opens.
    """

    at: datetime
    window: Window

    @property
    def local(self) -> str:
        """``at`` in the window's time zone, RFC 3339: ``2026-11-30T08:00:00+01:00``."""
        return self.at.astimezone(self.window.zone).isoformat(timespec="seconds")


def next_opening(windows: Sequence[Window], at: datetime) -> Opening:
    """Return which window opens first, at this instant or after it, and when.

    Args:
        windows: at least one.
    """
    openings = (Opening(window.next_opening(at), window) for window in windows)
    return min(openings, key=lambda opening: opening.at)


def parse_window(text: WindowText, zone_named: ZoneNamed) -> Window:
    """Return the window that a text describes, which fits its pattern.

    Raises:
        ValueError: it is none (see ``why_no_window``).
        Exception: that of ``zone_named``.
    """
    parts = _PARTS.fullmatch(text)
    problem = why_no_window(text)
    if parts is None or problem:
        raise ValueError(f"{shown(text)}: {problem}")
    start, end = _time_of_day(parts["start"]), _time_of_day(parts["end"])
    days = frozenset(_days(parts["days"] or "Mon-Sun"))
    return Window(days, start, end, zone_named(parts["zone"]), parts["zone"])


def why_no_window(text: str) -> str:
    """Return which part of a text keeps it from being a window; its time zone is not looked up.

    Empty if it is a window.
    """
    words = text.split()
    spans = [number for number, word in enumerate(words) if re.match(r"\d.*-", word)]
    if len(spans) != 1:
        return f"not {_SHAPE}"
    days, (times, *zone) = words[: spans[0]], words[spans[0] :]
    if not zone and not (days and "/" in days[0]):
        return f"the time zone is missing: give one such as Europe/Berlin or UTC after {times}"
    if len(days) > 1:
        return "write its days without spaces: Mon-Thu, or Mon,Wed"
    if len(zone) > 1 and not any(re.match(_DAY, word) for word in zone):
        return f"{shown(' '.join(zone))} is not {_A_ZONE}: a time zone is one word"
    if len(zone) != 1:
        return f"its parts are in another order than in {_SHAPE}"
    return (
        next(filter(None, map(_why_no_days, days)), "")
        or _why_no_times(times)
        or ("" if re.fullmatch(_ZONE, zone[0]) else f"{shown(zone[0])} is not {_A_ZONE}")
        or ("" if text == " ".join(words) else "put one space between its parts, and none around")
    )


def _why_no_days(text: str) -> str:
    for span in text.split(","):
        for day in span.split("-", 1):
            if day not in DAYS:
                return f"{shown(day)} is not a day: {', '.join(DAYS)}; Mon-Thu, or Mon,Wed"
    return ""


def _why_no_times(text: str) -> str:
    start, _, end = text.partition("-")
    if not re.fullmatch(_TIME, start):
        return f"{shown(start)} is not a time to begin at: 00:00 to 23:59"
    if not re.fullmatch(f"{_TIME}|24:00", end):
        return f"{shown(end)} is not a time to end at: 00:00 to 24:00"
    if _time_of_day(start) == _time_of_day(end):
        return f"{text} begins and ends at the same time: for whole days, write 00:00-24:00"
    return ""


def _days(text: str) -> Iterator[int]:
    for span in text.split(","):
        first, _, last = span.partition("-")
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % 7 if last else 0
        yield from ((begin + n) % 7 for n in range(length + 1))


def _time_of_day(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _read(local: datetime) -> tuple[datetime, timedelta]:
    """Return what calendar and clock show: the day, from midnight, and the time of day."""
    shown = local.replace(tzinfo=None)
    midnight = datetime.combine(shown.date(), time())
    return midnight, shown - midnight
