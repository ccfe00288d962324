"""A snapshot of a running execution, for displays and metrics. Pure."""

from __future__ import annotations

import msgspec


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of a running execution.

    Attributes:
        in_flight: number of operations that have started and have no result.
        waiting: those of them that only wait for the effect of a lost answer to settle.
        settle_seconds: remaining seconds until the last of these has settled, or until what was
            read is read again.
        settle_reason: why it is read again (see ``Settling``); empty if it isn't.
        requests: number of requests that this client has sent, reads included.
        retries: those of them that repeat an earlier request.
        refused: number of 429 answers.
        limit: requests per second that the server allows, ``None`` if it sets no limit.
        others_rate: requests per second of it that other clients of the same user take.
        pause_seconds: remaining seconds of a pause that the server asked for, 0 if there is none.
        pause_status: status of the answer that asked for it.
        outage_seconds: seconds since the server stopped answering, 0 while it answers.
        outage_tolerated: seconds that an outage may last before the execution ends.
        outage_reason: human-readable reason of the last failed request of the outage.
    """

    in_flight: int
    waiting: int
    requests: int
    retries: int
    refused: int
    limit: float | None
    others_rate: float
    pause_seconds: float
    pause_status: int = 429
    outage_seconds: float = 0.0
    outage_tolerated: float = 0.0
    outage_reason: str = ""
    settle_seconds: float = 0.0
    settle_reason: str = ""
