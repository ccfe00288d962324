"""A plan as text for people."""

from __future__ import annotations

from msgspec.structs import replace

from bulkops.cli.output.plan_text import MOST_GROUPS, MOST_REASONS, lines
from tests.report.test_markdown import plan, valued


def test_alike_blocked_workspaces_are_one_line() -> None:
    """It has their number and the first names; a single one is named in its line."""
    blocked = [(f"b-{n:02}", "attached 2 times") for n in range(40)]
    text = lines(plan(["p1"], [*blocked, ("c-1", "locked")]))
    shown = text[text.index("    1 skipped: already attached as desired") + 1 :]
    assert shown[:4] == [
        "  ! 40 workspaces  blocked: attached 2 times",
        "      b-00, b-01, b-02, b-03, b-04, b-05, b-06, b-07, b-08, b-09, b-10, b-11,",
        "      b-12, b-13, b-14, b-15, b-16, b-17, … and 22 more (--json lists all)",
        "  ! c-1            blocked: locked",
    ]


def test_many_reasons_are_a_number() -> None:
    """The first ones have a line each; the rest are counted."""
    text = lines(plan([], [(f"b-{n}", f"because {n}") for n in range(MOST_REASONS + 3)]))
    assert sum(line.startswith("  ! ") for line in text) == MOST_REASONS
    assert "    … and 3 more blocked for other reasons (--json lists all)" in text


def test_values_have_a_line_each() -> None:
    """A plan says how many workspaces the file gives which values, the most first."""
    made = valued([("a", "advisory"), ("b", "mandatory"), ("c", "mandatory")])
    text = lines(replace(made, job=replace(made.job, list_file="levels\u202e.csv")))
    at = text.index("    Values from levels\\u202e.csv:")
    assert text[at + 1 : at + 3] == [
        '      2 workspaces  enforcement_level = "mandatory"',
        '      1 workspace   enforcement_level = "advisory"',
    ]
    assert "    Values:" in lines(made)
    assert not any("Values" in line for line in lines(replace(made, undo_of="run-1")))
    assert not any("Values" in line for line in lines(valued([("a", "advisory")])))


def test_many_values_are_a_number() -> None:
    """The first ones have a line each; the rest are counted."""
    reasons = [(f"w{n}", f"because {n}") for n in range(MOST_GROUPS + 3)]
    text = lines(valued(reasons, kind="workspace-lock", field="reason"))
    assert sum("reason = " in line for line in text) == MOST_GROUPS
    assert "      … and 3 other combinations: 3 workspaces" in text
