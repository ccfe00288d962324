"""Columns aligned by the width that a terminal gives to text. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len

from bulkops.text import escaped

WIDEST = 90
"""Greatest width of a column: the longest possible workspace name. A wider cell overflows its
column, so that it doesn't pad all other rows."""


def widest(texts: Iterable[str]) -> int:
    """Return the width of the widest text in terminal columns, at most ``WIDEST``; 0 for none."""
    return min(WIDEST, max((cell_len(escaped(text)) for text in texts), default=0))


def filled(text: str, width: int) -> str:
    """Return a table cell: the escaped text, padded with blanks to the column's width."""
    cell = escaped(text)
    return cell + " " * (width - cell_len(cell))
