"""The report as CSV."""

from __future__ import annotations

import csv
import io
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bulkops.job.listing.manifest import parse_manifest
from bulkops.journal.records import Skipped
from bulkops.journal.replay import replay
from bulkops.operations.model import Target
from bulkops.report.csv_table import COLUMNS, document
from bulkops.report.model import Report, report
from bulkops.text import FORMULA, escaped
from tests.journal.samples import header, planned
from tests.report.samples import TASK_PLAN, at, everything, failed, names, texts


def table(made: Report, *, only_failed: bool = False) -> list[dict[str, str]]:
    """Return the rows as a strict CSV reader reads them."""
    text = "".join(document(made, only_failed=only_failed))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_it_has_a_line_per_operation_and_per_skipped_target() -> None:
    """Every outcome has its word, blocked too; pieces are whole lines with CR LF."""
    pieces = list(document(everything()))
    assert all(piece.endswith("\r\n") and piece.count("\n") == 1 for piece in pieces)
    rows = table(everything())
    assert [row["outcome"] for row in rows] == [
        "succeeded", "failed", "conflict", "in_doubt", "skipped", "pending", "skipped", "blocked",
    ]  # fmt: skip
    assert rows[0]["shows"] == "not attached"
    assert [row["workspace_id"] for row in rows] == [f"ws-{n}" for n in (0, 1, 2, 3, 4, 5, 8, 9)]
    assert rows[7]["reason"] == "attached 2 times"


def test_a_row_has_all_that_is_known() -> None:
    """Dates are RFC 3339, durations in milliseconds; unknown values are empty."""
    rows = table(everything())
    assert rows[1] == {
        "workspace": "prod-1",
        "workspace_id": "ws-1",
        "project": "",
        "task": "",
        "task_id": "",
        "action": "attach",
        "aspect": "",
        "change": "mandatory at post_plan",
        "outcome": "failed",
        "attempts": "1",
        "at": at(1.5),
        "seconds": "0.500",
        "status": "422",
        "request_id": "req-1",
        "reason": "422 no",
        "shows": "",
    }
    pending = {key: value for key, value in rows[5].items() if not value}
    assert set(pending) == {
        *("project", "task", "task_id", "aspect", "at", "seconds", "status", "request_id"),
        *("reason", "shows"),
    }  # fmt: skip
    assert tuple(rows[0]) == COLUMNS


def test_the_project_is_that_of_the_journal() -> None:
    """It is in the rows of operations and skips; one from an older journal has none."""
    known = Target("ws-0", "prod-0", "payments")
    plans = [msgspec.structs.replace(planned(0), target=known), planned(1)]
    skipped = [Skipped(known, "already"), Skipped(Target("ws-3", "prod-3"), "already")]
    rows = table(report(replay([header(2, 2), *plans, *skipped])))
    assert [row["project"] for row in rows] == ["payments", "", "payments", ""]


def test_only_failed_keeps_the_problems() -> None:
    """They failed, drifted, are in conflict or in doubt; skips of the plan are left out."""
    rows = table(everything(), only_failed=True)
    assert [row["outcome"] for row in rows] == ["succeeded", "failed", "conflict", "in_doubt"]


def test_a_run_task_has_separate_columns() -> None:
    """Its row names no workspace, so that a manifest can't take it for one."""
    (row,) = table(report(replay([header(1), TASK_PLAN])))
    assert (row["task"], row["task_id"]) == ("security-scan", "task-1")
    assert (row["workspace"], row["workspace_id"]) == ("", "")


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=5))
def test_hostile_text_stays_in_its_cell(pairs: list[tuple[str, str]]) -> None:
    """There is one row per operation, with the escaped text, and no cell is a formula."""
    called, reasons = [name for name, _ in pairs], [reason for _, reason in pairs]
    rows = table(failed(called, reasons))
    assert [unguarded(row["workspace"]) for row in rows] == list(map(unguarded, called))
    assert [unguarded(row["reason"]) for row in rows] == list(map(unguarded, reasons))
    assert not any(is_formula(cell) for row in rows for cell in row.values())
    assert all(cell.isprintable() for row in rows for cell in row.values())


HOSTILE = (
    *("=cmd", "  =cmd", '"=cmd', "-1", "\t=cmd", "\uff1dcmd"),
    *("x;=cmd", 'x; "=cmd', "x;\uff20cmd", ";;+1"),
)


@given(st.lists(st.sampled_from(HOSTILE) | texts, min_size=1, max_size=5))
def test_no_cell_is_a_formula_where_semicolons_separate(reasons: list[str]) -> None:
    """A spreadsheet that separates at semicolons, with quotes or without, runs nothing."""
    lines = list(document(failed(["prod"] * len(reasons), reasons)))
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for row in csv.reader(lines, delimiter=";", quoting=quoting):
            assert not any(map(is_formula, row)), row


def test_every_cell_is_quoted() -> None:
    """Header, empty cells and numbers, too."""
    for line in document(everything()):
        assert re.fullmatch(r'"([^"]|"")*"(,"([^"]|"")*")*\r\n', line)


def is_formula(cell: str) -> bool:
    """Return whether a spreadsheet runs a cell."""
    return cell.lstrip(' "').startswith(FORMULA)


def unguarded(text: str) -> str:
    """Return an escaped text without the apostrophes that guard it."""
    return re.sub(r"(^|;)'", r"\1", escaped(text))


@given(st.lists(names, min_size=1, max_size=5))
def test_the_failed_operations_are_a_manifest(called: list[str]) -> None:
    """The ids are read, each once, whatever the names are."""
    text = "".join(document(failed(called, [""] * len(called)), only_failed=True))
    ids = tuple(f"ws-{n}" for n in range(len(called)))
    assert parse_manifest(text, "failed.csv").entries == ids
