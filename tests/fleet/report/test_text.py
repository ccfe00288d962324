"""The lines of a fleet's shards in text."""

from __future__ import annotations

from bulkops.fleet.report.text import shard_lines


def test_an_organization_is_shown_if_one_is_not_its_shards_name() -> None:
    """Then the lines of all shards have it; what follows the first line is indented."""
    shards = [("eu", "acme-eu", "failed\nno such run task"), ("acme", "acme", "done")]
    assert [*shard_lines(shards)] == [
        "  eu    acme-eu  failed",
        "    no such run task",
        "  acme  acme     done",
    ]


def test_an_organization_that_is_its_shards_name_is_not_shown_twice() -> None:
    """The names alone are the first column."""
    assert [*shard_lines([("acme-1", "acme-1", "done"), ("acme", "acme", "failed")])] == [
        "  acme-1  done",
        "  acme    failed",
    ]
    assert [*shard_lines([])] == []
