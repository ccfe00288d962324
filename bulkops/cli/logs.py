"""The library's events on stderr: ``key=value`` in one line, JSON for a command with ``--json``."""

from __future__ import annotations

import logging

from bulkops.cli.printing import note


def configure(*, debug: bool, json: bool) -> None:
    """Show warnings, and with ``debug`` every request."""
    import structlog

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(),
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logger = logging.getLogger("bulkops")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)


class _Stderr:
    """As a log's stream: whatever else is said there goes the same way."""

    def write(self, text: str) -> None:
        note(*text.splitlines())
