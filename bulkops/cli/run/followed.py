"""Derives the activity of an execution that another process runs, from its records.

The journal records neither the number of requests and retries nor whether the server answers. Pure.
"""

from __future__ import annotations

from datetime import datetime

from bulkops.journal.records import (
    Ended,
    Execution,
    Intent,
    Paced,
    Record,
    Refused,
    Rest,
    Result,
    WaveReached,
)
from bulkops.runner.activity import Activity


class Followed:
    """The current execution: what is in flight, its limit, and its own time.

    While records arrive as they are written, its time passes as it does here. If a copy arrives in
    pieces, it passes by the differences between the records' dates; otherwise, everything in one
    piece would have happened in a moment.

    Attributes:
        now: its time, in monotonic seconds.
        arrives_late: whether records arrive later than they are written.
        wave: the last record of a wave.
        rest: until when it rests outside its windows; ``None`` if it doesn't.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.arrives_late = False
        self.wave: WaveReached | None = None
        self.rest: Rest | None = None
        self._in_flight = set[str]()
        self._limit: float | None = None
        self._refused = 0
        self._paused_until = 0.0
        self._date: float | None = None

    def take(self, record: Record) -> None:
        """Take the next record."""
        self._pass_to(record)
        match record:
            case Intent(key=key):
                self._in_flight.add(key)
            case Result(key=key):
                self._in_flight.discard(key)
            case Paced(limit=limit):
                self._limit = limit
            case Refused(seconds=seconds):
                self._refused += 1
                self._paused_until = self.now + seconds
            case WaveReached():
                self.wave = record
            case Rest():
                self.rest = record if record.until else None
            case Execution():
                self._in_flight.clear()
                self.rest = None
                self.wave, self._limit, self._refused, self._paused_until = None, None, 0, 0.0
            case Ended():
                self._in_flight.clear()
            case _:
                pass

    def passes(self, seconds: float) -> None:
        """Let a number of seconds pass on this machine."""
        self.now += seconds

    @property
    def activity(self) -> Activity:
        """What the execution is doing, as far as its journal shows."""
        return Activity(
            in_flight=len(self._in_flight),
            waiting=0,
            requests=0,
            retries=0,
            refused=self._refused,
            limit=self._limit,
            others_rate=0.0,
            pause_seconds=max(0.0, self._paused_until - self.now),
        )

    def _pass_to(self, record: Record) -> None:
        date = seconds_of(getattr(record, "at", ""))
        if date is None:
            return
        if self.arrives_late and self._date is not None:
            self.now += max(0.0, date - self._date)
        self._date = date


def seconds_of(at: str) -> float | None:
    """Return a date (RFC 3339) in seconds, ``None`` if it is not a date: the journal was edited."""
    try:
        return datetime.fromisoformat(at).timestamp()
    except (ValueError, OverflowError):
        return None
