"""Whether a fleet that other processes run has ended."""

from __future__ import annotations

import pytest

from bulkops.fleet.outlook import QUIET_AFTER, is_over
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.waves import ShardProgress, State

WAVES = (("canary",), ("eu", "us"))


def over(*states: State, quiet: float = 0.0, complete: bool = True) -> bool:
    """Return whether a fleet with these states of its shards, in the order of waves, is over."""
    names = [name for wave in WAVES for name in wave]
    seen = {name: ShardProgress(state) for name, state in zip(names, states, strict=True)}
    return is_over(WAVES, seen, FleetRollout(), quiet, complete=complete)


@pytest.mark.parametrize(
    ("states", "at_once", "in_the_end"),
    [
        ((State.NOT_BEGUN,) * 3, False, False),
        ((State.RUNNING, State.NOT_BEGUN, State.NOT_BEGUN), False, False),
        ((State.DONE, State.RUNNING, State.FAILED), False, False),
        ((State.DONE, State.DONE, State.DONE), True, True),
        ((State.DONE, State.DONE, State.FAILED), True, True),
        ((State.FAILED, State.NOT_BEGUN, State.NOT_BEGUN), True, True),
        ((State.PAUSED, State.NOT_BEGUN, State.NOT_BEGUN), True, True),
        ((State.DONE, State.DONE, State.NOT_BEGUN), False, True),
        ((State.DONE, State.DONE, State.INTERRUPTED), False, True),
    ],
)
def test_what_is_expected_of_the_states(
    states: tuple[State, ...], *, at_once: bool, in_the_end: bool
) -> None:
    """What may begin or resume is waited for, but not for long."""
    assert over(*states) is at_once
    assert over(*states, quiet=QUIET_AFTER - 0.1) is at_once
    assert over(*states, quiet=QUIET_AFTER) is in_the_end


def test_a_stopped_fleet_has_ended_once_its_shards_have() -> None:
    """No other one begins, whatever its tolerance says; one that was interrupted may resume."""
    states = dict.fromkeys(("canary", "eu"), ShardProgress(State.DONE))
    assert is_over(WAVES, states, FleetRollout(), 0.0, stopped=True)
    states["eu"] = ShardProgress(State.INTERRUPTED)
    assert not is_over(WAVES, states, FleetRollout(), 0.0, stopped=True)


def test_shards_that_are_not_known_may_begin() -> None:
    """Organizations that must be found are known only once they have begun."""
    assert not over(State.DONE, State.DONE, State.DONE, complete=False)
    assert over(State.DONE, State.DONE, State.DONE, quiet=QUIET_AFTER, complete=False)
