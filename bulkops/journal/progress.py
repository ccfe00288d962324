"""The progress of each operation of a journal, by the operation's key. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from itertools import islice

import msgspec

from bulkops.journal.states import Outcome
from bulkops.operations.model import Attributes, Observed, Operation, Target


# gc=False: see bulkops.api.messages.
class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """The part of a ``Result`` that the rest of the job, its undo and its reports need.

    Attributes:
        request_id: empty unless the operation is in trouble.
        failed_in: number of the execution in which it counted as a failure, 0 if it didn't.
    """

    outcome: Outcome
    ours: bool
    kept: Attributes | None
    attempts: int
    reason: str
    status: int
    request_id: str
    failed_in: int


# gc=False: see bulkops.api.messages.
class Progress(msgspec.Struct, gc=False):
    """One operation and its progress.

    Attributes:
        sent: whether the journal has an intent for it.
        result: the last one, ``None`` if there is none since the last intent.
        id: id of the attachment that the result is about.
    """

    operation: Operation
    sent: bool = False
    result: Conclusion | None = None
    id: str = ""

    @property
    def restore(self) -> Observed | None:
        """The state that an undo restores."""
        return self.operation.before

    @property
    def outcome(self) -> Outcome | None:
        """The last result's outcome; in doubt for an intent without one; ``None``: pending."""
        if self.result is not None:
            return self.result.outcome
        return Outcome.IN_DOUBT if self.sent else None


# Not a field of every operation's progress: it would take 16 bytes of each.
class DecidedAgain(Progress, gc=False):
    """An operation that was decided again from a state that this job wrote.

    Attributes:
        first: the state before the job's first write.
    """

    first: Observed | None = None

    @property
    def restore(self) -> Observed | None:
        """The state before the job."""
        return self.first


Counts = Callable[[Conclusion], bool]
"""Returns whether a result is a failure that counts (see ``Operations.failed``)."""


class _Tally:
    """The number of operations by progress.

    ``counts`` is a parameter, not an attribute: a cycle with its ``Operations`` would keep a
    million operations in memory until the garbage collector finds it.

    Args:
        per_target: count targets with failures, not failures.

    Attributes:
        results: outcome → number of operations whose last result has it.
        unanswered: number of operations that were sent and have no result since.
    """

    __slots__ = ("_failing", "_per_target", "results", "unanswered")

    def __init__(self, counted: Iterable[Progress], counts: Counts, *, per_target: bool) -> None:
        self.results = Counter(dict.fromkeys(Outcome, 0))
        self.unanswered = 0
        self._per_target = per_target
        self._failing = Counter[str]()
        for progress in counted:
            self.add(progress, 1, counts)

    @property
    def failures(self) -> int:
        """The number of last results that are failures that count, or of targets with any."""
        return len(self._failing) if self._per_target else self._failing[""]

    def conclude(
        self, operation: Operation, result: Conclusion, number: int, counts: Counts
    ) -> None:
        """Add ``number`` (1 or -1) to the counts of an operation's last result."""
        self.results[result.outcome] += number
        if result.failed_in and counts(result):
            unit = operation.target.id if self._per_target else ""
            self._failing[unit] += number
            if not self._failing[unit]:
                del self._failing[unit]

    def add(self, progress: Progress, number: int, counts: Counts) -> None:
        """Add ``number`` (1 or -1) to the counts of an operation's progress."""
        if progress.result is not None:
            self.conclude(progress.operation, progress.result, number, counts)
        elif progress.sent:
            self.unanswered += number


class Operations(Mapping[str, Progress]):
    """Key → progress of every operation of a job, in the order planned.

    There may be a million of them, and each key would be another string in memory. So an operation
    is stored under its target's id, which exists already; only further operations on the same
    target are stored under their keys. The counts are built on first use and updated from then on:
    counting while a journal is read would take a tenth of that time (measured).

    Attributes:
        execution: number of the current execution, starting at 1.
        per_target: whether failures are counted by target, not by operation.
    """

    __slots__ = ("_counted_since", "_stored", "_tally", "execution", "per_target")

    def __init__(self) -> None:
        self.per_target = False
        self._stored: dict[str, Progress] = {}
        self._tally: _Tally | None = None
        self._counted_since = 1
        self.execution = 1

    def __getitem__(self, key: str) -> Progress:
        """Return the progress of the operation with a key."""
        kind, _, target_id = key.partition(":")
        progress = self._stored[target_id]
        return progress if progress.operation.kind == kind else self._stored[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return (progress.operation.key for progress in self._stored.values())

    def __len__(self) -> int:
        """Return how many operations were planned."""
        return len(self._stored)

    def values(self) -> ValuesView[Progress]:
        """Return the progress of each operation; unlike ``items``, this builds no keys."""
        return self._stored.values()

    @property
    def results(self) -> Counter[Outcome]:
        """Outcome, in doubt included → number of operations whose last result has it."""
        return self._counted().results

    def count(self, outcome: Outcome | None) -> int:
        """Return the number of operations with an outcome; ``None``: those pending."""
        tally = self._counted()
        if outcome is None:
            return len(self._stored) - tally.results.total() - tally.unanswered
        return tally.results[outcome] + (tally.unanswered if outcome is Outcome.IN_DOUBT else 0)

    @property
    def failures(self) -> int:
        """The number of failures that count (see ``failed``)."""
        return self._counted().failures

    def failed(self, start: int, end: int) -> int:
        """Return the failures that count among the operations from ``start`` up to ``end``.

        With ``per_target``, the targets that have any. A failure counts until the job continues
        past it (``--continue``). An operation in doubt counts only in the execution that left it in
        doubt, since the next one reads it again.
        """
        return sum(1 for _ in self.failing(start, end)) if self.failures else 0

    def failing(self, start: int, end: int) -> Iterable[str]:
        """Return the keys of the operations that ``failed`` counts, or the ids of the targets."""
        part = islice(self._stored.values(), start, end)
        failed = (p.operation for p in part if p.result is not None and self._counts(p.result))
        return dict.fromkeys(map(self.unit, failed)) if self.per_target else map(self.unit, failed)

    def unit(self, operation: Operation) -> str:
        """Return what counts if an operation fails or drifts: its key, or its target's id."""
        return operation.target.id if self.per_target else operation.key

    def begin(self, execution: int, *, continued: bool) -> None:
        """Record the start of an execution; if ``continued``, earlier failures stop counting."""
        self.execution = execution
        if continued:
            self._counted_since = execution
        if self._tally is not None and self._tally.failures:
            self._tally = None

    def _counts(self, result: Conclusion) -> bool:
        if result.outcome is Outcome.IN_DOUBT:
            return result.failed_in == self.execution
        return result.failed_in >= self._counted_since

    def put(self, operation: Operation) -> Progress | None:
        """Add a pending operation; replace and return an earlier one with the same key."""
        place = operation.target.id
        earlier = self._stored.get(place)
        if earlier is not None and earlier.operation.kind != operation.kind:
            place = operation.key
            earlier = self._stored.get(place)
        if earlier is not None and self._tally is not None:
            self._tally.add(earlier, -1, self._counts)
        if earlier is not None and earlier.result is not None and earlier.result.ours:
            self._stored[place] = DecidedAgain(operation, first=earlier.restore)
        else:
            self._stored[place] = Progress(operation)
        return earlier

    def send(self, key: str) -> None:
        """Record that an operation is being sent; its last result no longer holds."""
        progress = self[key]
        if self._tally is not None:
            self._tally.add(progress, -1, self._counts)
            self._tally.unanswered += 1
        progress.sent, progress.result = True, None

    def conclude(self, key: str, ident: str, result: Conclusion) -> None:
        """Record an operation's result, and the id of the attachment that it is about."""
        progress = self[key]
        if self._tally is not None:
            self._tally.add(progress, -1, self._counts)
            self._tally.conclude(progress.operation, result, 1, self._counts)
        before = progress.operation.before
        progress.id = before.id if before and before.id == ident else ident
        progress.result = result

    def _counted(self) -> _Tally:
        if self._tally is None:
            progress = self._stored.values()
            self._tally = _Tally(progress, self._counts, per_target=self.per_target)
        return self._tally

    @property
    def target_ids(self) -> list[str]:
        """The ids of all targets, without duplicates."""
        kept = self._stored.items()
        return [place for place, progress in kept if place == progress.operation.target.id]

    def target(self, ident: str) -> Target | None:
        """Return the target with an id, ``None`` if no operation is about it."""
        progress = self._stored.get(ident)
        return None if progress is None else progress.operation.target

    def same(self, target_id: str, ident: str) -> tuple[str, str]:
        """Return two ids as the equal strings that are stored here already, if any.

        For a second operation on a target, only the target's id is found.
        """
        progress = self._stored.get(target_id)
        if progress is None:
            return target_id, ident
        operation = progress.operation
        known = (progress.id, operation.before_id)
        return operation.target.id, next((one for one in known if one == ident), ident)
