"""The next step of a wave and the verdict of a gate, for every state."""

from __future__ import annotations

import re

import pytest

from bulkops.job.rollout import Rollout
from bulkops.journal.states import Held, Reached
from bulkops.runner import wave_steps
from bulkops.runner.wave_steps import Next, following, judged

STATES = {
    # reached, pause, gate, ``held``: next step, and next step with --continue
    (Reached.OPEN, None, None, ""): (Next.CARRY_OUT, Next.CARRY_OUT),
    (Reached.VERIFIED, None, None, ""): (Next.PASS, Next.PASS),
    (Reached.VERIFIED, None, "check", ""): (Next.GATE, Next.GATE),
    (Reached.VERIFIED, "5m", "check", ""): (Next.PAUSE, Next.PAUSE),
    (Reached.VERIFIED, "manual", "check", ""): (Next.WAIT, Next.PAUSE),
    (Reached.VERIFIED, "manual", None, Held.MANUAL): (Next.WAIT, Next.PAUSE),
    (Reached.PAUSE_OVER, "manual", None, ""): (Next.PASS, Next.PASS),
    (Reached.PAUSE_OVER, "manual", "check", ""): (Next.GATE, Next.GATE),
    (Reached.PAUSE_OVER, None, "check", Held.FAIL): (Next.GATE, Next.GATE),
    (Reached.PAUSE_OVER, None, "check", Held.INCONCLUSIVE): (Next.GATE, Next.PASS),
    (Reached.PASSED, "manual", "check", ""): (Next.GO_ON, Next.GO_ON),
}


@pytest.mark.parametrize(("state", "expected"), STATES.items())
def test_the_next_step_of_each_state(
    state: tuple[Reached, str | None, str | None, str], expected: tuple[Next, Next]
) -> None:
    """The table in the module's docstring; ``--continue`` changes two of its rows."""
    reached, pause, gate, held = state
    for continue_paused, then in zip((False, True), expected, strict=True):
        asked = Rollout(pause=pause, gate=gate)
        assert following(asked, reached, held, last=False, continue_paused=continue_paused) is then


@pytest.mark.parametrize("pause", [None, "5m", "manual"])
def test_there_is_no_pause_after_the_last_wave(pause: str | None) -> None:
    """A pause is between two waves; a gate runs after each of them."""
    for gate, then in ((None, Next.PASS), ("check", Next.GATE)):
        asked = Rollout(pause=pause, gate=gate)
        assert following(asked, Reached.VERIFIED, "", last=True, continue_paused=False) is then


@pytest.mark.parametrize(
    ("status", "held"),
    [
        *((0, None), (1, "fail"), (2, "inconclusive"), (127, "inconclusive")),
        *((-9, "inconclusive"), (None, "inconclusive")),
    ],
)
def test_the_verdict_of_each_exit_status(status: int | None, held: str | None) -> None:
    """Only 0 passes; a gate that can't run or was killed is inconclusive."""
    assert judged(status) == held


def test_the_tables_in_the_docstring_name_every_state() -> None:
    """A new state needs a new row."""
    text = wave_steps.__doc__ or ""
    rows = set(re.findall(r"^\| (open|verified|pause over|passed) +\|", text, re.MULTILINE))
    assert rows == {state.name.lower().replace("_", " ") for state in Reached}
