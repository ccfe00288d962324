"""What becomes of a list's rows while it is read page by page. Pure."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

Row_contra = TypeVar("Row_contra", contravariant=True)


class Rows(Protocol[Row_contra]):
    """Takes a list's rows, and keeps of them what somebody needs."""

    def add(self, row: Row_contra) -> None:
        """Take a row; it may come again: rows move between pages while a list is read."""
        ...

    def count(self) -> int:
        """Return how many different rows there were."""
        ...


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


V = TypeVar("V", bound=Identified)


class Whole(Generic[V]):
    """Keeps every row, in the list's order, each once."""

    def __init__(self) -> None:
        self._rows: dict[str, V] = {}

    def add(self, row: V) -> None:
        """See ``Rows``."""
        self._rows[row.id] = row

    def count(self) -> int:
        """See ``Rows``."""
        return len(self._rows)

    def values(self) -> list[V]:
        """Return the rows."""
        return list(self._rows.values())
