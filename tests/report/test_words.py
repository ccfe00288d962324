"""The words for the state of a wave, and for notifications."""

from __future__ import annotations

import pytest

from bulkops.journal.records import Notified
from bulkops.journal.states import Held, Reached
from bulkops.report.current_wave import CurrentWave
from bulkops.report.words import notifications_in_words, state_of
from tests.report.samples import at


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
            CurrentWave(1, 2, 1, 1, Reached.PAUSE_OVER, Held.FAIL, status=1),
            "was stopped by its gate (exit status 1)",
        ),
    ],
)
def test_the_state_of_a_wave(wave: CurrentWave, words: str) -> None:
    """It says what the wave has reached, or why it is paused or stopped."""
    assert state_of(wave) == words


def test_what_was_delivered_is_one_line_and_each_failure_another() -> None:
    """With its receiver, the reason and the number of attempts; heartbeats have their own words."""
    notified = [
        Notified("started", "WEBHOOK", at(1)),
        Notified("started", "URLS", at(2)),
        Notified("finished", "WEBHOOK", at(3)),
        Notified("finished", "URLS", at(4), 2, "answered 500"),
        Notified("heartbeat", "BEAT", at(5), 9, "2 of 9 not delivered, the last time: gone"),
        Notified("finished", "HOOK", at(6), 0, "HOOK is not set"),
        Notified("heartbeat", "BEAT", at(7), 0, "BEAT is not set"),
    ]
    assert [*notifications_in_words(notified)] == [
        "notified: started, finished",
        "not notified: finished to URLS: answered 500 (2 attempts)",
        "heartbeats to BEAT: 2 of 9 not delivered, the last time: gone",
        "not notified: finished to HOOK: HOOK is not set (nothing was sent)",
        "no heartbeats to BEAT: BEAT is not set",
    ]
    assert [*notifications_in_words([])] == []
