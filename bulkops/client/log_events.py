"""Log events of requests."""

from __future__ import annotations

import logging

from bulkops.api.endpoints import route
from bulkops.api.jsonapi import request_id
from bulkops.api.messages import Request, Response
from bulkops.errors import NoResponse
from bulkops.log import Log

log = Log(__name__)


def log_finished(
    request: Request, answer: Response | NoResponse, number: int, seconds: float
) -> None:
    """Log the outcome of one attempt.

    Args:
        number: the number of the attempt, starting at 1.
        seconds: the time that it took.
    """
    if not log.isEnabledFor(logging.DEBUG):
        return
    response = answer if isinstance(answer, Response) else None
    facts = {
        "method": request.method,
        "route": route(request),
        "path": request.path,
        "status": response and response.status,
        "attempt": number,
        "seconds": round(seconds, 4),
        "request_id": response and (request_id(response) or None),
        "error": None if response else str(answer),
    }
    log.debug("request_finished", extra=facts)
