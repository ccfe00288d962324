"""Operations and what they change, in words for plans and reports. Pure.

A report has the journal and needs no kind, so that these words are chosen by the attributes. What
happens is in ``Operation.verb``, which its kind has said when it was planned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bulkops.checking import shown
from bulkops.operations.aspects import attachment as attachments_aspect
from bulkops.operations.aspects.base import Words
from bulkops.operations.model import Attributes, Observed, Operation

WORDS: dict[str, Words] = {}
"""Marking attribute → the words for what has it: of the ``words`` of each kind that is known.

Anything else is said attribute by attribute.
"""

attachment = attachments_aspect.in_words


def learn(words: Sequence[Words]) -> None:
    """Say in these words what has their markers; what is known already stays."""
    for one in words:
        WORDS.setdefault(one.marker, one)


def sign(operation: Operation) -> str:
    """Return ``+`` for what is created, ``-`` for what is removed, ``~`` for a change."""
    if operation.before is None:
        return "+"
    return "-" if operation.desired is None else "~"


def state(operation: Operation, attributes: Attributes | None) -> str:
    """Return what an operation is about in words, ``None`` for absent.

    ``mandatory at post_plan`` and ``not attached`` of an attachment, of anything else
    ``terraform-version 1.6.0, auto-apply true`` and ``not there``.
    """
    for marker, words in WORDS.items():
        if _has(operation, marker):
            return words.state(attributes)
    if attributes is None:
        return "not there"
    return ", ".join(_attribute(name, value) for name, value in attributes.items())


def reading(operation: Operation, observed: Sequence[Observed]) -> str:
    """Return what a reading shows: one state, or how many attachments there are.

    Of a kind with several aspects it says which: ``old: advisory at post_plan``.
    """
    if len(observed) > 1:
        return _named(operation, attachments(observed))
    return _named(operation, state(operation, observed[0].attributes if observed else None))


def change(operation: Operation) -> str:
    """Return what an operation does.

    ``advisory at post_plan → mandatory at post_plan`` of an attachment, of anything else what
    changes: ``terraform-version 1.5.7 → 1.6.0``, ``enabled → disabled``. Of a kind with several
    aspects it says which: ``old: advisory at post_plan → not attached``.
    """
    return _named(operation, _change_of(operation))


def kind_in_words(kind: str, *, undo: bool) -> str:
    """Return what a job does by its kind: ``attach``, ``undo of attach``."""
    return f"undo of {kind}" if undo else kind


def subject(task: str, replaces: str) -> str:
    """Return which run tasks a job is about: ``old by new``, the one, or empty for none."""
    return f"{replaces} by {task}" if replaces else task


def is_attachment(operation: Operation) -> bool:
    """Return whether an operation is about a run task's attachment with a workspace."""
    return _has(operation, attachments_aspect.LEVEL)


def attachments(observed: Sequence[Observed]) -> str:
    """Return attachments in words: the state of one, the ids of several."""
    if len(observed) > 1:
        return f"{len(observed)} attachments ({', '.join(s.id for s in observed)})"
    return attachment(observed[0].attributes if observed else None)


def _named(operation: Operation, words: str) -> str:
    # That of a run task an aspect called task is meant goes without saying.
    called = operation.aspect
    return f"{called}: {words}" if called and called not in operation.target.said else words


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
    return ", ".join(
        _change(name, before.attributes.get(name), value)
        for name, value in operation.changed.items()
    )


def _change(name: str, before: object, desired: object) -> str:
    if name == "enabled":
        return f"{_attribute(name, before)} → {_attribute(name, desired)}"
    return f"{name} {_value(before)} → {_value(desired)}"


def _attribute(name: str, value: object) -> str:
    if name == "enabled":
        return "enabled" if value else "disabled"
    return f"{name} {_value(value)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    plain = isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,80}", value)
    return str(value) if plain else shown(value)
