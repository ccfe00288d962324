"""Sample reports: a journal with every outcome, and hostile texts from a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from bulkops.journal.records import (
    Ended,
    Execution,
    Intent,
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
from bulkops.operations.model import Target
from bulkops.report.model import Report, report
from bulkops.report.timeline import Timeline
from tests.journal.samples import HOLDER, header, planned

KEY = "attach:ws-%d"
HOSTILE = (
    'prod-<b onclick="x">|`a`</b>',
    "=cmd|' /C calc'!A0",
    "](https://evil.example) ![x](http://e.example/y.png)",
    "@octocat https://evil.example www.evil.example #1 a@b.example",
    "\x00\x1b[2J\u202e\ud800\ufffe\r\n| --- |\n# head\n</details>]]>",
    "-prod",
    "\\| \\",
    " `` ",
    "&lt;&#64;&amp;",
    "~~x~~ **y** _z_ $x$ <!-- ",
)

texts = st.sampled_from(HOSTILE) | st.text(max_size=40) | st.text("`|\\<>&@ \n*[](:", max_size=12)
"""Any reason."""
names = texts.filter(bool)
"""Any name."""


def at(seconds: float) -> str:
    """Return the date that many seconds after the rollout's start."""
    then = datetime(2026, 11, 24, 21, tzinfo=UTC) + timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def finished(number: int, outcome: Outcome, reason: str = "", status: int = 0) -> list[Record]:
    """Return an operation's intent and, half a second later, its result."""
    key, request = KEY % number, f"req-{number}"
    return [
        Intent(key, at(number)),
        Result(
            key,
            outcome,
            at(number + 0.5),
            attempts=1,
            reason=reason,
            status=status,
            request_id=request,
        ),
    ]


def mixed() -> list[Record]:
    """Return the records after a plan of six operations: every outcome, and one pending."""
    return [
        Execution(HOLDER, "1"),
        *finished(0, Outcome.SUCCEEDED, status=201),
        *finished(1, Outcome.FAILED, "422 no", status=422),
        *finished(2, Outcome.CONFLICT, "changed outside this job"),
        Refused(at(3), 0.5),
        Intent(KEY % 3, at(3)),
        *finished(4, Outcome.SKIPPED, "already as desired"),
        Verified(at(6), 1, {KEY % 0: "not attached"}),
        Ended(at(7), "complete"),
    ]


def made(
    operations: int = 6,
    records: Iterable[Record] = (),
    *,
    names: Sequence[str] = (),
    skips: Sequence[Skipped] = (),
    rollout: dict[str, object] | None = None,
) -> Report:
    """Return the report of a journal with that many operations and the records after its plan.

    Args:
        names: names of the first targets; the others are ``prod-0``, ….
    """
    head = header(operations, len(skips))
    head = msgspec.structs.replace(head, job={**head.job, "rollout": rollout or {}})
    plans = [planned(number) for number in range(operations)]
    for number, name in enumerate(names):
        target = Target(f"ws-{number}", name)
        plans[number] = msgspec.structs.replace(plans[number], target=target)
    all_records: list[Record] = [head, *plans, *skips, *records]
    timeline = Timeline()
    for record in all_records:
        timeline.take(record)
    return report(replay(all_records), timeline)


SKIPS = (
    Skipped(Target("ws-8", "prod-8"), "already attached as desired"),
    Skipped(Target("ws-9", "prod-9"), "attached 2 times", blocked=True),
)
TASK_PLAN = Planned(
    "task-disable:task-1",
    Target("task-1", "security-scan"),
    None,
    {"enabled": False},
)


def everything() -> Report:
    """Return the report of six operations with every outcome, and two skipped."""
    return made(6, mixed(), skips=SKIPS)


def failed(names: Sequence[str], reasons: Sequence[str]) -> Report:
    """Return the report of operations that all failed, with these names and reasons."""
    results = [
        record
        for number, reason in enumerate(reasons)
        for record in finished(number, Outcome.FAILED, reason)
    ]
    return made(len(names), [Execution(HOLDER, "1"), *results], names=names)


def wave(number: int, start: int, end: int, reached: Reached, seconds: float) -> WaveReached:
    """Return the record of a wave's progress."""
    return WaveReached(number, start, end, reached, at(seconds))
