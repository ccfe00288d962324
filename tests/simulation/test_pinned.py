"""Every bug the simulation found: its seed, and that the seed still finds it.

Each bug is put back by a mutation; the seed runs well without and fails with it. Whoever changes
what is drawn finds the new seeds by ``python -m tests.simulation.mutations``.
"""

from __future__ import annotations

import pytest

from tests.simulation import mutations
from tests.simulation.mutations import Mutation
from tests.simulation.run import simulate

FOUND: dict[str, tuple[Mutation, int]] = {
    "Killed between a journal's rename and the folder's sync, gone on with, then a power cut: the "
    "journal was gone, after its run had changed the server.": (mutations.not_synced_at_open, 447),
    "An undo planned from a reading that lagged behind the job: all seemed back already, and the "
    "undo left everything as it was, without a word.": (mutations.undo_believes_at_once, 1259),
    "An undo whose own first reading lagged behind the job: each operation was skipped as made so "
    "by somebody else, who did nothing.": (mutations.resume_blames_at_once, 1173),
}


@pytest.mark.parametrize(("mutation", "seed"), FOUND.values(), ids=FOUND)
def test_a_bug_that_was_found_stays_away(mutation: Mutation, seed: int) -> None:
    """The seed that found it runs well, and fails where the bug is put back."""
    simulate(seed)
    with mutation(), pytest.raises(AssertionError):
        simulate(seed)
