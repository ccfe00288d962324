"""The states of workspaces that jobs change, as comparable values."""

from __future__ import annotations

from collections.abc import Sequence

from bulkops.operations.kinds.replace import OLD
from bulkops.operations.model import Attributes, Operation
from bulkops.operations.wording import is_attachment
from tests.kinds import OLD_TASK, TASK

SETTINGS, REST = "settings", "the rest"
"""The things of a workspace: those that a job changes, and all others."""

Item = tuple[object, ...]
"""One attachment, or settings: the compared values, in the order of their names."""

Shown = tuple[Item, ...]
"""All items of one thing: none, one, or several if a run task is attached more than once."""

There = tuple[str, Item]
"""An item with its id."""

Place = tuple[str, str]
"""A workspace's name, and one of its things: a run task's name, or ``SETTINGS``."""

DESIRED, BEFORE, OTHER = "as wanted", "as before", "otherwise"
"""How the current state compares with an operation."""


def shown_of(attributes: Attributes | None) -> Shown:
    """Return the state of something with these attributes."""
    if attributes is None:
        return ()
    values = (value for _, value in sorted(attributes.items()))
    return (tuple(tuple(value) if isinstance(value, list) else value for value in values),)


def place_of(operation: Operation) -> Place:
    """Return what an operation changes."""
    if not is_attachment(operation):
        return operation.target.name, SETTINGS
    return operation.target.name, OLD_TASK if operation.aspect in (OLD, OLD_TASK) else TASK


def still(operation: Operation, there: Sequence[There]) -> str:
    """Return how the current state compares with an operation's states before and desired.

    It is independent of the engine, whose own comparison is under test.
    """
    there = of_its_own(operation, there)
    if tuple(item for _, item in there) == shown_of(operation.desired):
        return DESIRED
    before = operation.before
    planned = [(before.id, *shown_of(before.attributes))] if before else []
    return BEFORE if list(there) == planned else OTHER


def of_its_own(operation: Operation, there: Sequence[There]) -> Sequence[There]:
    """Return the state of an operation's own attachment, if the run task has several."""
    _, several, _ = operation.kind.partition(".")
    if not several:
        return there
    assert operation.before is not None
    return [one for one in there if one[0] == operation.before.id]
