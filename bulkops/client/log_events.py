"""Log events of requests."""

from __future__ import annotations

import logging

from bulkops.api.endpoints import route
from bulkops.api.failures import request_id
from bulkops.api.messages import Response
from bulkops.client.attempt import Attempt
from bulkops.log import Log

log = Log(__name__)


def log_finished(attempt: Attempt) -> None:
    """Log the outcome of one attempt."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    request, answer = attempt.request, attempt.answer
    response = answer if isinstance(answer, Response) else None
    facts = {
        "method": request.method,
        "route": route(request),
        "path": request.path,
        "status": response and response.status,
        "attempt": attempt.number,
        "seconds": round(attempt.seconds, 4),
        "request_id": response and (request_id(response) or None),
        "error": None if response else str(answer),
    }
    log.debug("request_finished", extra=facts)
