"""Whatever happens, two processes never hold the same lease at once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.journal.remote.contest import Contest


def test_at_no_moment_do_two_processes_hold_a_lease() -> None:
    """Nor does one that lost it ever hold it again; and at the end, whoever wants it gets it."""
    met: Counter[str] = Counter()
    for seed in range(8):
        contest = Contest(seed)
        contest.run()
        met += contest.met
    expected = {"acquired", "sent", "taken over", "cut off", "away", "frozen", "waited"}
    assert met.keys() == expected


@pytest.mark.long
def test_two_processes_never_hold_a_lease_in_four_hundred_contests() -> None:
    """The same, more often."""
    for seed in range(1000, 1400):
        Contest(seed, 2 + seed % 2).run()
