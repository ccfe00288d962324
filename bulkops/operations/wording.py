"""Operations and what they change, in words for plans and reports. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bulkops.operations.model import Attributes, Operation, Seen


def verb(operation: Operation) -> str:
    """Return what happens to the attachment: attach, update or detach."""
    if operation.before is None:
        return "attach"
    return "detach" if operation.wanted is None else "update"


def state(attributes: Attributes | None) -> str:
    """Return an attachment in words: ``mandatory at post_plan``, ``not attached``."""
    if attributes is None:
        return "not attached"
    stages = attributes.get("stages")
    places = ", ".join(map(str, stages)) if isinstance(stages, list | tuple) else "no stage"
    return f"{attributes.get('enforcement-level')} at {places}"


def reading(seen: Sequence[Seen]) -> str:
    """Return what a reading shows: one attachment's state, or how many there are."""
    if len(seen) > 1:
        return f"{len(seen)} attachments ({', '.join(s.id for s in seen)})"
    return state(seen[0].attributes if seen else None)


def change(operation: Operation) -> str:
    """Return what an operation does: ``advisory at post_plan → mandatory at post_plan``."""
    before = operation.before.attributes if operation.before else None
    if operation.before is None:
        return state(operation.wanted)
    return f"{state(before)} → {state(operation.wanted)}"
