"""Log events, each with the journal's run id and the operation it belongs to.

Every module's ``log`` is a ``Log``. An event logged while a journal's job runs has the field
``run_id``; one logged while an operation runs also has ``operation``. Both are context variables,
so concurrent operations don't mix. The fields are attributes of the log record (``extra``), and
the message shows them too: ``request_finished method=GET status=200 …``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from bulkops.text import escaped

# A library prints nothing by itself, not even warnings: a program that wants them adds a handler.
logging.getLogger("bulkops").addHandler(logging.NullHandler())

_RUN_ID: ContextVar[str] = ContextVar("run_id", default="")


class Keyed(Protocol):
    """Something with a key, such as an operation."""

    @property
    def key(self) -> str:
        """The key that events show."""
        ...


CARRIED_OUT: ContextVar[Keyed | None] = ContextVar("operation", default=None)
"""The operation in progress. Not its key: building one takes time, and most are never logged."""


@contextmanager
def execution_of(run_id: str) -> Iterator[None]:
    """Add ``run_id`` to every event of the block and of the tasks it starts."""
    before = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(before)


class Event(str):
    """An event's name, such as ``wave_reached``; as a log message, its fields follow it.

    It equals its name. Its message is built only if a handler formats it: ``str(event)`` returns
    the name and ``key=value`` for each field that is not ``None``, on one line.
    """

    __slots__ = ("_fields",)

    def __new__(cls, name: str, fields: Mapping[str, object]) -> Event:
        """Return the event; ``fields`` are those of its log record."""
        event = super().__new__(cls, name)
        event._fields = fields
        return event

    _fields: Mapping[str, object]

    def __reduce__(self) -> tuple[type[Event], tuple[str, Mapping[str, object]]]:
        """Return what a copy is built from, for handlers that copy or pickle log records."""
        return Event, (self.name, self._fields)

    @property
    def name(self) -> str:
        """The name alone, as a plain string."""
        return super().__str__()

    def __str__(self) -> str:
        """Return the message."""
        known = (item for item in self._fields.items() if item[1] is not None)
        return " ".join([self.name, *(f"{key}={_shown(value)}" for key, value in known)])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    plain = text.isprintable() and text and not any(mark in text for mark in ' "=')
    if plain:
        return text
    spelled = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(spelled)}"'


class Log(logging.LoggerAdapter[logging.Logger]):
    """A module's logger; an event's own fields override those of its context."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Add the fields; called only if the event's level is enabled."""
        own = kwargs.get("extra") or {}
        fields: dict[str, object] = {}
        if run_id := _RUN_ID.get():
            fields["run_id"] = run_id
        if operation := CARRIED_OUT.get():
            fields["operation"] = operation.key
        # The event's own fields first: a reader of the message looks for those.
        shown = {**own, **{key: value for key, value in fields.items() if key not in own}}
        return Event(str(msg), shown), {**kwargs, "extra": {**fields, **own}}
