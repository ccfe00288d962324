"""``[pace]``: the request rate, and how long to wait for a slow or unavailable server. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import shown
from bulkops.job.duration import Duration, in_seconds

Rate = Annotated[float, Meta(ge=0.1, le=100_000, description="a number from 0.1 to 100000")]
MOST_OUTAGE = 24 * 3600.0
"""Seconds: for a longer outage, resume the job later instead of keeping a process waiting."""

MaxAtOnce = Annotated[int, Meta(ge=1, le=512)]


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[pace]``: the request rate and how long to wait; never above the server's own limit.

    Attributes:
        rate: requests per second, including reads and retries; defaults to the server's own limit
            and never exceeds it.
        max_at_once: operations in flight at the same time; by default, as many as rate and
            latency call for. Reads are limited by ``rate`` only.
        settle: how long after a lost answer the change may still take effect and reads may be
            stale.
        outage: how long to wait for a server that answers nothing, at most "24h"; then the job
            ends with exit 1, without failed operations, and the same command resumes it. "0s"
            means not to wait.
    """

    rate: Rate | None = None
    max_at_once: MaxAtOnce | None = None
    settle: Duration = "10s"
    outage: Duration = "5m"

    def __post_init__(self) -> None:
        """Refuse an outage over the maximum."""
        if self.outage_seconds > MOST_OUTAGE:
            raise ValueError(f"outage = {shown(self.outage)}: give at most 24h")

    @property
    def outage_seconds(self) -> float:
        """``outage`` in seconds."""
        return in_seconds(self.outage)

    @property
    def settle_seconds(self) -> float:
        """``settle`` in seconds."""
        return in_seconds(self.settle)
