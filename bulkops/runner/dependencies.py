"""Which operations may be carried out now, where some come after others. Pure.

| what comes first                | whoever comes after it                        |
|---------------------------------|-----------------------------------------------|
| succeeded, or was a skip        | may be carried out, before what isn't begun   |
| failed, or is in conflict       | is not tried: it has failed without a request |
| is in doubt                     | stays pending: the next execution looks again |
| has not been carried out yet    | waits                                         |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bulkops.journal.progress import Progress
from bulkops.journal.states import DONE, RETRIED, Outcome
from bulkops.operations.model import Operation


class _Held(msgspec.Struct):
    progress: Progress
    waits_for: set[str]


class Order:
    """The work of one execution.

    Args:
        operations: all of the job.

    Attributes:
        ready: may be carried out, in their order.
    """

    def __init__(self, work: Iterable[Progress], operations: Mapping[str, Progress]) -> None:
        self.ready: deque[Progress] = deque()
        self._operations = operations
        self._held: dict[str, _Held] = {}
        self._followers: dict[str, list[str]] = {}
        for progress in work:
            after = progress.operation.after
            unfinished = {key for key in after if operations[key].outcome not in DONE}
            if unfinished:
                self._hold(progress, unfinished)
            else:
                self.ready.append(progress)

    def hopeless(self) -> Iterator[tuple[Operation, str]]:
        """Yield what is never to be tried, and the key of what came first and did not succeed."""
        failed = [key for key in self._followers if self._operations[key].outcome in RETRIED]
        for key in failed:
            yield from self._give_up(key)

    def done(self, key: str, outcome: Outcome) -> Iterator[tuple[Operation, str]]:
        """Take note of a result; yield as ``hopeless`` does."""
        if outcome in RETRIED:
            yield from self._give_up(key)
        elif outcome in DONE:
            # What is begun is finished first: whoever stops us finds few things half-way.
            self.ready.extendleft(reversed(list(self._released(key))))

    def _released(self, key: str) -> Iterator[Progress]:
        for follower in self._followers.pop(key, ()):
            held = self._held.get(follower)
            if held is None:
                continue
            held.waits_for.discard(key)
            if not held.waits_for:
                yield self._held.pop(follower).progress

    def _hold(self, progress: Progress, unfinished: set[str]) -> None:
        key = progress.operation.key
        self._held[key] = _Held(progress, unfinished)
        for first in unfinished:
            self._followers.setdefault(first, []).append(key)

    def _give_up(self, key: str) -> Iterator[tuple[Operation, str]]:
        for follower in self._followers.pop(key, ()):
            held = self._held.pop(follower, None)
            if held is not None:
                yield held.progress.operation, key
                yield from self._give_up(follower)
