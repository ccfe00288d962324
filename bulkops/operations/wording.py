"""Describes operations and states for people, in plans and reports. Pure.

A report reads only the journal and loads no kind, so attributes decide which words fit. The verb
is in the journal (``Operation.verb``): the kind chose it when the operation was planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bulkops.checking import shown
from bulkops.operations.aspects import attachment as attachments_aspect
from bulkops.operations.aspects.base import Words
from bulkops.operations.inheritance import OVERWRITES, changed_names, inherited_in
from bulkops.operations.model import Attributes, Observed, Operation

WORDS: dict[str, Words] = {}
"""Marker attribute → the words for states that have it, collected from ``Kind.words``.

All other states are described attribute by attribute.
"""

attachment = attachments_aspect.in_words


def learn(words: Sequence[Words]) -> None:
    """Use these words for states with their markers; markers already known keep theirs."""
    for one in words:
        WORDS.setdefault(one.marker, one)


def inferred_verb(before: Observed | None, desired: Attributes | None) -> str:
    """Return the verb of an operation of a journal of bulkops 0.1, which doesn't record it."""
    there = before.attributes if before else {}
    attachment = attachments_aspect.LEVEL in {**there, **(desired or {})}
    if before is None:
        return "attach" if attachment else "create"
    if desired is None:
        return "detach" if attachment else "delete"
    if "hmac-key-sha256" in desired:
        return "rotate"
    if list(desired) == ["enabled"]:
        return "enable" if desired["enabled"] else "disable"
    return "update"


def sign(operation: Operation) -> str:
    """Return ``+`` for what is created, ``-`` for what is removed, ``~`` for a change."""
    if operation.before is None:
        return "+"
    return "-" if operation.desired is None else "~"


def state(operation: Operation, attributes: Attributes | None) -> str:
    """Describe a state of what an operation changes.

    For an attachment ``mandatory at post_plan`` or ``not attached``, for anything else
    ``terraform-version 1.6.0, auto-apply true``, ``execution-mode remote (inherited)`` or
    ``not there``.

    Args:
        attributes: the state, ``None`` for absent.
    """
    for marker, words in WORDS.items():
        if _has(operation, marker):
            return words.state(attributes)
    if attributes is None:
        return "not there"
    inherited = inherited_in(attributes)
    names = (name for name in attributes if not (inherited and name == OVERWRITES))
    return ", ".join(_attribute(name, attributes) for name in names)


def reading(operation: Operation, observed: Sequence[Observed]) -> str:
    """Describe what the server shows: one state, or the number of attachments.

    For kinds with several aspects, the aspect comes first: ``old: advisory at post_plan``.
    """
    if len(observed) > 1:
        return _named(operation, attachments(observed))
    return _named(operation, state(operation, observed[0].attributes if observed else None))


def change(operation: Operation) -> str:
    """Describe what an operation changes.

    For an attachment ``advisory at post_plan → mandatory at post_plan``, for anything else the
    attributes that change: ``terraform-version 1.5.7 → 1.6.0``, ``enabled → disabled``. For kinds
    with several aspects, the aspect comes first: ``old: advisory at post_plan → not attached``.
    """
    return _named(operation, _change_of(operation))


def kind_in_words(kind: str, *, undo: bool) -> str:
    """Return what a job does: ``attach``, ``undo of attach``."""
    return f"undo of {kind}" if undo else kind


def joined(kinds: Iterable[str]) -> str:
    """Return the kinds of a job's steps as one word: ``attach+detach``."""
    return "+".join(kinds)


def in_order(steps: Iterable[str]) -> str:
    """Return what a job does, step by step: ``attach modern-scan, then detach legacy-scan``."""
    return ", then ".join(steps)


def step(kind: str, task: str, replaces: str) -> str:
    """Return what a step of a job does: ``attach modern-scan``, ``workspace-update``."""
    return f"{kind} {subject(task, replaces)}".rstrip()


def kinds_in_words(kinds: str) -> str:
    """Return what ``joined`` kinds do, step by step: ``attach, then detach``."""
    return in_order(kinds.split("+"))


def subject(task: str, replaces: str) -> str:
    """Return which run tasks a job is about: ``old with new``, one name, or empty for none."""
    return f"{replaces} with {task}" if replaces else task


def is_attachment(operation: Operation) -> bool:
    """Return whether an operation changes a run task's attachment to a workspace."""
    return _has(operation, attachments_aspect.LEVEL)


def attachments(observed: Sequence[Observed]) -> str:
    """Describe attachments: the state of one, the ids of several."""
    if len(observed) > 1:
        return f"{len(observed)} attachments ({', '.join(s.id for s in observed)})"
    return attachment(observed[0].attributes if observed else None)


def _named(operation: Operation, words: str) -> str:
    # For a run task, the aspect "task" is obvious.
    aspect = operation.aspect
    return f"{aspect}: {words}" if aspect and aspect not in operation.target.fields else words


def _has(operation: Operation, marker: str) -> bool:
    before = operation.before.attributes if operation.before else {}
    return marker in before or marker in (operation.desired or {})


def _change_of(operation: Operation) -> str:
    before, desired = operation.before, operation.desired
    if before is None:
        return state(operation, desired)
    if desired is None or any(_has(operation, marker) for marker in WORDS):
        there = state(operation, before.attributes)
        return f"{there} → {state(operation, desired)}".lstrip()
    names = changed_names(operation.changed, desired)
    return ", ".join(_change(name, before.attributes, desired) for name in names)


def _change(name: str, before: Attributes, desired: Attributes) -> str:
    if name == "enabled":
        return f"{_attribute(name, before)} → {_attribute(name, desired)}"
    after = _value(desired.get(name))
    if name in inherited_in(desired):
        # Not the value afterwards: by then, the default may be another one.
        after = f"inherited (was {after})"
    return f"{name} {_current(name, before)} → {after}"


def _attribute(name: str, attributes: Attributes) -> str:
    if name == "enabled":
        return "enabled" if attributes.get(name) else "disabled"
    return f"{name} {_current(name, attributes)}"


def _current(name: str, attributes: Attributes) -> str:
    text = _value(attributes.get(name))
    return f"{text} (inherited)" if name in inherited_in(attributes) else text


def _value(value: object) -> str:
    if value is None:
        return "none"
    plain = isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,80}", value)
    return str(value) if plain else shown(value)
