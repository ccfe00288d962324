"""The bugs that the simulation found, and the safeguards of journals in a store, each pinned to a
seed that still notices it.

A mutation restores the bug or removes the safeguard: the seed passes without it and fails with it.
After a change to what is drawn or sent, take the new seeds from the last lines that
``python -m tests.simulation.mutations`` prints.
"""

from __future__ import annotations

import pytest

from tests.simulation import found, stored_mutated
from tests.simulation.found import Mutation
from tests.simulation.mutations import PINNED
from tests.simulation.run import simulate

SEEDS: dict[Mutation, int] = {
    found.not_synced_at_open: 935,
    found.page_cache_trusted: 96,
    found.undo_believes_at_once: 215,
    found.resume_blames_at_once: 2255,
    found.denied_list_is_empty: 119,
    found.denied_reading_back_is_final: 55,
    found.any_yes_to_a_delete: 1877,
    found.last_one_taken_away: 654,
    found.last_one_taken_again: 977,
    found.numbers_of_now_must_come_first: 453,
    found.left_of_several_blocks: 7_010_725,
    stored_mutated.permit_checked_before_the_intent: 131,
    stored_mutated.next_number_is_listed: 16,
    stored_mutated.renewed_by_a_thread: 8,
    stored_mutated.refusal_is_final: 2,
    stored_mutated.absence_is_another_segment: 27,
    stored_mutated.refused_renewal_is_final: 2,
    stored_mutated.lease_outlives_its_ttl: 131,
    stored_mutated.fence_asks_only_once: 2891,
}


def test_every_bug_that_was_found_is_pinned() -> None:
    """Every bug and every safeguard of a stored journal has a seed."""
    assert set(SEEDS) == set(PINNED)


@pytest.mark.parametrize("mutation", PINNED, ids=lambda mutation: mutation.__name__)
def test_a_bug_that_was_found_stays_fixed(mutation: Mutation) -> None:
    """The seed passes, and fails if the bug is restored or the safeguard removed."""
    seed = SEEDS[mutation]
    simulate(seed)
    with mutation(), pytest.raises(AssertionError):
        simulate(seed)
