"""Whatever happens, two processes never hold the same lease at once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.journal.remote.contest import Contest

SEEDS = (2, 5, 6, 17, 19, 25, 31, 55)
"""Those of the first 60 that notice the rarer mutations of ``tests.mutations``."""


def test_at_no_moment_do_two_processes_hold_a_lease() -> None:
    """Nor does one that lost it ever hold it again; and at the end, whoever wants it gets it."""
    met: Counter[str] = Counter()
    for seed in SEEDS:
        contest = Contest(seed)
        contest.run()
        met += contest.met
    expected = {"acquired", "sent", "taken over", "cut off", "away", "frozen", "waited"}
    assert met.keys() == expected


@pytest.mark.long
def test_two_processes_never_hold_a_lease_in_many_contests() -> None:
    """The same, more often."""
    for seed in range(1000, 2500):
        Contest(seed).run()
