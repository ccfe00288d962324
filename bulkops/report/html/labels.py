"""Labels of charts whose width follows the page. Pure.

A chart is drawn in percent of its width, but its text keeps its size in pixels: a narrow page has
room for fewer labels. Each label is laid out for each page size, and the style sheet hides it in
the sizes that have no room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

CHARACTER = 6.6
"""Average width of a character, in pixels."""
SIZES = {"narrow": 222.0, "medium": 450.0, "wide": 920.0}
"""Page size → the least width of a chart there, in pixels; ``style.css`` has the page sizes."""


class Place(NamedTuple):
    """Where a label is.

    Attributes:
        x: percent of the chart's width.
        anchor: which part of the text is at ``x``: ``start``, ``middle`` or ``end``.
        below: second line of the label, empty if none.
    """

    x: float
    text: str
    anchor: str = "middle"
    below: str = ""


class Label(NamedTuple):
    """A label and the page sizes in which it is hidden, as class names: ``not-narrow``."""

    place: Place
    hidden: str


def labels(placed: Callable[[float], Iterable[Place]]) -> list[Label]:
    """Return the labels of all page sizes; one that several sizes share is returned once.

    Args:
        placed: labels that a chart of so many pixels has room for.
    """
    sizes = dict[Place, set[str]]()
    for size, width in SIZES.items():
        for place in placed(width):
            sizes.setdefault(place, set()).add(size)
    return [
        Label(place, " ".join(f"not-{size}" for size in SIZES if size not in shown))
        for place, shown in sizes.items()
    ]


def length(text: str) -> float:
    """Return about how many pixels a text takes."""
    return len(text) * CHARACTER
