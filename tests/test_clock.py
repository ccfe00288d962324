"""The clocks of this machine."""

from __future__ import annotations

import sys
import time

import pytest

from bulkops import clock
from bulkops.clock import Clock


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no clock of that name")
def test_the_boot_clock_counts_suspension() -> None:
    """On Linux that is a clock of its own, and it needs no event loop."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = Clock().boot()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_system_without_such_a_clock_has_its_monotonic_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which may stand still during a suspension."""
    monkeypatch.setattr(clock, "_COUNTS_SUSPENSION", None)
    before = time.monotonic()
    now = Clock().boot()
    assert before <= now <= time.monotonic()
