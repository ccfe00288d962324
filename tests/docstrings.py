"""The tables in the docstrings of modules, as tests hold the code against them."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType


def rows(module: ModuleType, heading: str) -> dict[str, list[str]]:
    """Return one of the docstring's tables: the first cell of each row → its other cells.

    Args:
        heading: how the table's first line begins.
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
