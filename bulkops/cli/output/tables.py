"""Tables and fields for people, on stdout; server text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bulkops.cli.output.printing import print_text
from bulkops.report.columns import filled, widest


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under a header; each column is as wide as its widest cell."""
    table = [header, *([cell or "-" for cell in row] for row in rows)]
    widths = [widest(column) for column in zip(*table, strict=True)]
    print_text(*("  ".join(map(filled, line, widths)) for line in table))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print one field per line: its name, then its value."""
    lines = [(f"{name}:", value or "-") for name, value in fields]
    width = widest(name for name, _ in lines)
    print_text(*(f"{filled(name, width)}  {value}" for name, value in lines))
