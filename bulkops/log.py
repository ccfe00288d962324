"""Log events that carry their context: a journal's run id, an operation's key.

Every module's ``log`` is a ``Log``. Events logged while a job runs have the field ``run_id``, and
events logged while an operation runs have the field ``operation``, for every handler. Both are
context variables, so concurrent operations don't mix.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

# A library prints no logs by itself, not even warnings: its caller adds a handler.
logging.getLogger("bulkops").addHandler(logging.NullHandler())

_RUN_ID: ContextVar[str] = ContextVar("run_id", default="")


class Keyed(Protocol):
    """Something with a key, such as an operation."""

    @property
    def key(self) -> str:
        """The key that log events show."""
        ...


CARRIED_OUT: ContextVar[Keyed | None] = ContextVar("operation", default=None)
"""The running operation; not its key, which takes time to build and is seldom logged."""


@contextmanager
def execution_of(run_id: str) -> Iterator[None]:
    """Give this ``run_id`` to every event of the block and of the tasks it starts."""
    before = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(before)


class Log(logging.LoggerAdapter[logging.Logger]):
    """A module's logger; an event's own fields win over those of its context."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Add the context's fields; called only for events that have a handler."""
        fields: dict[str, object] = {}
        if run_id := _RUN_ID.get():
            fields["run_id"] = run_id
        if operation := CARRIED_OUT.get():
            fields["operation"] = operation.key
        return msg, {**kwargs, "extra": {**fields, **(kwargs.get("extra") or {})}}
