"""The engine's clock: one object, which tests replace.

Pauses, settling and pace use ``now``, which is monotonic, so a wall clock that jumps has no
effect. ``boot`` also counts while the machine is suspended: a lease expires meanwhile. ``wall``
only dates records for people.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import anyio
import msgspec

_COUNTS_SUSPENSION = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""Linux has a clock of its own for that; on macOS the monotonic one counts suspension."""


_SECONDS = len("2026-11-24T21:58:03")


class Clock:
    """The event loop's monotonic time and the machine's wall clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return asyncio.get_running_loop().time()

    def boot(self) -> float:
        """Return monotonic seconds, suspension included; needs no event loop."""
        if _COUNTS_SUSPENSION is None:
            return time.monotonic()
        return time.clock_gettime(_COUNTS_SUSPENSION)

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        await anyio.sleep(seconds)

    def wall(self) -> datetime:
        """Return the date and time, in UTC."""
        return datetime.now(UTC)

    def date(self, later: float = 0.0) -> str:
        """Return ``wall`` in RFC 3339 with milliseconds: ``2026-11-24T21:58:03.120Z``.

        Args:
            later: seconds to add.
        """
        then = self.wall() + timedelta(seconds=later)
        # ``isoformat`` takes ten times as long.
        return f"{msgspec.to_builtins(then)[:_SECONDS]}.{then.microsecond // 1000:03}Z"
