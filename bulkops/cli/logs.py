"""structlog on stderr: for people on a terminal, JSON otherwise."""

from __future__ import annotations

import logging
import sys


def configure(*, debug: bool) -> None:
    """Log warnings, and with ``debug`` every request."""
    import structlog

    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.WARNING
        ),
        # Looked up at each call: who runs a command in a test has another stderr each time.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
