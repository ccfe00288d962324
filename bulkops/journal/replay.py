"""All records of a journal → the state of its job. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern

import msgspec

from bulkops.journal.formats import inferred_verb
from bulkops.journal.progress import Conclusion, Operations, Progress
from bulkops.journal.records import (
    Ended,
    Execution,
    Header,
    Holder,
    Intent,
    Notified,
    Paced,
    Planned,
    Record,
    Refused,
    Rest,
    Result,
    Skipped,
    Verified,
    WaveReached,
)
from bulkops.journal.states import DONE, RETRIED, TROUBLE, Outcome, Reached
from bulkops.operations.model import Observed, Operation, Shared, Skip, Target


class Replay(msgspec.Struct):
    """The state of a job.

    There may be a million operations: equal parts of them and of their results are stored once.

    Attributes:
        waves: number → the wave's last record.
        decided_again: keys of the operations that were decided again after a result, so that the
            server may have shown their desired state a moment earlier.
        rest: until when the execution rests, or rested at its end; ``None`` if it doesn't.
        notified: the notifications of the last execution, delivered or not.
    """

    header: Header
    operations: Operations = msgspec.field(default_factory=Operations)
    skips: list[Skip] = []
    executions: list[Execution] = []
    waves: dict[int, WaveReached] = {}
    decided_again: set[str] = set()
    verified: Verified | None = None
    ended: Ended | None = None
    rest: Rest | None = None
    notified: list[Notified] = []
    _drifted: dict[int, int] = {}
    _shared: Shared = msgspec.field(default_factory=Shared)
    _conclusions: dict[tuple[bool, bool, int, str, int], Conclusion] = {}

    @property
    def failures(self) -> int:
        """Failures that count: since the start, or since the last ``--continue`` past too many."""
        return self.operations.failures + sum(self._drifted.values())

    def failures_in(self, number: int, start: int, end: int) -> int:
        """Return the failures of a wave; its operations are those from ``start`` up to ``end``."""
        return self.operations.failed(start, end) + self.drifted_in(number)

    def drifted_in(self, number: int) -> int:
        """Return how many operations of a wave had drifted when it was verified, and count."""
        return self._drifted.get(number, 0)

    @property
    def unfinished(self) -> bool:
        """Whether any operation is pending or in doubt."""
        return self.count(None, Outcome.IN_DOUBT) > 0

    @property
    def drifted(self) -> int:
        """The number of finished operations that had drifted when they were last verified."""
        differing = self.verified.differing if self.verified else ()
        return sum(self.operations[key].outcome in DONE for key in differing)

    @property
    def to_retry(self) -> bool:
        """Whether ``--retry-failed`` has anything to retry."""
        return self.count(*RETRIED) + self.drifted > 0

    @property
    def last_runner(self) -> Holder:
        """Who ran the job last."""
        return self.executions[-1].by if self.executions else self.header.started_by

    def reached(self, number: int) -> Reached:
        """Return how far a wave has come; a wave without a record is open."""
        wave = self.waves.get(number)
        return wave.reached if wave else Reached.OPEN

    @property
    def passed(self) -> bool:
        """Whether every wave that has begun has passed its gate."""
        return all(wave.reached is Reached.PASSED for wave in self.waves.values())

    def having(self, *outcomes: Outcome | None) -> Iterator[Progress]:
        """Yield the operations with one of these outcomes."""
        return (p for p in self.operations.values() if p.outcome in outcomes)

    def count(self, *outcomes: Outcome | None) -> int:
        """Return how many operations have one of these outcomes."""
        return sum(map(self.operations.count, outcomes))

    def take(self, record: Record) -> None:
        """Apply the next record."""
        # Not ``isinstance``: for a Struct it takes longer than everything else here (measured).
        if type(record) is Intent:
            self.operations.send(record.key)
        elif type(record) is Result:
            self._conclude(record)
        elif type(record) is Planned:
            self._plan(record)
        elif type(record) is Skipped:
            target = _sharing(record.target)
            self.skips.append(Skip(target, intern(record.reason), record.blocked))
        else:
            self._resume(record)

    def _resume(self, record: Record) -> None:
        match record:
            case Execution():
                self.executions.append(record)
                self.operations.begin(len(self.executions), continued=record.continued)
                if record.continued:
                    self._drifted.clear()
                self.ended = self.verified = self.rest = None
                self.notified = []
            case WaveReached():
                self.waves[record.number] = record
                if record.drifted or record.reached is Reached.OPEN:
                    self._drifted[record.number] = record.drifted
            case Verified():
                self.verified = record
            case Rest():
                self.rest = record if record.until else None
            case Notified():
                self.notified.append(record)
            case Ended():
                self.ended = record
            case Paced() | Refused():
                pass
            case _:
                raise ValueError("a second header")

    def _conclude(self, record: Result) -> None:
        if record.outcome in TROUBLE:
            counted = self.operations.execution if record.counts else 0
            result = self._conclusion(record, record.request_id, counted)
            self.operations.conclude(record.key, record.id, result)
            return
        succeeded = record.outcome is Outcome.SUCCEEDED
        parts = (succeeded, record.ours, record.attempts, record.reason, record.status)
        shared = self._conclusions.get(parts)
        if shared is None:
            shared = self._conclusions[parts] = self._conclusion(record, "", 0)
        self.operations.conclude(record.key, record.id, shared)

    def _conclusion(self, record: Result, request_id: str, failed_in: int) -> Conclusion:
        return Conclusion(
            outcome=record.outcome,
            ours=record.ours,
            kept=None if record.kept is None else self._shared(record.kept),
            attempts=record.attempts,
            reason=record.reason,
            status=record.status,
            request_id=request_id,
            failed_in=failed_in,
        )

    def _plan(self, record: Planned) -> None:
        kind, _, target_id = record.key.partition(":")
        if target_id != record.target.id:
            raise ValueError(f"operation {record.key} has another target, {record.target.id}")
        before, desired = record.before, record.desired
        before = before and Observed(before.id, self._shared(before.attributes))
        desired = None if desired is None else self._shared(desired)
        operation = Operation(
            *(intern(kind), _sharing(record.target), before, desired, intern(record.aspect)),
            *(record.after, intern(record.verb or inferred_verb(record.before, record.desired))),
        )
        if self.operations.put(operation) is not None:
            self.decided_again.add(operation.key)


def _sharing(target: Target) -> Target:
    """Return a target whose project is one string for all targets: there are few projects."""
    if not target.project:
        return target
    return Target(target.id, target.name, intern(target.project))


def replay(records: Iterable[Record]) -> Replay:
    """Return the job's state after these records.

    Raises:
        ValueError: the first is not a header, or one is about an operation that was never planned.
    """
    stream = iter(records)
    header = next(stream, None)
    if not isinstance(header, Header):
        raise ValueError("its first record is not a header")  # noqa: TRY004 - the file's fault
    state = Replay(header)
    take = state.take
    try:
        for record in stream:
            take(record)
    except KeyError as error:
        raise ValueError(f"an operation on {error} was never planned") from error
    return state
