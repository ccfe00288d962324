"""Aligned columns of untrusted text, measured in terminal cells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len

from bulkops.text import escaped

WIDEST = 90
"""Columns: the longest name a workspace can have. A wider cell overflows its own column and leaves
the others as they are."""

_WORD = re.compile(r"(?:`[^`]*`|\S)+\s*")


def widest(texts: Iterable[str]) -> int:
    """Return the width of the widest text in terminal columns; 0 if there are none."""
    return min(WIDEST, max((cell_len(escaped(text)) for text in texts), default=0))


def filled(text: str, width: int) -> str:
    """Return a table cell: the escaped text, padded to its column's width."""
    cell = escaped(text)
    return cell + " " * (width - cell_len(cell))


def wrapped(line: str, width: int) -> list[str]:
    """Return a line as lines of at most ``width`` columns, broken between words.

    A command in backticks is one word. A word that doesn't fit a line is left whole. What follows
    an indented line is indented two columns more.
    """
    if cell_len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines, current = list[str](), indent
    for word in _WORD.findall(line[len(indent) :]):
        if current.strip() and cell_len(f"{current}{word}".rstrip()) > width:
            lines.append(current.rstrip())
            current = f"{indent}  " if indent else ""
        current += word
    return [*lines, current]
