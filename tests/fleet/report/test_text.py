"""The lines of a fleet's shards in text."""

from __future__ import annotations

from msgspec.structs import replace

from bulkops.fleet.report.markdown import document
from bulkops.fleet.report.text import elsewhere, headline, shard_lines, total
from bulkops.fleet.waves import State
from tests.fleet.report.samples import fleet, shard
from tests.report.html.samples import many


def test_an_organization_is_shown_if_one_is_not_its_shards_name() -> None:
    """Then the lines of all shards have it; what follows the first line is indented."""
    shards = [("eu", "acme-eu", "failed\nno such run task"), ("acme", "acme", "done")]
    assert [*shard_lines(shards)] == [
        "  eu    acme-eu  failed",
        "    no such run task",
        "  acme  acme     done",
    ]


def test_the_totals_count_the_shards_unless_all_are_done() -> None:
    """In the order of their states; those that failed are named, at most five of them."""
    done = shard("done", many(3))
    assert [*total(fleet(done))] == ["", "Total: 3 succeeded of 3 operations"]
    failed = [shard(f"f{n}", state=State.FAILED, problem="no") for n in range(7)]
    undone, later = shard("undone", many(3), undone=True), shard("later", state=State.NOT_BEGUN)
    assert [*total(fleet(later, *failed, undone, done))] == [
        "",
        "Total: 3 succeeded of 3 operations; 10 shards: 1 undone, 1 done, "
        "7 failed (f0, f1, f2, f3, f4 and 2 more), 1 not begun",
    ]


def test_the_addresses_of_other_journals_are_named() -> None:
    """Each once."""
    assert [*elsewhere(["", "https://a", "https://b", "https://b"])] == [
        "1 shard has journals for https://a, which are not shown here. If they are meant, set "
        "TFE_ADDRESS to https://a",
        "2 shards have journals for https://b, which are not shown here. If they are meant, set "
        "TFE_ADDRESS to https://b",
    ]


def test_an_organization_that_is_its_shards_name_is_not_shown_twice() -> None:
    """The names alone are the first column."""
    assert [*shard_lines([("acme-1", "acme-1", "done"), ("acme", "acme", "failed")])] == [
        "  acme-1  done",
        "  acme    failed",
    ]
    assert [*shard_lines([])] == []


def test_the_steps_of_a_fleets_job_are_words() -> None:
    """As everywhere else: ``then`` between them, not the ``+`` of the journals and events."""
    assert headline("nightly", "attach+detach", "", 2, undo=True) == (
        "nightly: undo of attach, then detach in 2 shards"
    )
    several = replace(fleet(), kind="attach+detach", task="")
    assert "".join(document(several)).startswith("## `nightly`: attach, then detach in 0 shards")
