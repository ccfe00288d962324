"""A fleet's report as Markdown, read by a parser of GitHub's flavour."""

from __future__ import annotations

from msgspec.structs import replace

from bulkops.fleet.report.markdown import document
from bulkops.fleet.report.model import FleetReport
from bulkops.report.markdown_text import ROOM, size
from tests.fleet.report.samples import GONE, fleet, hostile_fleet, large, of_every_state, shard
from tests.report.html.samples import many
from tests.report.test_markdown import read


def written(report: FleetReport, room: int = ROOM) -> str:
    """Return the document."""
    return "".join(document(report, room=room))


def test_the_first_table_has_a_row_for_each_shard() -> None:
    """State, number of operations and outcomes; its error, or else what is known."""
    shown = read(written(of_every_state()))
    assert shown.text.startswith("nightly: attach security-scan in 5 shards, in 3 waves\n")
    assert shown.cells[:6] == [
        ["shard", "organization", "state", "operations", "outcomes", "more"],
        ["acme-canary", "acme-canary", "done", "12", "12 succeeded", ""],
        [
            "acme-eu", "acme-eu", "failed", "12",
            "7 succeeded, 1 skipped, 1 failed, 1 conflict, 1 in doubt, 1 pending", "",
        ],
        ["acme-gone", "acme-gone", "failed", "", "", GONE.replace("\n", r"\n")],
        ["acme-later", "acme-later", "not begun", "", "", ""],
        ["acme-staged", "acme-staged", "done", "300", "294 succeeded, 4 failed, 2 conflict", ""],
    ]  # fmt: skip
    assert ["all", "324"] in shown.cells


def test_what_needs_attention_has_a_section_and_the_shard() -> None:
    """A section for each shard that isn't plain success; a table by name with the shard."""
    text = written(of_every_state())
    assert "### `acme-eu`: attach `security-scan` in `acme`\n" in text
    assert "#### Waves\n" in text
    assert "#### Needs attention\n" in text
    assert "### `acme-canary`" not in text
    rows = [cells for cells in read(text).cells if len(cells) == 7]
    assert rows[0] == ["shard", "outcome", "name", "change", "reason", "status", "request"]
    assert {row[0] for row in rows[1:]} == {"acme-eu", "acme-staged"}
    assert f"All {len(rows) - 1} by name" in text


def test_a_fleet_without_trouble_has_one_table_of_shards() -> None:
    """There is no section and nothing to unfold."""
    text = written(fleet(shard("acme-1", many(3))))
    assert "###" not in text
    assert "<details>" not in text


def test_a_stopped_fleet_says_why() -> None:
    """Below the heading; the reason is text, whatever it contains."""
    shown = read(written(replace(of_every_state(), stopped="1 shard failed (*stop*.json)")))
    assert "Stopped: 1 shard failed (*stop*.json). --continue lets the other" in shown.text


def test_a_large_fleet_fits() -> None:
    """The document says how many shards and rows did not fit."""
    for room in (10_000, 20_000):
        text = written(large(200, 100), room)
        assert size(text) <= room
        assert "more shards.\n" in text
        assert "more shards that need attention.\n" in text
        assert "more: `bulkops fleet report FLEET --format csv` lists all" in text
        read(text)


def test_hostile_text_stays_text() -> None:
    """It has no effect in GitHub's Markdown."""
    read(written(hostile_fleet()))
