"""When things happened: all records of a journal, in order → dates and durations. Pure."""

from __future__ import annotations

from array import array
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
"""Milliseconds, where there is no date."""


class Span(msgspec.Struct):
    """One execution.

    Attributes:
        started_at: RFC 3339; when it had asked the server for its limit, or was started where it
            came no further.
        ended_at: when it ended, or was heard of last where it was killed or still runs.
        how: it ended: of ``How`` or a signal's name, empty where it was killed or still runs.
        by: ``user@host``.
        limit: requests a second that the server allowed, ``None`` where it told none.
        refused: 429s.
    """

    started_at: str
    ended_at: str
    how: str
    by: str
    limit: float | None = None
    refused: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        # A wall clock that was set back in between says nothing of it.
        return max(0, _milliseconds(self.ended_at) - _milliseconds(self.started_at)) / 1000


class Moment(NamedTuple):
    """When an operation's last result was recorded.

    Attributes:
        at: RFC 3339; empty where there is none.
        seconds: since its intent was recorded in the same execution, waiting and retries
            included; ``None`` where it was not sent then.
    """

    at: str
    seconds: float | None


NO_MOMENT = Moment("", None)


class Timeline:
    """Give it every record of a journal, in order.

    Attributes:
        spans: executions.
        refused: every 429.
        waves: how far each wave came, each time it was said.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all records: they come again."""
        self.spans = list[Span]()
        self.refused = list[Refused]()
        self.waves = list[WaveReached]()
        # Milliseconds by the operation's place in ``_places``: of a million operations, too.
        self._places = dict[str, int]()
        self._sent = array("q")
        self._done = array("q")
        self._seconds = array("q")

    def of(self, key: str) -> Moment:
        """Return when the operation with a key was done."""
        place = self._places.get(key)
        if place is None or self._done[place] == NEVER:
            return NO_MOMENT
        took = self._seconds[place]
        return Moment(_date(self._done[place]), None if took == NEVER else took / 1000)

    def take(self, record: Record) -> None:
        """Go one record further."""
        if type(record) is Execution:
            by = record.by
            started = by.started_at
            self.spans.append(Span(started, started, "", f"{by.user}@{by.host}"))
            # What was sent before was sent by a process that is no more.
            self._sent = array("q", [NEVER]) * len(self._places)
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
        place = self._place(record.key)
        if self._sent[place] == NEVER:
            self._sent[place] = _milliseconds(record.at)

    def _conclude(self, record: Result) -> None:
        place = self._place(record.key)
        done, sent = _milliseconds(record.at), self._sent[place]
        self._done[place] = done
        # A wall clock that was set back in between says nothing of how long it took.
        self._seconds[place] = NEVER if sent == NEVER else max(0, done - sent)
        self._sent[place] = NEVER

    def _place(self, key: str) -> int:
        place = self._places.setdefault(key, len(self._places))
        if place == len(self._done):
            for column in (self._sent, self._done, self._seconds):
                column.append(NEVER)
        return place


def _milliseconds(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _date(milliseconds: int) -> str:
    then = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
