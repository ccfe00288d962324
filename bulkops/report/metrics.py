"""The state of an execution as metrics in Prometheus' text format. Pure.

Labels are few and stable: only ``bulkops_info`` has the run's id. No label is called ``job``, which
Prometheus itself uses for the scraped job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.report.model import PENDING
from bulkops.runner.activity import Activity

F = TypeVar("F", InfoMetricFamily, GaugeMetricFamily, CounterMetricFamily)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all metrics.

    Attributes:
        kind: the kind of operation; ``undo of attach`` for an undo.
        shard: of a fleet; empty for a job by itself, which has no such label.
        info: labels of ``bulkops_info`` only: version, run id, ….
        started: start of the command, in seconds since 1970.
        ended: end of the command, in seconds since 1970; ``None`` while it runs.
        exit_code: the command's exit code; ``None`` while it runs.
        counts: outcome (or ``pending``) → operations; ``None`` if there is no journal yet.
        activity: ``None`` until the first request for an operation.
    """

    job: str
    organization: str
    kind: str
    shard: str = ""
    info: Mapping[str, str]
    started: float
    ended: float | None = None
    exit_code: int | None = None
    counts: Mapping[str, int] | None = None
    activity: Activity | None = None


def counts_so_far(replay: Replay) -> dict[str, int]:
    """Return outcome (or ``pending``) → operations of a running job.

    An operation in flight counts as pending, not in doubt: its answer may still arrive.
    """
    counts = Counter({o.value: number for o, number in replay.operations.results.items()})
    counts[PENDING] = len(replay.operations) - counts.total()
    return dict(+counts)


def text(*snapshots: Snapshot) -> bytes:
    """Return the metrics, each with its HELP and TYPE lines; those of a fleet's shards together."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshots))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterable[Metric]:
        """Return the metric families; unknown values have none."""
        found = dict[str, Metric]()
        for snapshot in self._snapshots:
            _add(found, snapshot)
        return found.values()


def _add(found: dict[str, Metric], snapshot: Snapshot) -> None:
    """Add a job's values; ``found``: name → family."""
    labels = {
        "job_name": snapshot.job,
        "organization": snapshot.organization,
        "kind": snapshot.kind,
        **({"shard": snapshot.shard} if snapshot.shard else {}),
    }
    names, values = list(labels), list(labels.values())

    def family(kind: type[F], name: str, help_text: str, *more: str) -> F:
        new = kind(name, help_text, labels=[*names, *more])
        known = found.setdefault(name, new)
        return known if isinstance(known, kind) else new

    info = family(InfoMetricFamily, "bulkops", "The job and its version of bulkops.")
    info.add_metric(values, dict(snapshot.info))
    if snapshot.counts is not None:
        help_text = "Operations of the job, by outcome."
        operations = family(GaugeMetricFamily, "bulkops_operations", help_text, "outcome")
        for outcome in (*(outcome.value for outcome in Outcome), PENDING):
            operations.add_metric([*values, outcome], snapshot.counts.get(outcome, 0))
    for name, help_text, value in _gauges(snapshot):
        if value is not None:
            family(GaugeMetricFamily, name, help_text).add_metric(values, value)
    for name, help_text, number in _counters(snapshot.activity):
        family(CounterMetricFamily, name, help_text).add_metric(values, number)


def _gauges(snapshot: Snapshot) -> Iterator[tuple[str, str, float | None]]:
    started = "Start of the command, in seconds since 1970."
    ended = "End of the command, in seconds since 1970; absent while it runs."
    exit_code = "Exit code of the command; absent while it runs."
    yield "bulkops_execution_start_time_seconds", started, snapshot.started
    yield "bulkops_execution_end_time_seconds", ended, snapshot.ended
    yield "bulkops_exit_code", exit_code, snapshot.exit_code
    if (activity := snapshot.activity) is not None:
        limit = "Requests per second that the server allows; absent if it reports no limit."
        yield "bulkops_in_flight", "Operations in flight.", activity.in_flight
        yield "bulkops_limit_requests_per_second", limit, activity.limit
        outage = "Seconds since the server stopped answering; 0 while it answers."
        yield "bulkops_outage_seconds", outage, activity.outage_seconds


def _counters(activity: Activity | None) -> Iterator[tuple[str, str, int]]:
    if activity is not None:
        yield "bulkops_requests", "Requests sent by this execution.", activity.requests
        yield "bulkops_retries", "Requests that this execution sent again.", activity.retries
        yield (
            "bulkops_refused",
            "Answers 429 that this execution received.",
            activity.refused,
        )
