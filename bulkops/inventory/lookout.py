"""One list request for several targets whose writes are in doubt: which are worth reading back?"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio

from bulkops.clock import Clock
from bulkops.errors import ApiError, RetriesSpent, Unauthorized
from bulkops.log import CARRIED_OUT
from bulkops.operations.compare import Shown, compare
from bulkops.operations.model import Observations, Operation, observed_in


class Lookout:
    """Reads the lists of a job's targets while several of its operations wait to be read back.

    It decides nothing: an operation that a list shows as done is still read back by itself.

    Args:
        read: reads the lists.
        requests: number of requests that this takes at most.
    """

    def __init__(
        self, clock: Clock, read: Callable[[], Awaitable[Observations]], requests: int
    ) -> None:
        self._clock = clock
        self._read = read
        self._requests = requests
        self._turn = anyio.Lock()
        self._read_at = -math.inf
        self._observations: Observations | None = None

    async def may_be_done(self, operation: Operation, *, waiting: int, since: float) -> bool:
        """Return whether reading an operation's target back now may show that it is done.

        Args:
            waiting: number of operations that wait; the lists are read only if that takes fewer
                requests than to read each of their targets.
            since: time before which the lists were read too long ago.

        Raises:
            Unauthorized, RetriesSpent: as for any request.
        """
        if waiting <= self._requests:
            return True
        async with self._turn:
            if self._read_at < since:
                self._read_at = self._clock.now()
                self._observations = await self._try_to_read()
        if self._observations is None:
            return True
        if operation.aspect not in self._observations:
            return False
        shown = compare(operation, observed_in(self._observations, operation))
        return shown is Shown.DESIRED

    async def _try_to_read(self) -> Observations | None:
        carried_out = CARRIED_OUT.set(None)  # These requests are about no single operation.
        try:
            return await self._read()
        except (Unauthorized, RetriesSpent):
            raise
        except ApiError:
            return None
        finally:
            CARRIED_OUT.reset(carried_out)
