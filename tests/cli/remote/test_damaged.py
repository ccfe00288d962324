"""A journal in a store that has lost a segment, or has one that was changed."""

from __future__ import annotations

from collections.abc import Callable

import obstore
import pytest

from bulkops.journal.remote.bucket.objects import ObjectStore
from tests.cli.remote.machines import Site, Strike, struck, surely_ended

pytestmark = pytest.mark.long

THIRD = "00000003.jsonl"


def changed(at: Site) -> None:
    """Change one byte of a segment in the middle."""
    found = at.bucket.get(f"{at.at.key}/{THIRD}")
    assert found is not None
    at.bucket.put(f"{at.at.key}/{THIRD}", found.data.replace(b'"type":"', b'"typo":"', 1))


def emptied(at: Site) -> None:
    """Replace a segment in the middle by an empty object."""
    at.bucket.put(f"{at.at.key}/{THIRD}", b"")


def deleted(at: Site) -> None:
    """Delete a segment in the middle, which bulkops itself never does."""
    store = at.bucket
    assert isinstance(store, ObjectStore)
    obstore.delete(store._store, f"{at.at.key}/{THIRD}")


DAMAGES = [changed, emptied, deleted]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_repaired_and_resumed(
    here_and_there: Site, damage: Callable[[Site], None]
) -> None:
    """Every command says that it is damaged (exit 12) and sends nothing; a repair keeps what
    precedes the damage and a copy of the rest, and resuming finishes the job, once each."""
    at = here_and_there
    first, other = at.machine("first"), at.machine("other")
    with surely_ended(struck(at, first, Strike("after", 6), *at.applying)) as process:
        assert first.ended(process).code == -9
    damage(at)
    writes = at.world.writes
    for words in (("status",), ("report",), ("verify",), ("watch",), ("journal", "check")):
        done = other.run(*words, at.journal)
        assert done.code == 12, (words, done)
    refused = other.run("journal", "repair", at.journal)
    assert (refused.code, "--accept-loss" in refused.err) == (2, True), refused
    done = other.run(*at.resuming)
    assert done.code == 12, done
    assert at.world.writes == writes

    repaired = other.run("journal", "repair", at.journal, "--accept-loss", "--wait")
    assert repaired.code == 0, repaired
    assert "the damaged part is in" in repaired.out
    aside = repaired.out.split()[-1]
    assert list(at.bucket.names(aside.partition(f"://{at.at.bucket}/")[2]))
    checked = other.run("journal", "check", at.journal, "--json")
    assert checked.objects[-1]["state"] == "sound", checked
    done = at.machine("third").run(*at.resuming)
    assert done.code in (0, 3), done
    assert at.world.all_desired()
    assert set(at.world.changed().values()) == {1}
    assert other.run("journal", "check", at.journal).code == 0
