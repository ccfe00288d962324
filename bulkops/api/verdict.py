"""Decides what an attempt's answer means for the next step. Pure: a table.

| answer                                    | a read     | a write                        |
|-------------------------------------------|------------|--------------------------------|
| 2xx                                       | Succeeded  | Succeeded                      |
| 401                                       | Refused    | Refused; ends the whole job    |
| 425, 429                                  | Retry      | Retry: it had no effect        |
| other 1xx, 3xx, 4xx                       | Refused    | Refused: read back once        |
| 408, 5xx                                  | Retry      | InDoubt                        |
| no answer; the request was never sent     | Retry      | Retry                          |
| no answer, with a lasting cause (TLS)     | Refused    | Refused                        |
| no answer otherwise, or a truncated one   | Retry      | InDoubt                        |

425 means that the server did not process the request (RFC 8470, 5.2), 429 that it refused it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bulkops.api.messages import Request, Response
from bulkops.errors import (
    ApiError,
    NoResponse,
    RateLimited,
    RequestRejected,
    ServerBroken,
    Unauthorized,
)


# gc=False: see bulkops.api.messages.
class Succeeded(msgspec.Struct, frozen=True, gc=False):
    """The server carried the request out."""

    answer: Response


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The request was refused, by the server or on the way; sending it again won't help."""

    answer: Response | NoResponse


class Retry(msgspec.Struct, frozen=True, gc=False):
    """The request had no effect; it is safe to send it again."""

    answer: Response | NoResponse


class InDoubt(msgspec.Struct, frozen=True, gc=False):
    """The answer of a write was lost; the write may or may not have taken effect."""

    answer: Response | NoResponse


Verdict: TypeAlias = Succeeded | Refused | Retry | InDoubt


def is_missing(error: ApiError) -> bool:
    """Return whether an optional read failed as it does on a server without that endpoint.

    Compatible and older servers answer 404, 400 or 405, and some 500. An outage, a 401 or a 429
    say nothing about the endpoint.
    """
    if isinstance(error, ServerBroken):
        return error.status >= 500
    return isinstance(error, RequestRejected) and not isinstance(error, Unauthorized | RateLimited)


def classify(request: Request, answer: Response | NoResponse) -> Verdict:
    """Return the verdict on one attempt's answer (see the table above)."""
    if isinstance(answer, NoResponse):
        if answer.lasting:
            return Refused(answer)
        return InDoubt(answer) if request.writes and answer.sent else Retry(answer)
    if 200 <= answer.status < 300:
        return Succeeded(answer)
    if answer.status in (425, 429):
        return Retry(answer)
    if answer.status >= 500 or answer.status == 408:
        return InDoubt(answer) if request.writes else Retry(answer)
    return Refused(answer)
