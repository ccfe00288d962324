"""How many failures are still tolerated while operations are in progress."""

from __future__ import annotations

from bulkops.job.rollout import Rollout, SizedWave
from bulkops.plan.tolerance import Margin
from tests.cli.output.test_progress import FAILED, Journaled


def test_a_failure_outside_a_wave_leaves_the_waves_own_tolerance() -> None:
    """It counts in the whole job's tolerance only."""
    rollout = Rollout(waves=(SizedWave("2", 0),), max_failures=3)
    journaled = Journaled(4, rollout)
    wave = rollout.steps(4)[0]
    other = journaled.replay.operations["attach:ws-3"]
    margin = Margin(journaled.replay, rollout, wave, [other])
    journaled.done(3, outcome=FAILED)
    margin.take_failure("attach:ws-3")
    assert margin.left == 0
    journaled.done(0, outcome=FAILED)
    margin.take_failure("attach:ws-0")
    assert margin.left == -1
