"""Sample reports: every outcome, hostile texts, waves, an undo, a replace, any size."""

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
from bulkops.operations.model import Observed, Target, TaskRef
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
REASONS = (
    "422 stage `post_apply` is not available in this version of Terraform Enterprise",
    "404 the workspace no longer exists, or this token can't see it",
    "403 " + "the token lacks the right to change run tasks of this workspace; " * 3,
)
CONFLICT = "changed outside this job: the server shows advisory at pre_plan; planned: not attached"
OBSERVED = Observed("wstask-1", {**DESIRED, "enforcement-level": "advisory"})


def at(seconds: float) -> str:
    """Return the date that many seconds after the rollout's start."""
    then = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key(number: int) -> str:
    """Return an operation's key."""
    return f"attach:ws-{number}"


def planned(number: int, name: str = "") -> Planned:
    """Return a planned attach, or an update for odd numbers."""
    target = Target(f"ws-{number}", name or f"prod-{number}")
    observed = (
        Observed("wstask-1", {**DESIRED, "enforcement-level": "advisory"}) if number % 2 else None
    )
    return Planned(key(number), target, observed, DESIRED)


def execution(seconds: float, limit: float | None = 30.0) -> list[Record]:
    """Return the records that start an execution."""
    return [Execution(Holder("ann", "build-7", 1, at(seconds)), "1"), Paced(at(seconds), limit, 29)]


def done(number: int, seconds: float, took: float = 0.05) -> list[Record]:
    """Return the records of an operation that succeeded at its first attempt."""
    result = Result(key(number), Outcome.SUCCEEDED, at(seconds), attempts=1, status=201)
    return [Intent(key(number), at(seconds - took)), result]


def not_done(
    number: int, seconds: float, outcome: Outcome = Outcome.FAILED, reason: str = ""
) -> Result:
    """Return the result of an operation that was not simply successful."""
    return Result(
        key(number), outcome, at(seconds), attempts=3, reason=reason, status=422, request_id="req-7"
    )


def wave(
    number: int, start: int, end: int, reached: Reached, seconds: float, **more: object
) -> WaveReached:
    """Return the record of a wave's progress."""
    record = WaveReached(number, start, end, reached, at(seconds))
    return msgspec.structs.replace(record, **more)


def report_of(records: Iterable[Record]) -> Report:
    """Return the report of a journal with these records, read as the command reads it."""
    timeline, records = Timeline(), list(records)
    for record in records:
        timeline.take(record)
    return report(replay(records), timeline)


def rolled_out(
    operations: int,
    *since: Record | list[Record],
    waves: tuple[str, ...] = (),
    skips: int = 0,
    names: bool = False,
) -> Report:
    """Return the report of a plan and the records after it; ``names``: use long, realistic ones."""
    first = msgspec.structs.replace(
        header(operations, skips),
        job={"name": "scan", "operation": {"kind": "attach"}, "rollout": {"waves": waves}},
    )
    name = "payments-eu-central-1-{}-production".format if names else "prod-{}".format
    records: list[Record] = [
        first,
        *(planned(number, name(number)) for number in range(operations)),
    ]
    for one in since:
        records += one if isinstance(one, list) else [one]
    return report_of(records)


def of_every_outcome() -> Report:
    """Return a rollout in two executions with every outcome, waves, 429s and drift."""
    blocked = Skipped(Target("ws-b", "prod-blocked"), "attached 2 times", blocked=True)
    return rolled_out(
        12,
        Skipped(Target("ws-x", "prod-left-alone"), "already attached as desired"),
        blocked,
        execution(0),
        wave(1, 0, 3, Reached.OPEN, 0.1),
        *(done(number, 0.5 + number / 2) for number in range(3)),
        wave(1, 0, 3, Reached.VERIFIED, 2.0, drifted=1),
        wave(1, 0, 3, Reached.VERIFIED, 2.0, until=at(100)),
        wave(1, 0, 3, Reached.PAUSE_OVER, 100.0),
        wave(1, 0, 3, Reached.PASSED, 101.0, status=0),
        wave(2, 3, 12, Reached.OPEN, 101.0),
        done(3, 102.0, took=0.9),
        Refused(at(102.2), 0.5),
        not_done(4, 103.0, reason="422 no <b>such</b> stage"),
        not_done(5, 103.0, Outcome.CONFLICT, CONFLICT),
        Intent(key(6), at(103.5)),
        Ended(at(104.0), "SIGINT"),
        execution(200.0),
        not_done(7, 201.0, Outcome.SKIPPED, "already as desired"),
        *(done(number, 202.0 + number / 10, took=1.5) for number in (8, 9, 10)),
        Verified(at(204.0), 7, {key(0): "not attached", key(4): "not attached"}),
        Ended(at(205.0), "complete"),
        waves=("25%", "100%"),
        skips=2,
    )


def hostile() -> Report:
    """Return a rollout whose texts are all hostile."""
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
        *(not_done(number, 1.0, reason=reason) for number, reason in enumerate(HOSTILE)),
        Ended(at(2), HOSTILE[0]),
    ]
    return report_of(records)


def many(operations: int) -> Report:
    """Return a rollout of that many operations; one in a hundred failed."""

    def results() -> Iterator[Record]:
        for number in range(operations):
            if number % 100 == 99:
                yield not_done(number, 1 + number / 29, reason=f"422 no {number % 3}")
            else:
                yield from done(number, 1 + number / 29, took=0.04 + number % 7 / 100)

    return rolled_out(
        operations, execution(0), list(results()), Ended(at(1 + operations / 29), "complete")
    )


def staged(operations: int = 3000) -> Report:
    """Return a rollout in three waves, with a gate, 429s and failures for several reasons."""
    ends = (operations // 20, operations // 4, operations)
    records, start, now = list[Record](), 0, 0.0
    for number, end in enumerate(ends, 1):
        records.append(wave(number, start, end, Reached.OPEN, now))
        for index in range(start, end):
            now += 0.035
            if index % 97 == 5:
                records.append(not_done(index, now, reason=f"{REASONS[index % 3]}"))
            elif index % 211 == 7:
                records.append(not_done(index, now, Outcome.CONFLICT, CONFLICT))
            else:
                records += done(index, now, took=0.04 + index % 13 / 50)
            if index % 400 == 399:
                records.append(Refused(at(now), 0.5))
        records.append(wave(number, start, end, Reached.VERIFIED, now + 1, drifted=number % 2))
        records.append(wave(number, start, end, Reached.PASSED, now + 300, status=0))
        start, now = end, now + 300
    return rolled_out(
        operations,
        execution(0),
        records,
        Verified(at(now + 5), operations - 44, {key(0): "not attached"}),
        Ended(at(now + 6), "complete"),
        waves=("5%", "25%", "100%"),
        names=True,
    )


def undo() -> Report:
    """Return an undo, interrupted once."""
    records: list[Record] = [
        msgspec.structs.replace(header(40), undo_of="bulkops-fedcba987654"),
        *(
            Planned(key(number), Target(f"ws-{number}", f"prod-{number}"), OBSERVED, desired=None)
            for number in range(40)
        ),
        *execution(0),
        *(record for number in range(20) for record in done(number, 1 + number / 10)),
        Ended(at(3.5), "SIGINT"),
        *execution(60),
        *(record for number in range(20, 39) for record in done(number, 60 + number / 10)),
        not_done(39, 65, Outcome.CONFLICT, CONFLICT),
        Ended(at(66), "complete"),
    ]
    return report_of(records)


def replaced() -> Report:
    """Return a replace, with two operations per workspace and names of the greatest length."""
    name = "payments-settlement-reconciliation-eu-central-1-production-{:03d}-".format
    records: list[Record] = [
        msgspec.structs.replace(
            header(40),
            job={"name": "replace-" + "x" * 80, "operation": {"kind": "replace"}},
            replaces=TaskRef("task-2", "security-scan-" + "legacy-" * 10),
        )
    ]
    for number in range(20):
        target = Target(f"ws-{number}", name(number).ljust(90, "z"))
        records += [
            Planned(f"attach:ws-{number}", target, None, DESIRED, aspect="new"),
            Planned(f"detach:ws-{number}", target, OBSERVED, None, aspect="old"),
        ]
    records += execution(0)
    for number in range(20):
        records += done(number, 1 + number / 4)
    return report_of([*records, Ended(at(7), "tolerance")])


def page(report: Report, *, only_failed: bool = False) -> str:
    """Return a report as HTML."""
    return "".join(document(report, only_failed=only_failed))
