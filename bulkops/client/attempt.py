"""What is reported of each attempt of a request, to the log and to other listeners."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bulkops.api.messages import Request, Response
from bulkops.errors import NoResponse


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One attempt of a request, which has just ended.

    Attributes:
        answer: the outcome.
        number: the number of the attempt, starting at 1.
        seconds: the time that it took.
        probe: whether it only looked if the server is back after an outage.
    """

    request: Request
    answer: Response | NoResponse
    number: int
    seconds: float
    probe: bool


OnAttempt = Callable[[Attempt], None]
"""A listener: called in the task that sent the request, so it must neither block nor raise."""
