"""Reports to look at: of every outcome, of hostile names, of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from bulkops.journal.records import (
    Ended,
    Execution,
    Holder,
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
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome, Reached
from bulkops.operations.model import Observed, Target
from bulkops.report.html import document
from bulkops.report.model import Report, report
from bulkops.report.timeline import Timeline
from tests.journal.samples import DESIRED, header

HOSTILE = (
    "<script>window.ran = 1; alert(1)</script>",
    '"><img src=x onerror="window.ran = 1">',
    "</script><script>window.ran = 1</script>",
    "<!-- <script> ]]> {{ 7 * 7 }} ${7 * 7}",
    "prod-\u202egnp.exe",
    "line\u2028separator",
    "n" * 300,
)


def at(seconds: float) -> str:
    """Return a date so many seconds into the rollout."""
    then = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key(number: int) -> str:
    """Return an operation's key."""
    return f"attach:ws-{number}"


def planned(number: int, name: str = "") -> Planned:
    """Return a new attachment, every other one a change of one."""
    target = Target(f"ws-{number}", name or f"prod-{number}")
    observed = (
        Observed("wstask-1", {**DESIRED, "enforcement-level": "advisory"}) if number % 2 else None
    )
    return Planned(key(number), target, observed, DESIRED)


def execution(seconds: float, limit: float | None = 30.0) -> list[Record]:
    """Return the start of an execution."""
    return [Execution(Holder("ann", "build-7", 1, at(seconds)), "1"), Paced(at(seconds), limit, 29)]


def done(number: int, seconds: float, took: float = 0.05) -> list[Record]:
    """Return an operation that succeeded at its first attempt."""
    result = Result(key(number), Outcome.SUCCEEDED, at(seconds), attempts=1, status=201)
    return [Intent(key(number), at(seconds - took)), result]


def undone(
    number: int, seconds: float, outcome: Outcome = Outcome.FAILED, reason: str = ""
) -> Result:
    """Return the result of an operation that did not simply succeed."""
    return Result(
        key(number), outcome, at(seconds), attempts=3, reason=reason, status=422, request_id="req-7"
    )


def wave(
    number: int, start: int, end: int, reached: Reached, seconds: float, **more: object
) -> WaveReached:
    """Return how far a wave came."""
    said = WaveReached(number, start, end, reached, at(seconds))
    return msgspec.structs.replace(said, **more)


def made(records: Iterable[Record]) -> Report:
    """Return the report of a journal of these records, read as the command reads it."""
    timeline, records = Timeline(), list(records)
    for record in records:
        timeline.take(record)
    return report(replay(records), timeline)


def rolled_out(
    operations: int, *since: Record | list[Record], waves: tuple[str, ...] = (), skips: int = 0
) -> Report:
    """Return the report of a plan and what happened since."""
    first = msgspec.structs.replace(
        header(operations, skips),
        job={"name": "scan", "operation": {"kind": "attach"}, "rollout": {"waves": waves}},
    )
    records: list[Record] = [first, *map(planned, range(operations))]
    for one in since:
        records += one if isinstance(one, list) else [one]
    return made(records)


def of_every_outcome() -> Report:
    """Return a rollout in two executions in which everything happens that can."""
    blocked = Skipped(Target("ws-b", "prod-blocked"), "attached 2 times", blocked=True)
    return rolled_out(
        12,
        Skipped(Target("ws-x", "prod-left-alone"), "already attached as wanted"),
        blocked,
        execution(0),
        wave(1, 0, 3, Reached.OPEN, 0.1),
        *(done(number, 0.5 + number / 2) for number in range(3)),
        wave(1, 0, 3, Reached.VERIFIED, 2.0, drifted=1),
        wave(1, 0, 3, Reached.VERIFIED, 2.0, until=at(100)),
        wave(1, 0, 3, Reached.RESTED, 100.0),
        wave(1, 0, 3, Reached.PASSED, 101.0, status=0),
        wave(2, 3, 12, Reached.OPEN, 101.0),
        done(3, 102.0, took=0.9),
        Refused(at(102.2), 0.5),
        undone(4, 103.0, reason="422 no <b>such</b> stage"),
        undone(5, 103.0, Outcome.CONFLICT, "somebody else changed it"),
        Intent(key(6), at(103.5)),
        Ended(at(104.0), "SIGINT"),
        execution(200.0),
        undone(7, 201.0, Outcome.SKIPPED, "already as wanted"),
        *(done(number, 202.0 + number / 10, took=1.5) for number in (8, 9, 10)),
        Verified(at(204.0), 7, {key(0): "not attached", key(4): "not attached"}),
        Ended(at(205.0), "complete"),
        waves=("25%", "100%"),
        skips=2,
    )


def hostile() -> Report:
    """Return a rollout in which every text is hostile."""
    records: list[Record] = [
        msgspec.structs.replace(
            header(len(HOSTILE), 1),
            job={"name": HOSTILE[0], "operation": {"kind": HOSTILE[1]}},
            organization=HOSTILE[2],
            address=HOSTILE[3],
        ),
        *(planned(number, name) for number, name in enumerate(HOSTILE)),
        Skipped(Target("ws-x", HOSTILE[0]), HOSTILE[2]),
        Execution(Holder(HOSTILE[0], HOSTILE[1], 1, at(0)), "1"),
        *(undone(number, 1.0, reason=reason) for number, reason in enumerate(HOSTILE)),
        Ended(at(2), HOSTILE[0]),
    ]
    return made(records)


def many(operations: int) -> Report:
    """Return a rollout of that many, a hundredth of which failed."""

    def results() -> Iterator[Record]:
        for number in range(operations):
            if number % 100 == 99:
                yield undone(number, 1 + number / 29, reason=f"422 no {number % 3}")
            else:
                yield from done(number, 1 + number / 29, took=0.04 + number % 7 / 100)

    return rolled_out(
        operations, execution(0), list(results()), Ended(at(1 + operations / 29), "complete")
    )


def page(made: Report, *, only_failed: bool = False) -> str:
    """Return a report's page."""
    return "".join(document(made, only_failed=only_failed))
