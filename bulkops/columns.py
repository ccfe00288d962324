"""Aligned columns of text from anywhere, as wide as a terminal shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len

from bulkops.printable import escaped


def widest(texts: Iterable[str]) -> int:
    """Return how many columns of a terminal the widest of these takes, 0 for none."""
    return max((cell_len(escaped(text)) for text in texts), default=0)


def filled(text: str, width: int) -> str:
    """Return a cell of a table: the text, escaped, and blanks up to its column's width."""
    cell = escaped(text)
    return cell + " " * (width - cell_len(cell))
