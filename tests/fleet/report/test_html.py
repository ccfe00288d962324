"""A fleet's page as text: its facts and its safety."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

from bulkops.text import escaped
from tests.fleet.report.samples import (
    GONE,
    fleet,
    hostile_fleet,
    large,
    of_every_state,
    page,
    shard,
)
from tests.report.html.samples import HOSTILE, many
from tests.report.html.test_document import Elements, built_wheel, rows, words

NAMES = ["acme-gone", "acme-eu", "acme-staged", "acme-later", "acme-canary"]
"""In the page's order: the failed shard is the first, and what is done the last."""


def test_the_head_sums_all_shards_up() -> None:
    """It has the states of the shards, the totals of all operations, and when they ran."""
    text = words(page(of_every_state()))
    for part in (
        "nightly Failed 5 shards: 2 done, 2 failed, 1 not begun.",
        "313 of 324 workspaces changed, ",
        "Operation attach security-scan",
        "Shards 5, in 3 waves",
        "Server https://app.terraform.io",
        "Started 2026-11-24 00:00:00 UTC",
        "Run by ann@build-7",
    ):
        assert part in text


def test_what_was_undone_is_not_in_the_bar_of_all_shards() -> None:
    """A shard whose job was undone is not counted as done, nor as not done."""
    text = words(page(fleet(shard("acme-1", many(5)), shard("acme-2", many(7), undone=True))))
    assert "5 of 5 done (100%)" in text
    assert "12 done" not in text


def test_each_shard_has_a_row_and_a_section() -> None:
    """The row links to the section; the last row has the totals."""
    text = page(of_every_state())
    table = text[text.index('<h2 id="shards">') : text.index("</table>")]
    lines = [words(line) for line in table.split("<tr>")[2:]]
    assert [line.split()[0] for line in lines] == [*NAMES, "All"]
    one_line = GONE.replace("\n", " ")
    assert lines[0] == f"acme-gone Failed {one_line} 0 0 0 0 0 0"
    assert lines[1] == "acme-eu In doubt 12 8 3 1 1 1"
    assert lines[3] == "acme-later Not started 0 0 0 0 0 0"
    assert lines[-1] == "All 5 shards Failed 324 314 9 1 2 1"
    assert re.findall(r'<a href="#shard-([^"]*)"', table) == NAMES
    assert re.findall(r'<h2 id="shard-([^"]*)"', text) == NAMES


def test_an_organization_with_another_name_is_beside_its_shard() -> None:
    """One with the shard's name would only repeat it."""
    text = page(fleet(shard("acme-1"), shard("emea", organization="acme-2")))
    table = text[text.index('<h2 id="shards">') : text.index("</table>")]
    assert [words(line) for line in table.split("<tr>")[2:]] == [
        "acme-1 Done 0 0 0 0 0 0",
        "emea acme-2 Done 0 0 0 0 0 0",
        "All 2 shards Done 0 0 0 0 0 0",
    ]


def test_the_error_of_a_shard_is_in_its_section() -> None:
    """Each of its lines is one."""
    text = page(of_every_state())
    assert "<p>job.toml: there is no run task security-scan,</p>" in text
    assert "<p>or this token can&#39;t see it</p>" in text


def test_the_table_has_a_column_for_the_shard() -> None:
    """Every operation of every shard is in it; ``--only failed`` lists problems."""
    text = page(of_every_state())
    of_shard = Counter(row[-1] for row in rows(text))
    assert of_shard == {"acme-canary": 12, "acme-eu": 14, "acme-staged": 300}
    assert ">Shard</th>" in text
    failed = page(of_every_state(), only_failed=True)
    assert [row[4] for row in rows(failed) if row[-1] == "acme-eu"] == [
        "succeeded", "failed", "conflict", "in_doubt", "blocked",
    ]  # fmt: skip
    assert 'tabindex="-1">Problems</h2>' in failed


def test_no_id_occurs_twice() -> None:
    """Each shard has charts of its own."""
    ids = [one["id"] for one in Elements(page(of_every_state())).attributes if "id" in one]
    assert Counter(ids).most_common(1)[0][1] == 1
    assert "shard-acme-eu-timeline-title" in ids


def test_hostile_text_stays_text() -> None:
    """It creates no element, closes no script, and is shown completely."""
    tame, wild = Elements(page(of_every_state())), Elements(page(hostile_fleet()))
    assert set(wild.names) <= set(tame.names)
    assert wild.names.count("script") == tame.names.count("script") == 2
    assert not any(name.startswith("on") for one in wild.attributes for name in one)
    text = page(hostile_fleet())
    assert [row[0] for row in rows(text)][:-1] == list(map(escaped, HOSTILE))
    assert not re.search("[\u202a-\u202e\u2028\u2029]", text)


def test_only_a_hundred_rows_are_in_the_html() -> None:
    """The size of a page grows with its rows as that of a single report does."""
    text, single = page(large(4, 500)), page(fleet(shard("acme-1", many(500))))
    assert text.count('<tr><th scope="row">') == 100
    assert len(rows(text)) == 2000
    assert len(text) < 4 * len(single)


def test_a_fleet_without_shards_has_a_page() -> None:
    """Its organizations have yet to be found."""
    text = page(fleet())
    assert "0 shards." in words(text)
    assert rows(text) == []


def test_the_wheel_has_the_template(tmp_path: Path) -> None:
    """It is in the fleet's package."""
    with ZipFile(built_wheel(tmp_path)) as archive:
        assert "bulkops/fleet/report/html/fleet.html.j2" in archive.namelist()
