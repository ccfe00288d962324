"""The library's events on stderr: ``key=value`` in one line, JSON for a command with ``--json``.

The library tells them by the standard library's loggers below ``bulkops``, ``noun_past_participle``
with fields as ``extra``: silent until somebody sets a level. structlog says them.
"""

from __future__ import annotations

import logging
from functools import cached_property

from bulkops.cli.printing import note


def configure(*, debug: bool, json: bool) -> None:
    """Show warnings, and with ``debug`` every request."""
    logger = logging.getLogger("bulkops")
    logger.handlers = [_Handler(json=json)]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)


class _Handler(logging.Handler):
    def __init__(self, *, json: bool) -> None:
        super().__init__()
        self._json = json

    def emit(self, record: logging.LogRecord) -> None:
        note(self._structured.format(record))

    @cached_property
    def _structured(self) -> logging.Formatter:
        # Imported for the first event only: few commands have one, and it takes 0.2 s (measured).
        import structlog

        renderer: structlog.typing.Processor = (
            structlog.processors.JSONRenderer()
            if self._json
            else structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            )
        )
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(),
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
