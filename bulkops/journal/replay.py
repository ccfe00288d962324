"""All records of a journal → where the job stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern

import msgspec

from bulkops.journal.records import (
    Ended,
    Execution,
    Header,
    Intent,
    Paced,
    Planned,
    Record,
    Refused,
    Result,
    Skipped,
    Verified,
    WaveReached,
)
from bulkops.journal.states import TROUBLE, Outcome, Reached
from bulkops.operations.model import Attributes, Operation, Seen, Shared, Skip


# gc=False: see bulkops.api.messages.
class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """What of a result the rest of a job, its undo and its reports need; see ``Result``.

    Attributes:
        request_id: only where an operation is in trouble.
    """

    outcome: Outcome
    ours: bool
    kept: Attributes | None
    attempts: int
    reason: str
    status: int
    request_id: str


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
    restore: Seen | None
    sent: bool = False
    result: Conclusion | None = None
    id: str = ""

    @property
    def outcome(self) -> Outcome | None:
        """The last result's outcome; in doubt for an intent without one; ``None``: pending."""
        if self.result is not None:
            return self.result.outcome
        return Outcome.IN_DOUBT if self.sent else None


class Replay(msgspec.Struct):
    """Where the job stands.

    There may be a million operations: equal parts of them, and of their results, are kept once.

    Attributes:
        operations: in the order planned, by the id of the target; by the whole key where
            there is one for the target already.
        waves: number → what was last said of it.
    """

    header: Header
    operations: dict[str, Progress] = {}
    skips: list[Skip] = []
    executions: list[Execution] = []
    waves: dict[int, WaveReached] = {}
    verified: Verified | None = None
    ended: Ended | None = None
    _shared: Shared = msgspec.field(default_factory=Shared)
    _conclusions: dict[tuple[bool, bool, int, str, int], Conclusion] = {}

    @property
    def unfinished(self) -> bool:
        """Whether some operation is pending or in doubt."""
        return any(self.having(None, Outcome.IN_DOUBT))

    @property
    def passed(self) -> bool:
        """Whether every wave that has begun has passed its gate."""
        return all(wave.reached is Reached.PASSED for wave in self.waves.values())

    @property
    def target_ids(self) -> list[str]:
        """The ids of all targets, each once."""
        # A target's first operation has its place by the id, any other by its whole key.
        placed = self.operations.items()
        return [place for place, progress in placed if place == progress.operation.target.id]

    def same(self, target_id: str, ident: str) -> tuple[str, str]:
        """Return two ids as the strings that are kept here already, where there are such.

        Of a second operation on the target only the target's id is found.
        """
        progress = self.operations.get(target_id)
        if progress is None:
            return target_id, ident
        operation = progress.operation
        known = (progress.id, operation.before.id if operation.before else "")
        return operation.target.id, next((one for one in known if one == ident), ident)

    def having(self, *outcomes: Outcome | None) -> Iterator[Progress]:
        """Yield the operations with one of these outcomes."""
        return (p for p in self.operations.values() if p.outcome in outcomes)

    def count(self, *outcomes: Outcome | None) -> int:
        """Return how many operations have one of these outcomes."""
        return sum(1 for _ in self.having(*outcomes))

    def of(self, key: str) -> Progress:
        """Return the progress of the operation with a key; raises ``KeyError`` for none."""
        kind, _, target_id = key.partition(":")
        progress = self.operations[target_id]
        return progress if progress.operation.kind == kind else self.operations[key]

    def knows(self, key: str) -> bool:
        """Whether there is an operation with a key."""
        try:
            return self.of(key).operation.key == key
        except KeyError:
            return False

    def take(self, record: Record) -> None:
        """Go one record further."""
        # Not ``isinstance``: of a Struct's class it takes longer than all the rest (measured).
        if type(record) is Intent:
            progress = self.of(record.key)
            progress.sent, progress.result = True, None
        elif type(record) is Result:
            self._conclude(record)
        elif type(record) is Planned:
            self._plan(record)
        elif type(record) is Skipped:
            self.skips.append(Skip(record.target, intern(record.reason), record.blocked))
        else:
            self._go_on(record)

    def _go_on(self, record: Record) -> None:
        match record:
            case Execution():
                self.executions.append(record)
                self.ended = self.verified = None
            case WaveReached():
                self.waves[record.number] = record
            case Verified():
                self.verified = record
            case Ended():
                self.ended = record
            case Paced() | Refused():
                pass
            case _:
                raise ValueError("a second header")

    def _conclude(self, record: Result) -> None:
        progress = self.of(record.key)
        before = progress.operation.before
        progress.id = before.id if before and before.id == record.id else record.id
        if record.outcome in TROUBLE:
            progress.result = self._conclusion(record, record.request_id)
            return
        succeeded = record.outcome is Outcome.SUCCEEDED
        said = (succeeded, record.ours, record.attempts, record.reason, record.status)
        result = self._conclusions.get(said)
        if result is None:
            result = self._conclusions[said] = self._conclusion(record, "")
        progress.result = result

    def _conclusion(self, record: Result, request_id: str) -> Conclusion:
        return Conclusion(
            outcome=record.outcome,
            ours=record.ours,
            kept=None if record.kept is None else self._shared(record.kept),
            attempts=record.attempts,
            reason=record.reason,
            status=record.status,
            request_id=request_id,
        )

    def _plan(self, record: Planned) -> None:
        kind, _, target_id = record.key.partition(":")
        if target_id != record.target.id:
            raise ValueError(f"operation {record.key} has another target, {record.target.id}")
        before, wanted = record.before, record.wanted
        before = before and Seen(before.id, self._shared(before.attributes))
        wanted = None if wanted is None else self._shared(wanted)
        place = target_id
        earlier = self.operations.get(place)
        if earlier is not None and earlier.operation.kind != kind:
            place = record.key
            earlier = self.operations.get(place)
        restore = before
        if earlier is not None and earlier.result is not None and earlier.result.ours:
            # Decided anew from a state that was of our own making: not the one to go back to.
            restore = earlier.restore
        operation = Operation(
            *(intern(kind), record.target, before, wanted, intern(record.aspect), record.after),
            intern(record.said),
        )
        self.operations[place] = Progress(operation, restore)


def replay(records: Iterable[Record]) -> Replay:
    """Return where the job stands after these records.

    Raises:
        ValueError: the first is no header, or one speaks of an operation never planned.
    """
    stream = iter(records)
    header = next(stream, None)
    if not isinstance(header, Header):
        raise ValueError("the first record is no header")  # noqa: TRY004 - the file's fault
    state = Replay(header)
    take = state.take
    try:
        for record in stream:
            take(record)
    except KeyError as error:
        raise ValueError(f"an operation on {error} was never planned") from error
    return state
