"""Windows: what they say, when they are open, and when they open next, whatever clocks do."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.job.windows.window import DAYS, Window, WindowText, parse_window, why_no_window

PATTERN = str(WindowText.__metadata__[0].pattern)  # type: ignore[attr-defined]  # of Annotated
ZONES = sorted(available_timezones())
FIRST, LAST = datetime(2005, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONGEST = 15 * DAY
"""In this time every window opens, even if its zone skips the day or its hours."""


def window(text: str) -> Window:
    """Return a window, with its zone."""
    return parse_window(text, ZoneInfo)


@cache
def changes(zone: str) -> list[datetime]:
    """Return the instants at which a zone changes its clocks."""
    clock = ZoneInfo(zone)
    weeks = [FIRST + n * 7 * DAY for n in range((LAST - FIRST) // (7 * DAY))]
    return [
        _first_other(clock, week)
        for week in weeks
        if _offset(clock, week) != _offset(clock, week + 7 * DAY)
    ]


def _first_other(clock: tzinfo, week: datetime) -> datetime:
    """Return the first second of a week that has another offset than its beginning."""
    low, high = week, week + 7 * DAY
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
        low, high = (
            (middle, high) if _offset(clock, middle) == _offset(clock, week) else (low, middle)
        )
    return high


def _offset(clock: tzinfo, at: datetime) -> timedelta | None:
    return at.astimezone(clock).utcoffset()


def by_hand(text: str, at: datetime) -> bool:
    """Return whether a window is open, read from its text and from the wall, without the engine."""
    days, _, rest = text.rpartition(" ")[0].rpartition(" ")
    zone = text.rpartition(" ")[2]
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    start, end = (int(hm[:-3]) * 60 + int(hm[-2:]) for hm in rest.split("-"))
    minute = local.hour * 60 + local.minute
    begun = local
    if end <= start and minute < end:
        begun, minute = local - DAY, minute + 24 * 60
    end += 24 * 60 if end <= start else 0
    week = [*DAYS, *DAYS]
    allowed = {
        day
        for span in (days or "Mon-Sun").split(",")
        for first, last in [(span[:3], span[-3:])]
        for day in week[week.index(first) : week.index(last, week.index(first)) + 1]
    }
    return DAYS[begun.weekday()] in allowed and start <= minute < end


@st.composite
def texts(draw: st.DrawFn, zone: str) -> str:
    """Draw a window of a zone; its times are often near those at which clocks change."""
    times = st.one_of(st.integers(0, 4 * 60), st.integers(0, 24 * 60 - 1))
    start = draw(times)
    end = draw(st.one_of(times, st.just(24 * 60)).filter(lambda end: end != start))
    spans = st.lists(
        st.builds("-".join, st.lists(st.sampled_from(DAYS), min_size=1, max_size=2)), max_size=3
    )
    days = ",".join(draw(spans))
    clock = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    return f"{days}{' ' * bool(days)}{clock} {zone}"


ABOUT_A_CHANGE = st.sampled_from(ZONES).flatmap(
    lambda zone: st.tuples(
        texts(zone),
        st.sampled_from(changes(zone) or [datetime(2026, 11, 24, tzinfo=UTC)]),
        st.integers(-3 * 24 * 60, 3 * 24 * 60),
    )
)


@given(ABOUT_A_CHANGE)
def test_a_window_is_open_as_clock_and_calendar_on_the_wall_show(
    drawn: tuple[str, datetime, int],
) -> None:
    """About every change of clocks, each minute of six hours agrees with its local reading."""
    text, change, minutes = drawn
    one = window(text)
    for at in (change + (minutes + n) * MINUTE for n in (*range(0, 360, 7), *range(-3, 3))):
        assert one.is_open(at) == by_hand(text, at), at


@given(ABOUT_A_CHANGE)
def test_the_next_opening_is_the_first_minute_at_which_it_is_open(
    drawn: tuple[str, datetime, int],
) -> None:
    """It is open then, and at no minute before; this minute itself counts."""
    text, change, minutes = drawn
    one, at = window(text), change + minutes * MINUTE
    opening = one.next_opening(at)
    assert by_hand(text, opening)
    assert at <= opening < at + LONGEST
    minutes_before = math.ceil((opening - at) / MINUTE)
    for n in {*range(0, minutes_before, 97), *range(max(0, minutes_before - 90), minutes_before)}:
        assert not by_hand(text, at + n * MINUTE), n


@pytest.mark.parametrize(
    ("zone", "text", "at", "opens"),
    [
        # The last Sunday of March: 02:00 to 03:00 doesn't exist.
        ("Europe/Berlin", "Sun 02:30-05:00", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "Sun 02:00-03:00", "2026-03-29T00:00Z", "2026-04-05T00:00Z"),
        # The last Sunday of October: 02:00 to 03:00 is there twice.
        ("Europe/Berlin", "Sun 02:00-02:30", "2026-10-25T00:30Z", "2026-10-25T01:00Z"),
        ("Europe/Berlin", "Sun 01:30-02:30", "2026-10-25T00:30Z", "2026-10-25T01:00Z"),
        # Half an hour forward at 02:00 in October, and back in April.
        ("Australia/Lord_Howe", "Sun 02:15-04:00", "2026-10-03T15:00Z", "2026-10-03T15:30Z"),
        ("Australia/Lord_Howe", "Sun 01:45-02:00", "2026-04-04T15:00Z", "2026-04-04T15:15Z"),
        # Samoa had no 30 December 2011, a Friday.
        ("Pacific/Apia", "Fri 08:00-16:00", "2011-12-29T20:00Z", "2012-01-05T18:00Z"),
        ("Pacific/Apia", "Sat 00:00-24:00", "2011-12-30T09:59Z", "2011-12-30T10:00Z"),
        ("UTC", "Mon-Thu 08:00-16:00", "2026-11-26T16:00Z", "2026-11-30T08:00Z"),
        ("UTC", "Mon-Thu 08:00-16:00", "2026-11-26T15:59Z", "2026-11-26T15:59Z"),
    ],
)
def test_clocks_that_change_and_days_that_are_missing(
    zone: str, text: str, at: str, opens: str
) -> None:
    """Openings worked out by hand."""
    opening = window(f"{text} {zone}").next_opening(datetime.fromisoformat(at))
    assert opening == datetime.fromisoformat(opens)


@pytest.mark.long
def test_no_zone_changes_its_clocks_twice_a_day() -> None:
    """The search for an opening looks for one change a day."""
    begin, step = datetime(2026, 1, 1, tzinfo=UTC), 8 * HOUR
    for zone in ZONES:
        clock = ZoneInfo(zone)
        offsets = (_offset(clock, begin + n * step) for n in range((LAST - begin) // step))
        inner = [len(list(same)) for _, same in groupby(offsets)][1:-1]
        assert all(length > DAY / step for length in inner), zone


def test_every_change_of_clocks_is_tried() -> None:
    """The changes that the tests above draw from are those that are known."""
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) in changes("Europe/Berlin")
    assert datetime(2011, 12, 30, 10, tzinfo=UTC) in changes("Pacific/Apia")
    assert datetime(2026, 4, 4, 15, tzinfo=UTC) in changes("Australia/Lord_Howe")


SHAPE = 'not days, times, and a time zone such as "Mon-Thu 08:00-16:00 Europe/Berlin"'
ORDER = SHAPE.replace("not", "its parts are in another order than in")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", SHAPE),
        ("tomorrow", SHAPE),
        ("Mon 08:00-12:00 13:00-16:00 UTC", SHAPE),
        ("Mon Tue 08:00-16:00 UTC", "write its days without spaces: Mon-Thu, or Mon,Wed"),
        ("Mon, Tue 08:00-16:00 UTC", "write its days without spaces"),
        ("Mon-Fri 08:00-16:00", "the time zone is missing: give one such as Europe/Berlin or UTC"),
        ("8-16", "the time zone is missing: give one such as Europe/Berlin or UTC after 8-16"),
        ("Europe/Berlin 08:00-16:00", ORDER),
        (
            "08:00-16:00 Central European Time",
            '"Central European Time" is not a time zone\'s name such as Europe/Berlin or UTC: '
            "a time zone is one word",
        ),
        ("Mon-Fri 08:00-16:00 Europe / Berlin", '"Europe / Berlin" is not a time zone\'s name'),
        ("08:00-16:00 Mon UTC", ORDER),
        ("08:00-16:00 UTC Mon-Fri", ORDER),
        ("Mo-Fr 08:00-16:00 UTC", '"Mo" is not a day: Mon, Tue, Wed, Thu, Fri, Sat, Sun; Mon-Thu'),
        ("Mon-Friday 08:00-16:00 UTC", '"Friday" is not a day: Mon, Tue'),
        ("mon 08:00-16:00 UTC", '"mon" is not a day'),
        ("Mon, 08:00-16:00 UTC", '"" is not a day'),
        ("Mon-Tue-Wed 08:00-16:00 UTC", '"Tue-Wed" is not a day'),
        ("8-16 UTC", '"8" is not a time to begin at: 00:00 to 23:59'),
        ("24:00-08:00 UTC", '"24:00" is not a time to begin at: 00:00 to 23:59'),
        ("08:00-25:00 UTC", '"25:00" is not a time to end at: 00:00 to 24:00'),
        ("08:00-16:60 UTC", '"16:60" is not a time to end at'),
        ("08:00-4pm UTC", '"4pm" is not a time to end at'),
        ("08:00-08:00 UTC", "08:00-08:00 begins and ends at the same time: for whole days, write"),
        ("08:00-16:00 ../etc", '"../etc" is not a time zone\'s name such as Europe/Berlin or UTC'),
        ("08:00-16:00 +02:00", '"+02:00" is not a time zone\'s name such as'),
        ("Mon  08:00-16:00 UTC", "put one space between its parts, and none around"),
        (" 08:00-16:00 UTC", "put one space between its parts, and none around"),
    ],
)
def test_what_is_no_window_is_told_by_its_part(text: str, problem: str) -> None:
    """The message names the part that is wrong and what is allowed, whoever passes the text."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_window(text, ZoneInfo)


@given(
    st.one_of(
        st.text(alphabet="MonTue08:16-,/ UTC+2Z"),
        st.from_regex(PATTERN).map(lambda text: text.rstrip("\n")),
        st.tuples(st.from_regex(PATTERN), st.integers(0, 30), st.sampled_from(" -:,a8")).map(
            lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]
        ),
    )
)
def test_the_words_agree_with_the_pattern(text: str) -> None:
    """The schema refuses the same texts, and may accept one that ends when it begins."""
    problem = why_no_window(text)
    if "at the same time" not in problem:
        assert (problem == "") == bool(re.search(PATTERN, text))
