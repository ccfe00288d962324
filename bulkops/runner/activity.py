"""What an execution is doing at one moment, for whoever watches it. Pure."""

from __future__ import annotations

import msgspec


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a running execution.

    Attributes:
        in_flight: operations taken up and without a result.
        waiting: of them, those that only wait for a lost answer's effect to settle.
        settle_seconds: until the last of these has settled, or until what was read is read again.
        settle_reason: why it is read again, see ``Settling``; empty if it isn't.
        requests: sent so far by this client, reads included.
        retries: of them, those of a request that was sent before.
        refused: 429s so far.
        limit: requests a second that the server allows, ``None`` where it tells none.
        others_rate: requests a second that other clients of the same user take of it.
        pause_seconds: left of a pause that the server asked for, 0 where there is none.
        pause_status: of the answer that asked for it.
        outage_seconds: since the server answers nothing, 0 while it does.
        outage_borne: seconds that this may last.
        outage_reason: what the last request ended with then, in words.
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
    outage_borne: float = 0.0
    outage_reason: str = ""
    settle_seconds: float = 0.0
    settle_reason: str = ""
