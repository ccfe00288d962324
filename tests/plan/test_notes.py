"""A plan notes where ``strict``, not the rate limit, sets the pace."""

from __future__ import annotations

import pytest

from bulkops.job.rollout import Rollout, SizedWave
from bulkops.plan.notes import strict_notes

NOTED = {
    # most in flight, requests per second, latency in seconds: the note
    (256, 30.0, 0.12): "at most 3 in flight; with the measured latency of 120 ms this, not the "
    "limit of 30 per second, sets the pace: about 25 per second",
    (256, 30.0, 0.1): "",
    (256, 30.0, 0.0): "",
    (3, 30.0, 1.0): "",
    (4, 30.0, 1.0): "not the usual 4 in flight, sets the pace: about 3 per second",
    (32, None, 0.001): "not the usual 32 in flight, sets the pace: about 3e+03 per second",
}


@pytest.mark.parametrize(("pace", "text"), NOTED.items())
def test_a_plan_notes_that_strict_sets_the_pace(
    pace: tuple[int, float | None, float], text: str
) -> None:
    """If fewer operations may be in flight than rate times latency; otherwise no note."""
    most, rate, latency = pace
    asked = Rollout(max_failures=2, strict=True)
    notes = strict_notes(asked, 500, most=most, rate=rate, latency=latency)
    assert len(notes) == bool(text)
    assert not text or text in notes[0]
    plain = Rollout(max_failures=2)
    assert strict_notes(plain, 500, most=most, rate=rate, latency=latency) == []


def test_the_note_on_strict_names_the_waves() -> None:
    """A wave's own tolerance counts; a wave of one operation isn't slowed down."""
    waves = ("1", SizedWave("10%", 0), SizedWave("20%", 0), SizedWave("50%", 1))
    asked = Rollout(waves=waves, strict=True)
    notes = strict_notes(asked, 500, most=256, rate=30.0, latency=0.2)
    assert [note.partition(";")[0] for note in notes] == [
        "strict in wave 2 and 3: at most 1 in flight",
        "strict in wave 4: at most 2 in flight",
    ]
