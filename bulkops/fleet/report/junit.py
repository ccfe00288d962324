"""A fleet's report as JUnit XML: a testsuite for each shard. Pure.

| of a shard                      | in JUnit XML                                                   |
|---------------------------------|----------------------------------------------------------------|
| its journal                     | testcases as of a single job (``bulkops.report.junit``)        |
| it has not begun                | one testcase with ``<skipped>``, and why the fleet is stopped  |
| its targets that are all blocked | one testcase with ``<failure type="blocked">``                |
| the error that stopped it       | one testcase with ``<error type="shard">``                     |

The class name ends with the shard: a workspace's name may exist in several organizations.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.waves import State
from bulkops.report.junit import Case, Suite, all_cases, class_name, properties, written
from bulkops.report.model import BLOCKED


def document(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as XML 1.0, one testcase per line."""
    suites = [_suite(fleet, one, only_failed=only_failed) for one in fleet.shards]
    return written(fleet.fleet, suites)


def _suite(fleet: FleetReport, one: ShardReport, *, only_failed: bool) -> Suite:
    known = {"shard": one.shard, "organization": one.organization, "journal": one.journal}
    known |= properties(one.report) if one.report else {}
    at = one.report.created_at if one.report else ""
    return Suite(one.shard, at, known, partial(_cases, fleet, one, only_failed=only_failed))


def _cases(fleet: FleetReport, one: ShardReport, *, only_failed: bool) -> Iterator[Case]:
    kind = class_name(one.report) if one.report else f"bulkops.{fleet.kind}"
    kind = f"{kind}.{one.shard}"
    if one.problem:
        first, *rest = one.problem.split("\n")
        details = "\n".join(rest)
        yield Case(kind, one.shard, 0.0, "error", "shard", first, details)
    elif one.state is State.NOT_BEGUN and not only_failed:
        yield Case(kind, one.shard, element="skipped", message=_not_begun(fleet))
    elif one.blocked and not only_failed:
        yield Case(kind, one.shard, 0.0, "failure", BLOCKED, one.note)
    if one.report:
        yield from all_cases(one.report, kind, only_failed=only_failed)


def _not_begun(fleet: FleetReport) -> str:
    words = State.NOT_BEGUN.value
    return f"{words}: the fleet is stopped: {fleet.stopped}" if fleet.stopped else words
