"""All records of a journal, in order → dates and durations. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from bulkops.journal.records import (
    Ended,
    Execution,
    Intent,
    Paced,
    Record,
    Refused,
    Result,
    Verified,
    WaveReached,
)

NEVER = -1
"""In place of milliseconds: no date."""


class Span(msgspec.Struct):
    """One execution.

    Attributes:
        started_at: RFC 3339; time at which it knew the server's limit, or else of its start.
        ended_at: RFC 3339; its end, or its last record if it was killed or is still running.
        how: how it ended, of ``How`` or a signal's name; empty if it was killed or is still
            running.
        by: ``user@host``.
        limit: requests per second that the server allowed; ``None`` if it reported no limit.
        refused: number of 429s.
    """

    started_at: str
    ended_at: str
    how: str
    by: str
    limit: float | None = None
    refused: int = 0

    @property
    def seconds(self) -> float:
        """Its duration."""
        # 0 if the wall clock was set back in between.
        return max(0, _milliseconds(self.ended_at) - _milliseconds(self.started_at)) / 1000


class Moment(NamedTuple):
    """Time and duration of an operation's last result.

    Attributes:
        at: RFC 3339; empty if there is no result.
        seconds: time since its intent in the same execution, including waits and retries;
            ``None`` if nothing was sent in that execution.
    """

    at: str
    seconds: float | None


NO_MOMENT = Moment("", None)


class Timeline:
    """Dates and durations of a journal; ``take`` needs every record, in order.

    Attributes:
        spans: executions.
        refused: 429s.
        waves: all records of waves.
    """

    def __init__(self) -> None:
        self._clear()

    def restarted(self) -> Callable[[Record], None]:
        """Forget all records, and return ``take``: the journal is read again."""
        self._clear()
        return self.take

    def _clear(self) -> None:
        self.spans = list[Span]()
        self.refused = list[Refused]()
        self.waves = list[WaveReached]()
        # Milliseconds, by the operation's index in ``_indexes``: compact for a million operations.
        self._indexes = dict[str, int]()
        self._sent = array("q")
        self._done = array("q")
        self._seconds = array("q")

    def of(self, key: str) -> Moment:
        """Return time and duration of an operation's last result."""
        index = self._indexes.get(key)
        if index is None or self._done[index] == NEVER:
            return NO_MOMENT
        took = self._seconds[index]
        return Moment(_date(self._done[index]), None if took == NEVER else took / 1000)

    def take(self, record: Record) -> None:
        """Take the next record."""
        if type(record) is Execution:
            by = record.by
            started = by.started_at
            self.spans.append(Span(started, started, "", f"{by.user}@{by.host}"))
            # Durations across executions are meaningless.
            self._sent = array("q", [NEVER]) * len(self._indexes)
        elif self.spans:
            self._resume(record, self.spans[-1])

    def _resume(self, record: Record, span: Span) -> None:
        match record:
            case Intent(at=at):
                self._intend(record)
            case Result(at=at):
                self._conclude(record)
            case Paced(at=at, limit=limit):
                span.started_at, span.limit = at, limit
            case Refused(at=at):
                span.refused += 1
                self.refused.append(record)
            case WaveReached(at=at):
                self.waves.append(record)
            case Verified(at=at):
                pass
            case Ended(at=at, how=how):
                span.how = how
            case _:
                return
        span.ended_at = at

    def _intend(self, record: Intent) -> None:
        index = self._index(record.key)
        if self._sent[index] == NEVER:
            self._sent[index] = _milliseconds(record.at)

    def _conclude(self, record: Result) -> None:
        index = self._index(record.key)
        done, sent = _milliseconds(record.at), self._sent[index]
        self._done[index] = done
        # 0 if the wall clock was set back in between.
        self._seconds[index] = NEVER if sent == NEVER else max(0, done - sent)
        self._sent[index] = NEVER

    def _index(self, key: str) -> int:
        index = self._indexes.setdefault(key, len(self._indexes))
        if index == len(self._done):
            for column in (self._sent, self._done, self._seconds):
                column.append(NEVER)
        return index


def _milliseconds(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _date(milliseconds: int) -> str:
    then = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
