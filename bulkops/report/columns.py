"""Aligned columns of text from anywhere, as wide as a terminal shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len

from bulkops.text import escaped

WIDEST = 90
"""Columns, as many as a workspace's name may have characters: one cell that is wider stands out of
its column, it doesn't fill all others with blanks."""


def widest(texts: Iterable[str]) -> int:
    """Return how many columns of a terminal the widest of these takes, 0 for none."""
    return min(WIDEST, max((cell_len(escaped(text)) for text in texts), default=0))


def filled(text: str, width: int) -> str:
    """Return a cell of a table: the text, escaped, and blanks up to its column's width."""
    cell = escaped(text)
    return cell + " " * (width - cell_len(cell))
