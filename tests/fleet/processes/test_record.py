"""The record of a rollout and its stop: who joins which, what counts, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bulkops.errors import NotAJournal, PlanStale
from bulkops.fleet.processes import record, stop
from bulkops.fleet.processes.objects import Objects
from bulkops.fleet.processes.record import Entry, RolloutRecord, begun, ended, joined
from bulkops.fleet.processes.stop import Stop
from bulkops.fleet.waves import ShardProgress, State
from bulkops.journal.place import journals_at
from tests.docstrings import rows

DONE, FAILED, RUNNING = Entry(State.DONE, 9, 1), Entry(State.FAILED, 9, 4), Entry(State.RUNNING, 9)
AB = dict.fromkeys("ab", "")
"""Name → target."""
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=61)
HALF = RolloutRecord(4, "job", {"a": DONE, "b": RUNNING})
WHOLE = RolloutRecord(4, "job", {"a": DONE, "b": FAILED})
STALE = RolloutRecord(4, "job", {"a": Entry(State.DONE)}, EARLIER)
OTHER = RolloutRecord(4, "another", {"a": DONE, "b": RUNNING})


def _documented(found: RolloutRecord | None) -> str:
    now = joined(found, "job", AB, NOW)
    if now == found:
        return "joins that rollout"
    assert (now.job, now.shards) == ("job", {})
    return "begins rollout 1" if now.number == 1 else "begins the next one"


def test_which_rollout_a_process_joins() -> None:
    """The table of the module."""
    table = {
        first: cell for first, (cell,) in rows(record, "a process starts, and the object").items()
    }
    found = {
        "is missing": None,
        "is of its job, and some shard has not ended": HALF,
        "is of its job, every shard is done or failed": WHOLE,
        "is of its job, and stale": STALE,
        "is of another job": OTHER,
    }
    assert table.pop("can't be read, or has another format") == "stops with an error"
    assert {row: _documented(one) for row, one in found.items()} == table


@pytest.mark.parametrize(
    ("entry", "journal", "state"),
    [
        (Entry(State.DONE), State.NOT_BEGUN, State.DONE),
        (DONE, State.NOT_BEGUN, State.NOT_BEGUN),
        (Entry(State.FAILED, problem="no run task"), State.NOT_BEGUN, State.FAILED),
        (Entry(State.FAILED, problem="no run task"), State.DONE, State.FAILED),
        (Entry(State.FAILED, problem="no run task"), State.RUNNING, State.RUNNING),
        (FAILED, State.DONE, State.DONE),
        (RUNNING, State.NOT_BEGUN, State.NOT_BEGUN),
        (DONE, State.INTERRUPTED, State.INTERRUPTED),
    ],
)
def test_an_entry_completes_what_the_newest_journal_says(
    entry: Entry, journal: State, state: State
) -> None:
    """A shard without a journal of this rollout had nothing to do, or failed before it."""
    assert entry.completed(journal) is state


def test_a_shard_that_has_not_begun_keeps_a_rollout_open() -> None:
    """It is one of the fleet's, even if the record doesn't know it."""
    assert joined(WHOLE, "job", {**AB, "c": ""}, NOW) == WHOLE
    assert joined(WHOLE, "job", {"a": ""}, NOW).number == 5


def test_a_rollout_never_has_the_number_of_a_stop_before_it() -> None:
    """Even if somebody removed the record: the old stop is of an earlier rollout."""
    assert joined(None, "job", AB, NOW, stopped=7).number == 8


def test_a_rollout_in_which_anything_happens_is_never_stale() -> None:
    """Nor within an hour, which is more than clocks differ."""
    assert STALE.is_stale(NOW)
    assert not STALE.is_stale(EARLIER + timedelta(hours=1))
    for entry in (DONE, FAILED, RUNNING, Entry(State.NOT_BEGUN), Entry(State.PAUSED)):
        assert not STALE.with_entries(4, {"b": entry}).is_stale(NOW)


def test_an_entry_of_another_target_is_none() -> None:
    """Its shard has not begun, even if the rollout is over; a shard that is gone is kept."""
    moved = RolloutRecord(4, "job", {"a": Entry(State.DONE, target="acme at"), "b": DONE})
    assert moved.among({"a": "acme at"}) == moved
    assert moved.among(AB).shards == {"b": DONE}
    assert joined(moved, "job", AB, NOW) == RolloutRecord(4, "job", {"b": DONE})


@pytest.mark.parametrize("others", [["https://b"], ["https://a", "https://b"]])
def test_fleets_at_other_servers_have_objects_of_their_own(
    tmp_path: Path, others: list[str]
) -> None:
    """Which shard comes first, and how many are at a server, makes no difference."""

    def names(servers: list[str]) -> tuple[str, str]:
        at = Objects.at(journals_at(str(tmp_path)), servers, trusted=False)
        return str(at.record), str(at.stop)

    assert names(others) == names([*reversed(others), *others])
    assert not {*names(others)} & {*names(["https://a"])}


def test_entries_belong_to_one_rollout() -> None:
    """A process of an earlier rollout changes nothing in a later one."""
    assert HALF.with_entries(4, {"b": DONE}).shards == {"a": DONE, "b": DONE}
    with pytest.raises(PlanStale, match="rollout 3 of this fleet was followed by rollout 4"):
        HALF.with_entries(3, {"b": DONE})


def test_what_is_written_is_read() -> None:
    """Record and stop, in JSON with a format."""
    lifted = WHOLE.lifted({})
    assert record.decoded(lifted.encoded(), "at") == lifted
    assert msgspec.json.decode(lifted.encoded())["format"] == 1
    for one in (Stop(4, "now", "ann", "too much"), stop.lifted(lifted, "ann", "now")):
        assert stop.decoded(one.encoded(), "at") == one
        assert msgspec.json.decode(one.encoded())["format"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"number": 1}',
        '{"number": 0, "job": "x"}',
        '{"number": 1, "job": "x", "format": 2}',
        '{"number": 1, "job": "x", "more": true}',
        '{"number": 1, "job": "x", "shards": {"a": {"state": "melted"}}}',
        '{"number": 1, "job": "x", "shards": {"a": {"state": "done", "operations": -1}}}',
    ],
)
def test_any_other_content_is_refused(text: str) -> None:
    """It is not taken for a missing record, and the message says what to do."""
    with pytest.raises(NotAJournal, match=r"s3://b/f/rollout\.json: is not what this version"):
        record.decoded(text.encode(), "s3://b/f/rollout.json")


def test_what_failed_until_the_stop_was_lifted_no_longer_counts() -> None:
    """Neither a shard nor an operation, also of a shard that is running."""
    now = RolloutRecord(4, "job", {"a": FAILED, "b": RUNNING, "c": DONE})
    lifted = now.lifted({"b": ShardProgress(State.RUNNING, 9, 2)})
    assert lifted.shards["a"].progress == ShardProgress(
        State.FAILED, 9, 4, lifted=True, lifted_failures=4
    )
    assert lifted.shards["b"].progress == ShardProgress(State.RUNNING, 9, 0, lifted_failures=2)
    assert stop.lifted(lifted, "ann", "now") == Stop(
        4, "now", lifted_by="ann", failed_shards=("a",), failures=7
    )


def test_what_fails_again_counts_again() -> None:
    """A shard that had ended begins anew; one that was interrupted keeps what was lifted."""
    progress = ShardProgress(State.NOT_BEGUN, 9, 3)
    lifted = HALF.lifted({"b": ShardProgress(State.RUNNING, 9, 2)}).shards
    assert begun(lifted["b"], progress) == Entry(State.RUNNING, 9, 3, lifted_failures=2)
    assert begun(lifted["a"], progress) == begun(None, progress) == Entry(State.RUNNING, 9, 3)
    assert ended(lifted["b"], ShardProgress(State.FAILED, 9, 3), "x" * 2000) == Entry(
        State.FAILED, 9, 3, "x" * 1000, lifted_failures=2
    )
    assert ended(None, ShardProgress(State.DONE)) == Entry(State.DONE)


def test_a_stop_holds_until_it_is_lifted_or_the_next_rollout_begins() -> None:
    """A later one counts, too: the process has not read the later record yet."""
    stopped = Stop(4, "now", "ann", "too much")
    assert stopped.holds(4)
    assert stopped.holds(3)
    assert not stopped.holds(5)
    assert not Stop(4, "now", lifted_by="ann").holds(4)


def test_a_stop_that_says_the_same_or_more_is_kept() -> None:
    """The first reason stays; a later rollout's stop is never replaced by an earlier one's."""
    first, again = Stop(4, "now", "ann", "too much"), Stop(4, "later", "bob", "more")
    lifted = Stop(4, "later", lifted_by="bob")
    assert first.makes_needless(again)
    assert Stop(5, "now", "ann", "too much").makes_needless(lifted)
    assert not first.makes_needless(lifted)
    assert not lifted.makes_needless(again)
    assert not first.makes_needless(Stop(5, "later", "bob", "more"))
