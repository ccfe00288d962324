"""What the server shows, held against what an operation was planned from and wants. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from bulkops.operations import wording
from bulkops.operations.aspects.attachment import LEVEL
from bulkops.operations.aspects.base import Attached, Source, WorkspacesOf
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Attributes, Gone, Observations, Observed, Operation, Target


class Shown(Enum):
    """What the server shows, as the rows of the table in ``bulkops.runner.readback``."""

    DESIRED = "as desired"
    BEFORE = "as before"
    OTHER = "anything else"
    SEVERAL = "more than one"


def compare(operation: Operation, observed: Sequence[Observed]) -> Shown:
    """Return how a target's attachments compare with what an operation wants."""
    before, desired = operation.before, operation.desired
    if len(observed) > 1:
        return Shown.SEVERAL
    if not observed:
        if desired is None:
            return Shown.DESIRED
        return Shown.BEFORE if before is None else Shown.OTHER
    if desired is not None and observed[0].attributes == desired:
        return Shown.DESIRED
    return Shown.BEFORE if observed[0] == before else Shown.OTHER


MADE_SO = "somebody else made it so in the meantime"
"""Said where the server shows what an operation wants, and it is not of our making."""


def changed(operation: Operation, observed: Sequence[Observed]) -> str:
    """Return, in words, that the server shows neither what was planned from nor what is wanted."""
    return (
        f"somebody else changed it: the server shows {wording.reading(operation, observed)}, "
        f"planned was {wording.change(operation)}"
    )


def absent(operations: Iterable[Operation], observations: Observations) -> set[Target]:
    """Return the targets of operations of which nothing is shown, so that they may be gone."""
    return {operation.target for operation in operations if _shows_nothing(observations, operation)}


def _shows_nothing(observations: Observations, operation: Operation) -> bool:
    rows = observations.get(operation.aspect)
    return not isinstance(rows, Gone) and not (rows and rows.get(operation.target.id))


def gone(target: Target) -> str:
    """Return, in words, that an operation's target is not found any more."""
    what = "run task" if "task" in target.said else "workspace"
    return f"the {what} is gone, or this token may not see it any more"


def bare(kind: Kind, operation: Operation, observations: Observations) -> str:
    """Return, in words, that an operation takes away the last one; empty where it doesn't.

    Only of a kind that leaves one: see ``Kind.never_empty``.
    """
    if not kind.never_empty or operation.desired is not None:
        return ""
    others = [aspect for aspect in kind.aspects if aspect != operation.aspect]
    if any(observations[aspect].get(operation.target.id) for aspect in others):
        return ""
    none = wording.state(operation, None)
    shown = ", ".join(f"{aspect}: {none}" for aspect in others)
    return f"it would be left with neither: the server shows {shown}"


def showable(source: Source | None, attributes: Attributes, desired: Attributes) -> bool:
    """Return whether a source shows a target with these attributes, and no others.

    Args:
        desired: attributes that are compared with them: of a ``shown`` nobody knows what it names.
    """
    match source:
        case None:
            return True
        case Attached():
            level, stages = attributes.get(LEVEL), attributes.get("stages")
            known = isinstance(level, str) and isinstance(stages, list)
            return known and attributes.keys() == {LEVEL, "stages"}
        case WorkspacesOf(fields=fields, shown=shown):
            return attributes.keys() <= {*fields, *(desired if shown else ())}
        case _:
            return attributes.keys() <= {*source.fields}
