"""What the server shows, held against what an operation was planned from and wants. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from bulkops.operations import wording
from bulkops.operations.aspects.attachment import LEVEL
from bulkops.operations.aspects.base import Attached, Source, WorkspacesOf
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Attributes, Gone, Operation, Seen, Showing, Target


class Shown(Enum):
    """What the server shows, as the rows of the table in ``bulkops.runner.readback``."""

    WANTED = "as wanted"
    BEFORE = "as before"
    OTHER = "anything else"
    SEVERAL = "more than one"


def compare(operation: Operation, seen: Sequence[Seen]) -> Shown:
    """Return how a target's attachments compare with what an operation wants."""
    before, wanted = operation.before, operation.wanted
    if len(seen) > 1:
        return Shown.SEVERAL
    if not seen:
        if wanted is None:
            return Shown.WANTED
        return Shown.BEFORE if before is None else Shown.OTHER
    if wanted is not None and seen[0].attributes == wanted:
        return Shown.WANTED
    return Shown.BEFORE if seen[0] == before else Shown.OTHER


MADE_SO = "somebody else made it so in the meantime"
"""Said where the server shows what an operation wants, and it is not of our making."""


def changed(operation: Operation, seen: Sequence[Seen]) -> str:
    """Return, in words, that the server shows neither what was planned from nor what is wanted."""
    return (
        f"somebody else changed it: the server shows {wording.reading(operation, seen)}, "
        f"planned was {wording.change(operation)}"
    )


def absent(operations: Iterable[Operation], showing: Showing) -> set[Target]:
    """Return the targets of operations of which nothing is shown, so that they may be gone."""
    return {operation.target for operation in operations if _shows_nothing(showing, operation)}


def _shows_nothing(showing: Showing, operation: Operation) -> bool:
    rows = showing.get(operation.aspect)
    return not isinstance(rows, Gone) and not (rows and rows.get(operation.target.id))


def gone(target: Target) -> str:
    """Return, in words, that an operation's target is not found any more."""
    what = "run task" if "task" in target.said else "workspace"
    return f"the {what} is gone, or this token may not see it any more"


def bare(kind: Kind, operation: Operation, showing: Showing) -> str:
    """Return, in words, that an operation takes away the last one; empty where it doesn't.

    Only of a kind that leaves one: see ``Kind.keeps_one``.
    """
    if not kind.keeps_one or operation.wanted is not None:
        return ""
    others = [aspect for aspect in kind.aspects if aspect != operation.aspect]
    if any(showing[aspect].get(operation.target.id) for aspect in others):
        return ""
    none = wording.state(operation, None)
    shown = ", ".join(f"{aspect}: {none}" for aspect in others)
    return f"it would be left with neither: the server shows {shown}"


def showable(source: Source | None, attributes: Attributes, wanted: Attributes) -> bool:
    """Return whether a source shows a target with these attributes, and no others.

    Args:
        wanted: attributes that are compared with them: of a ``shown`` nobody knows what it names.
    """
    match source:
        case None:
            return True
        case Attached():
            level, stages = attributes.get(LEVEL), attributes.get("stages")
            known = isinstance(level, str) and isinstance(stages, list)
            return known and attributes.keys() == {LEVEL, "stages"}
        case WorkspacesOf(fields=fields, shown=shown):
            return attributes.keys() <= {*fields, *(wanted if shown else ())}
        case _:
            return attributes.keys() <= {*source.fields}
