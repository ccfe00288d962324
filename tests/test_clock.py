"""The clocks of this machine."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops import clock
from bulkops.clock import Clock


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no clock of that name")
def test_the_boot_clock_counts_suspension(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux that is a clock of its own, and it needs no event loop."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = Clock().boot()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)
    # A machine that was never suspended has the same time on its other clock.
    monkeypatch.setattr(time, "clock_gettime", float)
    assert Clock().boot() == time.CLOCK_BOOTTIME != time.CLOCK_MONOTONIC


def test_a_system_without_such_a_clock_has_its_monotonic_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which may stand still during a suspension."""
    monkeypatch.setattr(clock, "_COUNTS_SUSPENSION", None)
    before = time.monotonic()
    now = Clock().boot()
    assert before <= now <= time.monotonic()


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)), st.floats(0, 1e6))  # noqa: DTZ001 - UTC is added below
def test_a_date_is_in_rfc_3339_with_milliseconds(then: datetime, later: float) -> None:
    """The rest is cut; whole seconds have milliseconds too."""
    wall = then.replace(tzinfo=UTC)

    class Stopped(Clock):
        def wall(self) -> datetime:
            return wall

    expected = (wall + timedelta(seconds=later)).isoformat(timespec="milliseconds")
    assert Stopped().date(later) == expected.replace("+00:00", "Z")
    wall = wall.replace(microsecond=0)
    assert Stopped().date().endswith(".000Z")
