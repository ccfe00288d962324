"""Lines broken to a width."""

from __future__ import annotations

import pytest

from bulkops.report.columns import wrapped

COMMAND = "`bulkops resume jobs/scan.jsonl --continue`"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("", [""]),
        ("it fits this line.", ["it fits this line."]),
        ("Error: there is no run task here", ["Error: there is no", "run task here"]),
        ("  Note: one call is enough", ["  Note: one call", "    is enough"]),
        ("Answer? Only 'yes' counts: ", ["Answer? Only 'yes'", "counts: "]),
        ("a-word-that-is-longer-than-a-line", ["a-word-that-is-longer-than-a-line"]),
        ("see a-word-that-is-longer-than-a-line.", ["see", "a-word-that-is-longer-than-a-line."]),
        (
            "\u4e00\u4e8c\u4e09\u56db \u4e94\u516d\u4e03",
            ["\u4e00\u4e8c\u4e09\u56db \u4e94\u516d\u4e03"],
        ),
        ("\u4e00" * 6 + " " + "\u4e8c" * 6, ["\u4e00" * 6, "\u4e8c" * 6]),
    ],
)
def test_a_line_is_broken_between_words(line: str, lines: list[str]) -> None:
    """Its indent is kept, and a blank at its end; wide characters have two columns."""
    assert wrapped(line, 18) == lines


def test_a_command_stays_whole() -> None:
    """It can be copied."""
    line = f"Stopped. {COMMAND}, later."
    assert wrapped(line, 48) == ["Stopped.", f"{COMMAND},", "later."]
