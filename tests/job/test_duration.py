"""Durations as people read them."""

from __future__ import annotations

import pytest

from bulkops.job.duration import exact, in_words, rounded


@pytest.mark.parametrize(
    ("seconds", "words", "short"),
    [
        (0, "0 ms", "0 s"),
        (0.0432, "43 ms", "0 s"),
        (0.9996, "1 s", "1 s"),
        (8.24, "8.2 s", "8 s"),
        (98, "1 min 38 s", "2 min"),
        (59.97, "1 min", "1 min"),
        (200, "3 min 20 s", "3 min"),
        (50_700, "14 h 5 min", "14 h"),
        (183_600, "2 d 3 h", "2 d"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str, short: str) -> None:
    """A measured duration has at most two units; the short form has one."""
    assert exact(seconds) == words
    assert rounded(seconds) == short


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (119.2, "2 min"),
        (119, "119 s"),
        (121, "3 min"),
        (3600, "60 min"),
        (7201, "2 h 1 min"),
    ],
)
def test_an_estimate_is_rounded_up(seconds: float, words: str) -> None:
    """An estimated duration is never shorter than the estimate."""
    assert in_words(seconds) == words
