"""All records of a journal → where the job stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from bulkops.journal.records import (
    Ended,
    Execution,
    Header,
    Intent,
    Planned,
    Record,
    Result,
    Skipped,
    Verified,
)
from bulkops.operations.model import Operation, Seen, Skip
from bulkops.outcome import Outcome


class Progress(msgspec.Struct):
    """One operation and how far it came.

    Attributes:
        restore: what to go back to, should what we did be taken back.
        intent_at: date of the last intent, ``None`` before the first.
        result: the last one, ``None`` where there is none since the last intent.
    """

    operation: Operation
    restore: Seen | None
    intent_at: str | None = None
    result: Result | None = None

    @property
    def outcome(self) -> Outcome | None:
        """The last result's outcome; in doubt for an intent without one; ``None``: pending."""
        if self.result is not None:
            return self.result.outcome
        return Outcome.IN_DOUBT if self.intent_at is not None else None


class Replay(msgspec.Struct):
    """Where the job stands.

    Attributes:
        operations: key → progress, in the order planned.
    """

    header: Header
    operations: dict[str, Progress] = {}
    skips: list[Skip] = []
    executions: list[Execution] = []
    verified: Verified | None = None
    ended: Ended | None = None

    @property
    def unfinished(self) -> bool:
        """Whether some operation is pending or in doubt."""
        return any(self.having(None, Outcome.IN_DOUBT))

    def having(self, *outcomes: Outcome | None) -> Iterator[Progress]:
        """Yield the operations with one of these outcomes."""
        return (p for p in self.operations.values() if p.outcome in outcomes)

    def count(self, *outcomes: Outcome | None) -> int:
        """Return how many operations have one of these outcomes."""
        return sum(1 for _ in self.having(*outcomes))

    def take(self, record: Record) -> None:
        """Go one record further."""
        match record:
            case Intent():
                progress = self.operations[record.key]
                progress.intent_at, progress.result = record.at, None
            case Result():
                self.operations[record.key].result = record
            case Planned():
                self._plan(record)
            case Skipped():
                self.skips.append(Skip(record.target, record.reason, record.blocked))
            case Execution():
                self.executions.append(record)
                self.ended = self.verified = None
            case Verified():
                self.verified = record
            case Ended():
                self.ended = record
            case _:
                raise ValueError("a second header")

    def _plan(self, record: Planned) -> None:
        earlier = self.operations.get(record.key)
        restore = record.before
        if earlier is not None and earlier.result is not None and earlier.result.ours:
            # Decided anew from a state that was of our own making: not the one to go back to.
            restore = earlier.restore
        operation = Operation(record.key, record.target, record.before, record.wanted)
        self.operations[record.key] = Progress(operation, restore)


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
    for record in stream:
        try:
            state.take(record)
        except KeyError as error:
            raise ValueError(f"operation {error} was never planned") from error
    return state
