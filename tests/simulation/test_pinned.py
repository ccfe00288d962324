"""The bugs that the simulation found, each pinned to a seed that still notices it.

A mutation restores the bug: the seed passes without it and fails with it. After a change to what is
drawn or sent, take the new seeds from the last lines that ``python -m tests.simulation.mutations``
prints.
"""

from __future__ import annotations

import pytest

from tests.simulation import found
from tests.simulation.found import Mutation
from tests.simulation.run import simulate

SEEDS: dict[Mutation, int] = {
    found.not_synced_at_open: 935,
    found.page_cache_trusted: 52,
    found.undo_believes_at_once: 215,
    found.resume_blames_at_once: 761,
    found.denied_list_is_empty: 119,
    found.denied_reading_back_is_final: 55,
    found.any_yes_to_a_delete: 1877,
    found.last_one_taken_away: 35,
    found.last_one_taken_again: 253,
}


def test_every_bug_that_was_found_is_pinned() -> None:
    """Every bug has a seed."""
    assert set(SEEDS) == set(found.FOUND)


@pytest.mark.parametrize("mutation", found.FOUND, ids=lambda mutation: mutation.__name__)
def test_a_bug_that_was_found_stays_fixed(mutation: Mutation) -> None:
    """The seed that found the bug passes, and fails if the bug is restored."""
    seed = SEEDS[mutation]
    simulate(seed)
    with mutation(), pytest.raises(AssertionError):
        simulate(seed)
