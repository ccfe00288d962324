"""Time as the engine knows it: one object that tests replace.

Pauses, settling and pace go by ``now`` (monotonic: a wall clock that jumps changes nothing);
``wall`` only ever dates records that people read.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import anyio


class Clock:
    """The event loop's monotonic time and the machine's wall clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        await anyio.sleep(seconds)

    def wall(self) -> datetime:
        """Return the date and time, in UTC."""
        return datetime.now(UTC)

    def date(self, later: float = 0.0) -> str:
        """Return ``wall`` as RFC 3339, in milliseconds: ``2026-11-24T21:58:03.120Z``.

        Args:
            later: seconds that are added.
        """
        then = self.wall() + timedelta(seconds=later)
        return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
