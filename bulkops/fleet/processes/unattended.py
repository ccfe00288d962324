"""How long a process waits for shards of earlier waves that other processes are to run.

A shard that a process runs is waited for however long it takes, as is one that makes any progress.
If no process runs any of them for an hour, none is expected: their process was never started, or
was not started again. The user, or the platform, starts it, and the waiting one again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from bulkops.clock import Clock
from bulkops.errors import BulkopsError
from bulkops.fleet.waves import ShardProgress, State
from bulkops.job.duration import in_words
from bulkops.journal.records import Holder
from bulkops.text import listed

LONGEST = 3600.0
"""Seconds without a process that runs one of them, after which the waiting ends: as long as a
rollout in which nothing was left to do accepts processes (``record``)."""
CHECK = 300.0
"""Seconds until their journals are looked at again, while nothing changes."""
SAY_AGAIN = 900.0
"""Seconds until the waiting is reported again."""


class Awaited(NamedTuple):
    """What a process waits for.

    Attributes:
        shards: name → state.
        seconds: since when no process has run any of them, as far as is known.
    """

    wave: int
    shards: Mapping[str, State]
    seconds: float

    def in_words(self) -> str:
        """Return which wave, and which shards: ``wave 1: acme-1 (not begun)``."""
        shards = [f"{name} ({state})" for name, state in self.shards.items()]
        return f"wave {self.wave} to end in other processes: {listed(shards)}"


class Unattended:
    """Watches whether any process runs the shards that this one waits for.

    Args:
        holder_of: returns the process that holds a shard's newest journal.
        on_wait: called when a wave is waited for, and now and then after that.
    """

    def __init__(
        self,
        clock: Clock,
        holder_of: Callable[[str], Awaitable[Holder | None]],
        on_wait: Callable[[Awaited], object],
    ) -> None:
        self._clock = clock
        self._holder_of = holder_of
        self._on_wait = on_wait
        self._seen: object = None
        self._wave = 0
        self._since = self._check_at = self._say_at = 0.0

    async def check(self, wave: int, shards: Mapping[str, ShardProgress]) -> None:
        """Take notice of the shards of other processes that are waited for; perhaps none.

        Raises:
            BulkopsError: no process has run any of them for an hour.
            JournalError: see ``ShardJob.newest``.
        """
        now = self._clock.now()
        if (wave, shards) != self._seen:
            self._seen = wave, {**shards}
            self._attended(now)
        elif shards and now >= min(self._check_at, self._say_at, self._since + LONGEST):
            for name in shards:
                if await self._holder_of(name) is not None:
                    self._attended(now)
                    break
            self._check_at = now + CHECK
        if not shards:
            return
        # What was recorded as running was interrupted, if no process holds its journal.
        seconds = now - self._since
        gone = {State.RUNNING: State.INTERRUPTED} if seconds >= CHECK else {}
        states = {name: gone.get(one.state, one.state) for name, one in shards.items()}
        awaited = Awaited(wave, states, seconds)
        if awaited.seconds >= LONGEST:
            raise BulkopsError(
                f"stopped waiting for {awaited.in_words()}: no process has run any of them for "
                f"{in_words(LONGEST)}. Start their process, then run the same command again"
            )
        if wave != self._wave or now >= self._say_at:
            self._wave, self._say_at = wave, now + SAY_AGAIN
            self._on_wait(awaited)

    def _attended(self, now: float) -> None:
        self._since, self._check_at = now, now + CHECK
