"""Structured events through the standard library's loggers, below ``bulkops``.

Who uses bulkops as a library hears nothing until they set the level of that logger; an event's
fields are then attributes of its record. The command line shows them by ``bulkops.cli.logs``.
"""

from __future__ import annotations

import logging
from typing import cast

import structlog


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; events are ``noun_past_participle`` with fields."""
    wrapped = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast("structlog.stdlib.BoundLogger", wrapped)
