"""Events as lines of ``key=value`` or as JSON objects. Imports structlog."""

from __future__ import annotations

import logging

import structlog

from bulkops.log import Event


def formatter(*, json: bool) -> logging.Formatter:
    """Return the formatter for events."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            _named,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _named(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Call a library's event by its name alone: the line has its fields already."""
    message = event["_record"].msg
    if isinstance(message, Event):
        event["event"] = message.name
    return event
