"""Collects the rows of a list while it is read page by page. Pure."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

Row_contra = TypeVar("Row_contra", contravariant=True)


class Rows(Protocol[Row_contra]):
    """Takes the rows of a list, and keeps what its user needs of them."""

    def add(self, row: Row_contra) -> None:
        """Add a row; the same row may be added again, because rows move between pages."""
        ...

    def count(self) -> int:
        """Return the number of distinct rows."""
        ...


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The id."""
        ...


V = TypeVar("V", bound=Identified)


class Whole(Generic[V]):
    """Keeps all rows completely, each once, in the list's order."""

    def __init__(self) -> None:
        self._rows: dict[str, V] = {}

    def add(self, row: V) -> None:
        """See ``Rows``."""
        self._rows[row.id] = row

    def count(self) -> int:
        """See ``Rows``."""
        return len(self._rows)

    def values(self) -> list[V]:
        """Return the rows in the list's order."""
        return list(self._rows.values())
