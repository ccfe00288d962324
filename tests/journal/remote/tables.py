"""Reads the tables of states and events in docstrings."""

from __future__ import annotations


def cells(docstring: str | None) -> dict[str, dict[str, str]]:
    """Return state → event → cell of the first table in a docstring."""
    lines = [line for line in (docstring or "").splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
