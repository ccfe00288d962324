"""How a job's execution stands, as metrics in Prometheus' text format. Pure.

The labels are few and stay the same: a run has its id in ``bulkops_info`` only. None is called
``job``, which is what Prometheus calls whatever it scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

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


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What metrics are made of.

    Attributes:
        kind: of operation; ``undo of attach`` of an undo.
        info: what is not to be a label of everything: version, run id, ….
        started: when the command was started, in seconds since 1970.
        ended: likewise, ``None`` while it runs.
        exit_code: ``None`` while it runs.
        counts: outcome (and ``pending``) → operations; ``None`` where there is no journal yet.
        activity: ``None`` where nothing has been sent for an operation yet.
    """

    job: str
    organization: str
    kind: str
    info: Mapping[str, str]
    started: float
    ended: float | None = None
    exit_code: int | None = None
    counts: Mapping[str, int] | None = None
    activity: Activity | None = None


def counts_so_far(replay: Replay) -> dict[str, int]:
    """Return outcome (and ``pending``) → operations of a job that is being carried out.

    What was sent and has no result yet is not in doubt while its answer may come: it is pending.
    """
    counts = Counter({o.value: number for o, number in replay.operations.results.items()})
    counts[PENDING] = len(replay.operations) - counts.total()
    return dict(+counts)


def text(snapshot: Snapshot) -> bytes:
    """Return the metrics, each with its help and its type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._standing = snapshot

    def collect(self) -> Iterable[Metric]:
        """Yield the families; what is not known has none."""
        snapshot = self._standing
        labels = {
            "job_name": snapshot.job,
            "organization": snapshot.organization,
            "kind": snapshot.kind,
        }
        names, values = list(labels), list(labels.values())
        info = InfoMetricFamily("bulkops", "What is being carried out, and by what.", labels=names)
        info.add_metric(values, dict(snapshot.info))
        yield info
        if snapshot.counts is not None:
            help_text = "Operations of the job by what became of them."
            family = GaugeMetricFamily("bulkops_operations", help_text, labels=[*names, "outcome"])
            for outcome in (*(outcome.value for outcome in Outcome), PENDING):
                family.add_metric([*values, outcome], snapshot.counts.get(outcome, 0))
            yield family
        for name, help_text, value in _gauges(snapshot):
            if value is not None:
                gauge = GaugeMetricFamily(name, help_text, labels=names)
                gauge.add_metric(values, value)
                yield gauge
        for name, help_text, number in _counters(snapshot.activity):
            counter = CounterMetricFamily(name, help_text, labels=names)
            counter.add_metric(values, number)
            yield counter


def _gauges(snapshot: Snapshot) -> Iterator[tuple[str, str, float | None]]:
    started = "When the command was started, in seconds since 1970."
    ended = "When the command ended, in seconds since 1970; absent while it runs."
    exit_code = "What the command ended with; absent while it runs."
    yield "bulkops_execution_start_time_seconds", started, snapshot.started
    yield "bulkops_execution_end_time_seconds", ended, snapshot.ended
    yield "bulkops_exit_code", exit_code, snapshot.exit_code
    if (activity := snapshot.activity) is not None:
        limit = "Requests a second that the server allows; absent where it tells none."
        yield "bulkops_in_flight", "Operations begun and not ended.", activity.in_flight
        yield "bulkops_limit_requests_per_second", limit, activity.limit
        away = "For how long the server has answered nothing; 0 while it answers."
        yield "bulkops_outage_seconds", away, activity.outage_seconds


def _counters(activity: Activity | None) -> Iterator[tuple[str, str, int]]:
    if activity is not None:
        yield "bulkops_requests", "Requests sent by this execution.", activity.requests
        yield "bulkops_retries", "Requests sent again by this execution.", activity.retries
        yield "bulkops_refused", "Answers 429 to this execution.", activity.refused
