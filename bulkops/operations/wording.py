"""Operations and what they change, in words for plans and reports. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from bulkops.checking import shown
from bulkops.operations.model import Attributes, Operation, Seen

DIGEST = "hmac-key-sha256"
"""Stands for the attribute that is never shown."""

LEVEL = "enforcement-level"
"""The attribute that only an attachment has."""

Verb: TypeAlias = Literal[
    "attach", "create", "update", "detach", "delete", "enable", "disable", "rotate"
]
"""What an operation does, of whichever kind."""

VERBS: tuple[Verb, ...] = get_args(Verb)


def verb(operation: Operation) -> Verb:
    """Return what happens: attach, update, detach; elsewhere enable, disable, rotate, …."""
    attachment = is_attachment(operation)
    if operation.before is None:
        return "attach" if attachment else "create"
    if operation.wanted is None:
        return "detach" if attachment else "delete"
    if DIGEST in operation.wanted:
        return "rotate"
    if list(operation.wanted) == ["enabled"]:
        return "enable" if operation.wanted["enabled"] else "disable"
    return "update"


def state(operation: Operation, attributes: Attributes | None) -> str:
    """Return what an operation is about in words, ``None`` for absent.

    ``mandatory at post_plan`` and ``not attached`` of an attachment, of anything else
    ``terraform-version 1.6.0, auto-apply true`` and ``not there``.
    """
    if is_attachment(operation):
        return attachment(attributes)
    if attributes is None:
        return "not there"
    return ", ".join(_attribute(name, value) for name, value in attributes.items())


def reading(operation: Operation, seen: Sequence[Seen]) -> str:
    """Return what a reading shows: one state, or how many attachments there are.

    Of a kind with several aspects it says which: ``old: advisory at post_plan``.
    """
    if len(seen) > 1:
        return _named(operation, attachments(seen))
    return _named(operation, state(operation, seen[0].attributes if seen else None))


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


def _named(operation: Operation, words: str) -> str:
    # That of a run task an aspect called task is meant goes without saying.
    called = operation.aspect
    return f"{called}: {words}" if called and called not in operation.target.said else words


def _change_of(operation: Operation) -> str:
    before, wanted = operation.before, operation.wanted
    if before is None:
        return state(operation, wanted)
    if is_attachment(operation) or wanted is None:
        return f"{state(operation, before.attributes)} → {state(operation, wanted)}"
    if DIGEST in wanted:
        return f"→ the HMAC key with SHA-256 {wanted[DIGEST]}"
    changed = [name for name, value in wanted.items() if before.attributes.get(name) != value]
    return ", ".join(_change(name, before.attributes.get(name), wanted[name]) for name in changed)


def is_attachment(operation: Operation) -> bool:
    """Return whether an operation is about a run task's attachment with a workspace."""
    before = operation.before.attributes if operation.before else {}
    return LEVEL in before or LEVEL in (operation.wanted or {})


def attachment(attributes: Attributes | None) -> str:
    """Return one attachment in words: ``mandatory at post_plan``, ``not attached``."""
    if attributes is None:
        return "not attached"
    stages = attributes.get("stages")
    places = ", ".join(map(str, stages)) if isinstance(stages, list | tuple) else "no stage"
    return f"{attributes.get(LEVEL)} at {places}"


def attachments(seen: Sequence[Seen]) -> str:
    """Return attachments in words: the state of one, the ids of several."""
    if len(seen) > 1:
        return f"{len(seen)} attachments ({', '.join(s.id for s in seen)})"
    return attachment(seen[0].attributes if seen else None)


def _change(name: str, before: object, wanted: object) -> str:
    if name == "enabled":
        return f"{_attribute(name, before)} → {_attribute(name, wanted)}"
    return f"{name} {_value(before)} → {_value(wanted)}"


def _attribute(name: str, value: object) -> str:
    if name == "enabled":
        return "enabled" if value else "disabled"
    return f"{name} {_value(value)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    plain = isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,80}", value)
    return str(value) if plain else shown(value)
