"""The words for the state of a wave."""

from __future__ import annotations

import pytest

from bulkops.journal.states import Held, Reached
from bulkops.report.current_wave import CurrentWave
from bulkops.report.words import state_of


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        (
            CurrentWave(1, 2, 1, 1, Reached.VERIFIED, until="2026-11-24T21:58:03.5Z"),
            "pauses until 2026-11-24 21:58:03 UTC",
        ),
        (CurrentWave(1, 2, 1, 1, Reached.VERIFIED), "is verified"),
        (CurrentWave(1, 2, 1, 1, Reached.PASSED), "passed"),
        (
            CurrentWave(1, 2, 1, 1, Reached.RESTED, Held.FAIL, status=1),
            "was stopped by its gate (exit status 1)",
        ),
    ],
)
def test_the_state_of_a_wave(wave: CurrentWave, words: str) -> None:
    """It says what the wave has reached, or why it is paused or stopped."""
    assert state_of(wave) == words
