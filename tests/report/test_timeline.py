"""When things happened, by a journal's records."""

from __future__ import annotations

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
    """Return a date so many seconds into the rollout."""
    return f"2026-11-24T21:00:{seconds:06.3f}Z"


def execution(seconds: float) -> Execution:
    """Return the start of an execution."""
    return Execution(Holder("ann", "build-7", 1, at(seconds)), "1")


def timeline(*records: Record) -> Timeline:
    """Return the timeline of a plan of three and what happened then."""
    made = Timeline()
    for record in [*first(3), *records]:
        made.take(record)
    return made


def done(key: str, seconds: float) -> Result:
    """Return a result."""
    return Result(key, Outcome.SUCCEEDED, at(seconds))


def test_an_operation_takes_from_its_first_intent_to_its_result() -> None:
    """Sent twice, it took from the first time on; one that was not sent took no time."""
    made = timeline(
        execution(0),
        Intent("attach:ws-0", at(1)),
        Intent("attach:ws-0", at(2)),
        done("attach:ws-0", 3.5),
        done("attach:ws-1", 4),
    )
    assert made.of("attach:ws-0") == Moment(at(3.5), 2.5)
    assert made.of("attach:ws-1") == Moment(at(4), None)
    assert made.of("attach:ws-2") == Moment("", None)


def test_what_an_earlier_execution_sent_is_no_duration() -> None:
    """An operation left in doubt and adopted by the next execution has a date, no duration."""
    sent = (execution(0), Intent("attach:ws-0", at(1)))
    assert timeline(*sent).of("attach:ws-0") == Moment("", None)
    assert timeline(*sent, execution(9), done("attach:ws-0", 10)).of("attach:ws-0").seconds is None


def test_a_clock_set_back_makes_no_negative_duration() -> None:
    """What ended before it began took no time."""
    made = timeline(execution(0), Intent("attach:ws-0", at(5)), done("attach:ws-0", 4))
    assert made.of("attach:ws-0") == Moment(at(4), 0.0)


def test_an_execution_spans_from_its_first_request_to_what_was_heard_last() -> None:
    """A killed one ends with its last record; waiting for somebody's yes is not part of it."""
    open_wave = WaveReached(1, 0, 3, Reached.OPEN, at(3))
    made = timeline(
        execution(0),
        Paced(at(2), 30.0, 29.55),
        open_wave,
        Refused(at(4), 0.5),
        Intent("attach:ws-0", at(5)),
        execution(20),
        # A job decided anew is planned again.
        planned(0),
        Verified(at(25), 3),
        Ended(at(30), "complete"),
    )
    assert made.spans == [
        Span(at(2), at(5), "", "ann@build-7", 30.0, 1),
        Span(at(20), at(30), "complete", "ann@build-7"),
    ]
    assert made.waves == [open_wave]
    assert made.refused == [Refused(at(4), 0.5)]


def test_a_real_rollout_has_every_429_and_every_duration() -> None:
    """The journal tells of the limit and of each 429, the report when each operation was done."""
    world = World(workspaces=40, faults="POST:429=20%")
    world.apply(job())
    made = Timeline()
    rows = list(report(read(PATH, world.disk, made.take).replay, made).rows)
    assert made.spans[0].limit == 30.0
    assert len(made.refused) == made.spans[0].refused == world.simulator.stats.faults["429"] > 0
    assert all(row.at and row.seconds is not None and row.seconds > 0 for row in rows)


def test_an_execution_tells_what_it_is_doing() -> None:
    """At each result others are in flight, and at the last one none."""
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
