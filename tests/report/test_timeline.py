"""Dates and durations from a journal's records."""

from __future__ import annotations

from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import (
    Ended,
    Execution,
    Holder,
    Intent,
    Paced,
    Record,
    Refused,
    Result,
    Verified,
    WaveReached,
)
from bulkops.journal.states import Outcome, Reached
from bulkops.operations.model import Operation
from bulkops.report.model import report
from bulkops.report.timeline import Moment, Span, Timeline
from bulkops.runner.activity import Activity
from tests.engine.world import PATH, World, job
from tests.journal.samples import first, planned


def at(seconds: float) -> str:
    """Return the date that many seconds after the rollout's start."""
    return f"2026-11-24T21:00:{seconds:06.3f}Z"


def execution(seconds: float) -> Execution:
    """Return the record that starts an execution."""
    return Execution(Holder("ann", "build-7", 1, at(seconds)), "1")


def timeline(*records: Record) -> Timeline:
    """Return the timeline of a plan of three operations and the records after it."""
    built = Timeline()
    for record in [*first(3), *records]:
        built.take(record)
    return built


def done(key: str, seconds: float) -> Result:
    """Return a result."""
    return Result(key, Outcome.SUCCEEDED, at(seconds))


def test_a_duration_is_from_the_first_intent_to_the_result() -> None:
    """A second intent does not restart it; without an intent there is no duration."""
    built = timeline(
        execution(0),
        Intent("attach:ws-0", at(1)),
        Intent("attach:ws-0", at(2)),
        done("attach:ws-0", 3.5),
        done("attach:ws-1", 4),
    )
    assert built.of("attach:ws-0") == Moment(at(3.5), 2.5)
    assert built.of("attach:ws-1") == Moment(at(4), None)
    assert built.of("attach:ws-2") == Moment("", None)


def test_a_duration_does_not_span_executions() -> None:
    """An operation in doubt that the next execution adopts has a date but no duration."""
    sent = (execution(0), Intent("attach:ws-0", at(1)))
    assert timeline(*sent).of("attach:ws-0") == Moment("", None)
    assert timeline(*sent, execution(9), done("attach:ws-0", 10)).of("attach:ws-0").seconds is None


def test_a_clock_set_back_gives_no_negative_duration() -> None:
    """The duration is 0 then."""
    built = timeline(execution(0), Intent("attach:ws-0", at(5)), done("attach:ws-0", 4))
    assert built.of("attach:ws-0") == Moment(at(4), 0.0)


def test_an_execution_spans_from_its_first_request_to_its_last_record() -> None:
    """That is the end of a killed one, too; waiting for a confirmation is not part of it."""
    open_wave = WaveReached(1, 0, 3, Reached.OPEN, at(3))
    built = timeline(
        execution(0),
        Paced(at(2), 30.0, 29.55),
        open_wave,
        Refused(at(4), 0.5),
        Intent("attach:ws-0", at(5)),
        execution(20),
        # An operation that is planned again.
        planned(0),
        Verified(at(25), 3),
        Ended(at(30), "complete"),
    )
    assert built.spans == [
        Span(at(2), at(5), "", "ann@build-7", 30.0, 1),
        Span(at(20), at(30), "complete", "ann@build-7"),
    ]
    assert built.waves == [open_wave]
    assert built.refused == [Refused(at(4), 0.5)]


def test_a_real_rollout_has_every_429_and_every_duration() -> None:
    """The journal has the limit and each 429; every row has a date and a duration."""
    world = World(workspaces=40, faults="POST:429=20%")
    world.apply(job())
    built = Timeline()
    rows = list(report(read(JournalFile(PATH, world.disk), take=built.take).replay, built).rows)
    assert built.spans[0].limit == 30.0
    assert len(built.refused) == built.spans[0].refused == world.simulator.stats.faults["429"] > 0
    assert all(row.at and row.seconds is not None and row.seconds > 0 for row in rows)


def test_an_execution_reports_its_activity() -> None:
    """It counts operations in flight, retries and 429s at each result."""
    world = World(workspaces=40, faults="POST:429=20%")
    world.start(job())
    observed = list[Activity]()

    def look(_operation: Operation, _result: Result) -> None:
        assert world.execution is not None
        observed.append(world.execution.activity())

    world.run(lambda: world.executed(on_result=look))
    assert max(one.in_flight for one in observed) > 1
    last = observed[-1]
    assert (last.in_flight, last.waiting, last.limit, last.others_rate) == (1, 0, 30.0, 0.0)
    assert last.retries == last.refused == world.simulator.stats.faults["429"]
    assert last.requests >= 40 + last.retries
    assert max(one.pause_seconds for one in observed) > 0
