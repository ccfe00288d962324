"""How far each operation of a journal has come, by the operation's key. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from itertools import islice

import msgspec

from bulkops.journal.states import Outcome
from bulkops.operations.model import Attributes, Observed, Operation


# gc=False: see bulkops.api.messages.
class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """What of a result the rest of a job, its undo and its reports need; see ``Result``.

    Attributes:
        request_id: only where an operation is in trouble.
        failed_in: the number of the execution in which it counted as a failure, 0 for none.
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
    """One operation and how far it came.

    Attributes:
        restore: what to go back to, should what we did be taken back.
        sent: there is an intent.
        result: the last one, ``None`` where there is none since the last intent.
        id: of the attachment the result speaks of.
    """

    operation: Operation
    restore: Observed | None
    sent: bool = False
    result: Conclusion | None = None
    id: str = ""

    @property
    def outcome(self) -> Outcome | None:
        """The last result's outcome; in doubt for an intent without one; ``None``: pending."""
        if self.result is not None:
            return self.result.outcome
        return Outcome.IN_DOUBT if self.sent else None


class _Tally:
    """How many operations have come how far.

    Attributes:
        results: each outcome → operations of which that is the last result.
        unanswered: operations that were sent and have no result since.
        failures: operations whose last result is a failure that counts.
    """

    __slots__ = ("_counts", "failures", "results", "unanswered")

    def __init__(self, counted: Iterable[Progress], counts: Callable[[Conclusion], bool]) -> None:
        self.results = Counter(dict.fromkeys(Outcome, 0))
        self.unanswered = self.failures = 0
        self._counts = counts
        for progress in counted:
            self.add(progress, 1)

    def conclude(self, result: Conclusion, number: int) -> None:
        """Count a last result so many times more."""
        self.results[result.outcome] += number
        if result.failed_in and self._counts(result):
            self.failures += number

    def add(self, progress: Progress, number: int) -> None:
        """Count an operation as it stands so many times more."""
        if progress.result is not None:
            self.conclude(progress.result, number)
        elif progress.sent:
            self.unanswered += number


class Operations(Mapping[str, Progress]):
    """Key → progress of every operation of a job, in the order planned.

    There may be a million of them, and a key is a string of its own: an operation is kept under
    its target's id, which is there already, and only a target's further ones under their keys.
    How many have come how far is counted when it is first asked for, and kept from then on: to
    count while a journal is read would take a tenth of that time (measured).

    Attributes:
        execution: the number of the one that goes on, from 1.
    """

    __slots__ = ("_counted_since", "_kept", "_tally", "execution")

    def __init__(self) -> None:
        self._kept: dict[str, Progress] = {}
        self._tally: _Tally | None = None
        self._counted_since = 1
        self.execution = 1

    def __getitem__(self, key: str) -> Progress:
        """Return the progress of the operation with a key."""
        kind, _, target_id = key.partition(":")
        progress = self._kept[target_id]
        return progress if progress.operation.kind == kind else self._kept[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return (progress.operation.key for progress in self._kept.values())

    def __len__(self) -> int:
        """Return how many operations were planned."""
        return len(self._kept)

    def values(self) -> ValuesView[Progress]:
        """Return the progress of each, without its key being made."""
        return self._kept.values()

    @property
    def results(self) -> Counter[Outcome]:
        """Each outcome → operations of which that is the last result; in doubt is one, too."""
        return self._counted().results

    def count(self, outcome: Outcome | None) -> int:
        """Return how many operations have an outcome; ``None``: are pending."""
        tally = self._counted()
        if outcome is None:
            return len(self._kept) - tally.results.total() - tally.unanswered
        return tally.results[outcome] + (tally.unanswered if outcome is Outcome.IN_DOUBT else 0)

    @property
    def failures(self) -> int:
        """How many operations' last result is a failure that counts; see ``failed``."""
        return self._counted().failures

    def failed(self, start: int, end: int) -> int:
        """Return how many failures count of the operations from ``start`` up to ``end``.

        What failed counts until somebody goes on past it; what is in doubt only in the execution
        that left it so, since the next one looks at it again.
        """
        if not self.failures:
            return 0
        results = (progress.result for progress in islice(self._kept.values(), start, end))
        return sum(result is not None and self._counts(result) for result in results)

    def begin(self, execution: int, *, anew: bool) -> None:
        """Take note that an execution begins; ``anew``: no failure of before counts any more."""
        self.execution = execution
        if anew:
            self._counted_since = execution
        if self._tally is not None and self._tally.failures:
            self._tally.failures = self.failed(0, len(self._kept))

    def _counts(self, result: Conclusion) -> bool:
        if result.outcome is Outcome.IN_DOUBT:
            return result.failed_in == self.execution
        return result.failed_in >= self._counted_since

    def put(self, progress: Progress) -> Progress | None:
        """Add a pending operation; one with its key gives it its place, and is returned."""
        operation = progress.operation
        place = operation.target.id
        earlier = self._kept.get(place)
        if earlier is not None and earlier.operation.kind != operation.kind:
            place = operation.key
            earlier = self._kept.get(place)
        if earlier is not None and self._tally is not None:
            self._tally.add(earlier, -1)
        self._kept[place] = progress
        return earlier

    def send(self, key: str) -> None:
        """Take note that an operation is sent: what its last result was holds no longer."""
        progress = self[key]
        if self._tally is not None:
            self._tally.add(progress, -1)
            self._tally.unanswered += 1
        progress.sent, progress.result = True, None

    def conclude(self, key: str, ident: str, result: Conclusion) -> None:
        """Take note of an operation's result, and of the attachment that it speaks of."""
        progress = self[key]
        if self._tally is not None:
            self._tally.add(progress, -1)
            self._tally.conclude(result, 1)
        before = progress.operation.before
        progress.id = before.id if before and before.id == ident else ident
        progress.result = result

    def _counted(self) -> _Tally:
        if self._tally is None:
            self._tally = _Tally(self._kept.values(), self._counts)
        return self._tally

    @property
    def target_ids(self) -> list[str]:
        """The ids of all targets, each once."""
        kept = self._kept.items()
        return [place for place, progress in kept if place == progress.operation.target.id]

    def same(self, target_id: str, ident: str) -> tuple[str, str]:
        """Return two ids as the strings that are kept here already, where there are such.

        Of a second operation on the target only the target's id is found.
        """
        progress = self._kept.get(target_id)
        if progress is None:
            return target_id, ident
        operation = progress.operation
        known = (progress.id, operation.before_id)
        return operation.target.id, next((one for one in known if one == ident), ident)
