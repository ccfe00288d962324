"""Reads the tables in docstrings of modules, which tests compare with the code."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType


def rows(module: ModuleType, heading: str) -> dict[str, list[str]]:
    """Return a table of a docstring: the first cell of each row → its other cells.

    Args:
        heading: the start of the table's first line.
    """
    lines = iter((module.__doc__ or "").splitlines())
    next(line for line in lines if line.startswith(f"| {heading} "))
    next(lines)

    def cells() -> Iterator[list[str]]:
        for line in lines:
            if not line.startswith("|"):
                return
            yield [cell.strip() for cell in line.strip("|").split("|")]

    return {first: others for first, *others in cells()}
