"""Compares what the server shows with an operation's states before and desired. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from bulkops.operations import wording
from bulkops.operations.aspects.attachment import LEVEL
from bulkops.operations.aspects.base import Attached, Source, WorkspacesOf
from bulkops.operations.inheritance import as_desired, same_as_before
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Attributes, Gone, Observations, Observed, Operation, Target


class Shown(Enum):
    """What the server shows: the rows of the table in ``bulkops.runner.readback``."""

    DESIRED = "as desired"
    BEFORE = "as before"
    OTHER = "anything else"
    SEVERAL = "more than one"


def compare(operation: Operation, observed: Sequence[Observed]) -> Shown:
    """Return how what the server shows of a target compares with an operation."""
    before, desired = operation.before, operation.desired
    if len(observed) > 1:
        return Shown.SEVERAL
    if not observed:
        if desired is None:
            return Shown.DESIRED
        return Shown.BEFORE if before is None else Shown.OTHER
    shown = observed[0]
    if desired is not None and as_desired(shown.attributes, desired):
        return Shown.DESIRED
    if before is None or shown.id != before.id:
        return Shown.OTHER
    same = same_as_before(shown.attributes, before.attributes)
    return Shown.BEFORE if same else Shown.OTHER


SET_OUTSIDE = "set outside this job in the meantime"
"""The reason if the server already shows what an operation wants, without a write of this job."""


def changed(operation: Operation, observed: Sequence[Observed]) -> str:
    """Return the reason of a conflict: the state shown is neither the one before nor desired."""
    return (
        f"changed outside this job: the server shows {wording.reading(operation, observed)}; "
        f"planned: {wording.change(operation)}"
    )


def absent(operations: Iterable[Operation], observations: Observations) -> set[Target]:
    """Return the targets of operations that the server shows nothing of: they may be gone."""
    return {operation.target for operation in operations if _shows_nothing(observations, operation)}


def _shows_nothing(observations: Observations, operation: Operation) -> bool:
    rows = observations.get(operation.aspect)
    return not isinstance(rows, Gone) and not (rows and rows.get(operation.target.id))


def gone(target: Target) -> str:
    """Return the reason if an operation's target is not found."""
    return f"the {_noun(target)} no longer exists, or this token can't see it"


def reports_gone(reason: str, target: Target) -> bool:
    """Return whether a recorded reason contains ``gone``, in today's wording or that of 0.1."""
    before = f"the {_noun(target)} is gone, or this token may not see it any more"
    return gone(target) in reason or before in reason


def _noun(target: Target) -> str:
    return "run task" if "task" in target.fields else "workspace"


def bare(kind: Kind, operation: Operation, observations: Observations) -> str:
    """Return the reason if an operation would remove the last of a target's aspects, else "".

    Only kinds with ``Kind.never_empty`` have such operations.
    """
    others = kind.beside(operation) if operation.desired is None else ()
    if not others or any(observations[aspect].get(operation.target.id) for aspect in others):
        return ""
    none = wording.state(operation, None)
    shown = ", ".join(f"{aspect}: {none}" for aspect in others)
    return f"it would be left with neither: the server shows {shown}"


def showable(source: Source | None, attributes: Attributes, desired: Attributes) -> bool:
    """Return whether a source can show a target with exactly these attributes.

    Args:
        desired: the operation's desired attributes: a source's ``shown`` may rename attributes,
            so these names are accepted, too.
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
