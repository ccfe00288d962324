"""Events that say what they belong to: the run id of a journal, the key of an operation.

Every module's ``log`` is a ``Log``. Whatever is logged while a journal's job is executed has the
field ``run_id``, and while an operation is carried out ``operation``, for every handler alike; the
two are context variables, so that operations carried out at once don't mix.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

# A library says nothing on its own, warnings included: whoever wants them adds a handler.
logging.getLogger("bulkops").addHandler(logging.NullHandler())

_RUN_ID: ContextVar[str] = ContextVar("run_id", default="")


class Keyed(Protocol):
    """Something with a key, such as an operation."""

    @property
    def key(self) -> str:
        """What events call it."""
        ...


CARRIED_OUT: ContextVar[Keyed | None] = ContextVar("operation", default=None)
"""The operation being carried out. Not its key, which costs time to make: most are never logged."""


@contextmanager
def execution_of(run_id: str) -> Iterator[None]:
    """Let every event of the block, and of what it starts, have this ``run_id``."""
    before = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(before)


class Log(logging.LoggerAdapter[logging.Logger]):
    """A module's logger; an event's own fields come before those of where it happened."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Add the fields; called only for what somebody listens to."""
        fields: dict[str, object] = {}
        if run_id := _RUN_ID.get():
            fields["run_id"] = run_id
        if operation := CARRIED_OUT.get():
            fields["operation"] = operation.key
        return msg, {**kwargs, "extra": {**fields, **(kwargs.get("extra") or {})}}
