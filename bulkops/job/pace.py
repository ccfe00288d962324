"""``[pace]``: how fast a job goes, and how long it waits for what was lost, or away. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.job.duration import Duration, in_seconds

Rate = Annotated[float, Meta(ge=0.1, le=100_000, description="a number from 0.1 to 100000")]
MOST_OUTAGE = 24 * 3600.0
"""Seconds: whoever is away for longer is not waited for by a process that does nothing else."""

MaxAtOnce = Annotated[int, Meta(ge=1, le=512)]


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[pace]``: how fast; never above the server's own limit.

    Attributes:
        rate: requests a second, reads and retries included; the server's own limit where it is
            lower or nothing is given.
        max_at_once: operations in flight at the same time, unless given as many as pace and
            latency ask for; reading is held by the rate alone.
        settle: how long after a lost answer its effect may still land, and a read still lag.
        outage: how long a server that answers nothing is waited for, at most "24h"; then the job
            ends with exit 1, nothing has failed for it, and the same command resumes it. "0s":
            not at all.
    """

    rate: Rate | None = None
    max_at_once: MaxAtOnce | None = None
    settle: Duration = "10s"
    outage: Duration = "5m"

    def __post_init__(self) -> None:
        """Refuse an outage that nobody waits for."""
        if self.outage_seconds > MOST_OUTAGE:
            raise ValueError(f"outage is at most 24h, and this says {self.outage}")

    @property
    def outage_seconds(self) -> float:
        """``outage`` in seconds."""
        return in_seconds(self.outage)

    @property
    def settle_seconds(self) -> float:
        """``settle`` in seconds."""
        return in_seconds(self.settle)
