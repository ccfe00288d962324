"""Values for people: aligned lines on stdout, whatever a server put into them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from bulkops.client.jsonapi import printable


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the rows below their header, each column as wide as its widest cell."""
    lines = [list(header), *([printable(cell) or "-" for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        _print("  ".join(_filled(cell, width) for cell, width in zip(line, widths, strict=True)))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print one fact a line: its name, then its value."""
    lines = [(f"{name}:", printable(value) or "-") for name, value in fields]
    width = max(cell_len(name) for name, _ in lines)
    for name, value in lines:
        _print(f"{_filled(name, width)}  {value}")


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))


def _print(line: str) -> None:
    sys.stdout.write(line.rstrip() + "\n")
