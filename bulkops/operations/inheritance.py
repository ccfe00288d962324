"""Settings that a workspace inherits from its project or organization: execution mode and pool.

Pure. The API shows in ``setting-overwrites`` whether a workspace has its own. A state has that
attribute only if they are inherited, as ``INHERITED``; without it they are the workspace's own, or
it isn't known: a job file doesn't say it, nor a server that is too old, nor a journal of 0.2.

| the state expected | the state shown | is the same if                                     |
|--------------------|-----------------|----------------------------------------------------|
| doesn't say it     | either          | the attributes are equal                           |
| before: inherited  | inherited       | the attributes are equal                           |
| desired: inherited | inherited       | all other attributes are equal: the inherited ones |
|                    |                 | follow a default that may have changed             |
| inherited          | not inherited   | never                                              |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bulkops.operations.model import Attributes, Operation

MODE: Final = "execution-mode"
POOL: Final = "agent-pool-id"
OVERWRITES: Final = "setting-overwrites"

INHERITED: Final[Attributes] = {MODE: False, "agent-pool": False}
"""The value of ``setting-overwrites`` that makes a workspace inherit both; they go together."""


def inherits(attributes: Attributes) -> bool:
    """Return whether these attributes say that mode and pool are inherited."""
    return attributes.get(OVERWRITES) == INHERITED


def with_inheritance(shown: Attributes) -> Attributes:
    """Return what a server shows, with ``setting-overwrites`` only if mode and pool are inherited.

    Args:
        shown: the attributes, with ``setting-overwrites`` as the server shows it, if it does.
    """
    overwrites = shown.get(OVERWRITES)
    inherited = isinstance(overwrites, dict) and overwrites.get(MODE) is False
    return {**_without(shown, OVERWRITES), **({OVERWRITES: INHERITED} if inherited else {})}


def same_as_before(shown: Attributes, before: Attributes) -> bool:
    """Return whether a state shown is the one before."""
    if shown == before:
        return True
    return inherits(shown) and not inherits(before) and _without(shown, OVERWRITES) == before


def as_desired(shown: Attributes, desired: Attributes) -> bool:
    """Return whether a state shown is the desired one."""
    if inherits(shown) and inherits(desired):
        return _without(shown, MODE, POOL) == _without(desired, MODE, POOL)
    return same_as_before(shown, desired)


def inherited_in(attributes: Attributes) -> tuple[str, ...]:
    """Return the names of the inherited attributes: mode and pool, or none."""
    return (MODE, POOL) if inherits(attributes) else ()


def changed_names(changed: Attributes, desired: Attributes) -> Iterable[str]:
    """Return the names of the attributes that change, as people are told: inheriting is the mode's.

    Args:
        changed: those that change, with ``setting-overwrites``.
    """
    if not inherits(desired):
        return changed
    return dict.fromkeys(MODE if name == OVERWRITES else name for name in changed)


def to_send(operation: Operation) -> Attributes:
    """Return the attributes that a write sends: those that differ, but none to be inherited.

    A value sent together with ``setting-overwrites`` would be the workspace's own. Where both were
    inherited, it has no mode of its own yet that would fit a pool alone.
    """
    before, desired, changed = operation.before, operation.desired or {}, operation.changed
    if inherits(desired):
        return _without(changed, MODE, POOL)
    if before is not None and inherits(before.attributes) and POOL in changed:
        return {name: value for name, value in desired.items() if name == MODE or name in changed}
    return changed


def _without(attributes: Attributes, *names: str) -> Attributes:
    return {name: value for name, value in attributes.items() if name not in names}
