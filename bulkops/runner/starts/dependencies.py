"""Which operations may run now, if some come after others. Pure.

| the first operation      | the operation that comes after it                       |
|--------------------------|---------------------------------------------------------|
| succeeded or was skipped | may run, before any target that hasn't started          |
| failed or is in conflict | fails without a request                                 |
| is in doubt              | stays pending: the next execution reads the first again |
| has no result yet        | waits                                                   |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bulkops.journal.progress import Progress
from bulkops.journal.states import DONE, RETRIED, Outcome
from bulkops.operations.model import Operation


class _Waiting(msgspec.Struct):
    progress: Progress
    waits_for: set[str]


class Order:
    """The work of one execution, in the order in which it may run.

    Args:
        operations: all operations of the job.

    Attributes:
        ready: the operations that may run now, in their order.
        continuing: keys of those that come after another one on the same target, which this
            execution has done. They run even if the job's window has closed meanwhile: no target
            is left half-done because of the time.
    """

    def __init__(self, work: Iterable[Progress], operations: Mapping[str, Progress]) -> None:
        self.ready: deque[Progress] = deque()
        self.continuing: set[str] = set()
        self._operations = operations
        self._waiting: dict[str, _Waiting] = {}
        self._followers: dict[str, list[str]] = {}
        for progress in work:
            after = progress.operation.after
            unfinished = {key for key in after if operations[key].outcome not in DONE}
            if unfinished:
                self._wait(progress, unfinished)
            else:
                self.ready.append(progress)

    def hopeless(self) -> Iterator[tuple[Operation, str]]:
        """Yield operations that can't run, each with the key of the first one, which failed."""
        failed = [key for key in self._followers if self._operations[key].outcome in RETRIED]
        for key in failed:
            yield from self._give_up(key)

    def done(self, key: str, outcome: Outcome) -> Iterator[tuple[Operation, str]]:
        """Process a result; yields as ``hopeless`` does."""
        if outcome in RETRIED:
            yield from self._give_up(key)
        elif outcome in DONE and key in self._followers:
            # Finish a started target first, so that an interruption leaves few half-done.
            released = list(self._released(key))
            target = self._operations[key].operation.target
            same = (p.operation for p in released if p.operation.target.id == target.id)
            self.continuing.update(operation.key for operation in same)
            self.ready.extendleft(reversed(released))

    def _released(self, key: str) -> Iterator[Progress]:
        for follower in self._followers.pop(key, ()):
            waiting = self._waiting.get(follower)
            if waiting is None:
                continue
            waiting.waits_for.discard(key)
            if not waiting.waits_for:
                yield self._waiting.pop(follower).progress

    def _wait(self, progress: Progress, unfinished: set[str]) -> None:
        key = progress.operation.key
        self._waiting[key] = _Waiting(progress, unfinished)
        for first in unfinished:
            self._followers.setdefault(first, []).append(key)

    def _give_up(self, key: str) -> Iterator[tuple[Operation, str]]:
        for follower in self._followers.pop(key, ()):
            waiting = self._waiting.pop(follower, None)
            if waiting is not None:
                yield waiting.progress.operation, key
                yield from self._give_up(follower)
