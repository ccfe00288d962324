"""Aligned columns of untrusted text, measured in terminal cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len

from bulkops.text import escaped

WIDEST = 90
"""Columns: the longest name a workspace can have. A wider cell overflows its own column and leaves
the others as they are."""


def widest(texts: Iterable[str]) -> int:
    """Return the width of the widest text in terminal columns; 0 if there are none."""
    return min(WIDEST, max((cell_len(escaped(text)) for text in texts), default=0))


def filled(text: str, width: int) -> str:
    """Return a table cell: the escaped text, padded to its column's width."""
    cell = escaped(text)
    return cell + " " * (width - cell_len(cell))
