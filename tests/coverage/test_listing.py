"""The export of one run task's attachments, and what a job reads of it."""

from __future__ import annotations

import csv
import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bulkops.coverage.listing import COLUMNS, csv_lines
from bulkops.coverage.matrix import Column, Coverage
from bulkops.job.listing.manifest import parse_manifest
from bulkops.operations.model import Target
from bulkops.text import FORMULA
from tests.coverage.test_matrix import SCAN, matrix, observed

TWICE = [observed("advisory"), observed("mandatory", "pre_plan", "post_plan", ident="wstask-2")]


def table(coverage: Coverage, *, missing: bool = False) -> list[list[str]]:
    """Return the cells of an export."""
    text = "".join(csv_lines(coverage, missing=missing))
    return list(csv.reader(io.StringIO(text, newline="")))


def test_every_attachment_has_a_row() -> None:
    """A workspace to which the run task is attached twice has two rows, so that a job refuses."""
    coverage = matrix(["p1", "p2"], {"p2": TWICE})
    assert table(coverage) == [
        [*COLUMNS],
        ["p2", "p2", "data", "advisory", "post_plan"],
        ["p2", "p2", "data", "mandatory", "pre_plan post_plan"],
    ]
    assert table(coverage, missing=True)[1] == ["p1", "p1", "data", "", ""]


NAMES = st.from_regex(r"[!-+\--:<-~]{1,90}", fullmatch=True).filter(
    lambda name: not any(c in "*?[]'" for c in name) and not name.startswith("re:")
)


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_what_is_exported_is_read_back(names: list[str]) -> None:
    """No cell is a formula, and each name is read back as it is, with ids and without."""
    targets = [Target(f"ws-{number}", name) for number, name in enumerate(names)]
    attached = {target.id: [observed("mandatory")] for target in targets}
    coverage = msgspec.structs.replace(
        matrix(names), workspaces=targets, columns=[Column(SCAN, attached)]
    )
    rows = table(coverage)
    assert not any(cell.startswith(FORMULA) for row in rows for cell in row)
    text = "".join(csv_lines(coverage))
    assert parse_manifest(text, "now.csv").entries == tuple(target.id for target in targets)
    by_name = text.replace("workspace_id", "nothing", 1)
    assert parse_manifest(by_name, "now.csv").entries == tuple(names)
