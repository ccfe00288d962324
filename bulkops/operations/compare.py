"""What may not be taken away, because nothing would be left. Pure."""

from __future__ import annotations

from bulkops.operations import wording
from bulkops.operations.model import Kind, Operation, Showing


def bare(kind: Kind, operation: Operation, showing: Showing) -> str:
    """Return, in words, that an operation takes away the last one; empty where it doesn't.

    Only of a kind that leaves one: see ``Kind.keeps_one``.
    """
    if not kind.keeps_one or operation.wanted is not None:
        return ""
    others = [aspect for aspect in kind.aspects if aspect != operation.aspect]
    if any(showing[aspect].get(operation.target.id) for aspect in others):
        return ""
    shown = ", ".join(f"{aspect}: {wording.attachment(None)}" for aspect in others)
    return f"it would be left with neither: the server shows {shown}"
